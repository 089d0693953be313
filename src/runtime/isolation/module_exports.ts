import type { Json } from "../../domain/json.ts";
import { isDefinition, type JobDefinition } from "../definition.ts";
import type { Described } from "./protocol.ts";

/** The definitions that a module exports and that can run jobs, whatever their export is called; each once. */
export function definitionsOf(exports: Record<string, unknown>): JobDefinition[] {
  const definitions = Object.values(exports).flatMap((value) => Array.isArray(value) ? value : [value])
    .filter(isDefinition).filter(({ runs }) => runs);
  return [...new Set(definitions)];
}

/** What a worker must know of a definition that it cannot reach, as plain data. */
export function described(
  { type, aliases = [], timeoutMs, backoff, isolation, limit, redact }: JobDefinition,
): Described {
  const decidesBackoff = typeof backoff === "function";
  return {
    type,
    aliases,
    decidesBackoff,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(backoff === undefined || decidesBackoff ? {} : { backoff: backoff as unknown as Json }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(limit === undefined ? {} : { limit }),
    ...(redact === undefined ? {} : { redact }),
  };
}
