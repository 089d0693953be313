import type { Json } from "../../domain/json.ts";
import { isDefinition, type JobDefinition } from "../definition.ts";
import { isScheduleDefinition } from "../schedule_definition.ts";
import type { Described, DescribedSchedule, ModuleContents } from "./protocol.ts";

/** What a module holds, as plain data. @throws {JobdError} `invalid_request` for a schedule whose payload does not fit its job */
export async function contentsOf(exports: Record<string, unknown>): Promise<ModuleContents> {
  return {
    definitions: definitionsOf(exports).map(described),
    schedules: await schedulesOf(exports),
    exports: Object.keys(exports).length,
  };
}

/** The definitions that a module exports and that can run jobs, whatever their export is called; each once. */
export function definitionsOf(exports: Record<string, unknown>): JobDefinition[] {
  return exported(exports).filter(isDefinition).filter(({ runs }) => runs);
}

async function schedulesOf(exports: Record<string, unknown>): Promise<DescribedSchedule[]> {
  const definitions = exported(exports).filter(isScheduleDefinition);
  return await Promise.all(definitions.map(async (one) => ({ name: one.name, spec: await one.spec() })));
}

/** What it exports, alone or in lists, each once. */
function exported(exports: Record<string, unknown>): unknown[] {
  return [
    ...new Set(Object.values(exports).flatMap((value): unknown[] => Array.isArray(value) ? value : [value])),
  ];
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
