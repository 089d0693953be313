import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  parseJSONRPCMessage,
  specTypeSchemas,
} from "@modelcontextprotocol/server";
import { messageOf } from "../../domain/errors.ts";
import { checkJson, type JsonLimits, parseJson } from "../../domain/json.ts";

/** A message holds a request for a job, which is checked for itself: these are the bounds of what is around it. */
const MESSAGE_LIMITS: JsonLimits = { maxBytes: 1024 * 1024, maxDepth: 80, maxItems: 100_000 };

/** The requests that are looked at before they are answered, and their schemas. */
const REQUESTS: Readonly<Record<string, keyof typeof specTypeSchemas>> = {
  "initialize": "InitializeRequest",
  "tools/list": "ListToolsRequest",
  "tools/call": "CallToolRequest",
  "resources/list": "ListResourcesRequest",
  "resources/templates/list": "ListResourceTemplatesRequest",
  "resources/read": "ReadResourceRequest",
  "prompts/list": "ListPromptsRequest",
  "prompts/get": "GetPromptRequest",
  "completion/complete": "CompleteRequest",
};

/** A message of the protocol, or what is wrong with it; with the id under which that is to be said, if it has one. */
export type Checked = { message: JSONRPCMessage } | { error: string; code: number; id?: string | number };

/** Reads a message. */
export function readMessage(text: string): Checked {
  let value: unknown;
  try {
    value = parseJson("message", text);
  } catch (error) {
    return { error: messageOf(error), code: -32700, ...lostId(text) };
  }
  return checkMessage(value);
}

/** The id in a text that says more than its values could hold: whoever sent it waits for an answer. */
function lostId(text: string): { id?: string | number } {
  try {
    return idOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function idOf(value: unknown): { id?: string | number } {
  const { id } = (typeof value === "object" && value !== null ? value : {}) as { id?: unknown };
  return typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id)) ? { id } : {};
}

/** Checks that a value is a message of the protocol. */
export function checkMessage(value: unknown): Checked {
  if (Array.isArray(value)) return { error: "Messages come one by one, not in lists", code: -32600 };
  const known = idOf(value);
  try {
    checkJson("message", value, MESSAGE_LIMITS);
  } catch (error) {
    return { error: messageOf(error), code: -32600, ...known };
  }
  let message: JSONRPCMessage;
  try {
    message = parseJSONRPCMessage(value);
  } catch {
    return { error: "This is not a message of JSON-RPC 2.0", code: -32600, ...known };
  }
  const wrong = "method" in message && "id" in message ? wrongParams(message) : undefined;
  return wrong === undefined ? { message } : { error: wrong, code: -32602, ...known };
}

/** What is wrong with the parameters of a request. The package that serves requests takes them for faults of its own. */
function wrongParams(message: JSONRPCRequest): string | undefined {
  const type = Object.hasOwn(REQUESTS, message.method) ? REQUESTS[message.method] : undefined;
  if (type === undefined) return undefined;
  const result = specTypeSchemas[type]["~standard"].validate(message);
  if (result instanceof Promise || result.issues === undefined) return undefined;
  const [issue] = result.issues;
  const place = issue?.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return `Invalid ${place || "params"}: ${issue?.message}`;
}
