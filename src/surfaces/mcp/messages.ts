import { type JSONRPCMessage, parseJSONRPCMessage } from "@modelcontextprotocol/server";
import { checkJson, type JsonLimits } from "../../domain/json.ts";

/** A message holds a request for a job, which is checked for itself: these are the bounds of what is around it. */
const MESSAGE_LIMITS: JsonLimits = { maxBytes: 1024 * 1024, maxDepth: 80, maxItems: 100_000 };

/** A message of the protocol, or what is wrong with it; with the id under which that is to be said, if it has one. */
export type Checked = { message: JSONRPCMessage } | { error: string; code: number; id?: string | number };

/** Checks that a value is a message of the protocol. @throws {JobdError} `invalid_request` for what is not plain data */
export function checkMessage(value: unknown): Checked {
  if (Array.isArray(value)) return { error: "Messages come one by one, not in lists", code: -32600 };
  checkJson("message", value, MESSAGE_LIMITS);
  try {
    return { message: parseJSONRPCMessage(value) };
  } catch {
    const { id } = (typeof value === "object" && value !== null ? value : {}) as { id?: unknown };
    const known = typeof id === "string" || typeof id === "number" ? { id } : {};
    return { error: "This is not a message of JSON-RPC 2.0", code: -32600, ...known };
  }
}
