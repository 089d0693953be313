import { type Duration, parseDuration } from "./duration.ts";
import { invalid, JobdError } from "./errors.ts";
import { checkText } from "./text.ts";

/** Jobs of one group at most. */
export const GROUP_MAX = 1_000;
/** Jobs that make a group full, unless its rules say otherwise. */
export const DEFAULT_GROUP_SIZE = 100;
/** How long a group gathers, unless its rules say otherwise, in milliseconds. */
export const DEFAULT_GROUP_AGE_MS = 60_000;
/** Characters of a group key at most. */
const KEY_MAX = 255;

/** When jobs that are gathered are handed over: at the first of these. */
export interface GroupRules {
  /** As soon as there are so many, 1 to 1,000. @default 100 */
  size?: number;
  /** This long after the first one. @default "1m" */
  maxAge?: Duration;
  /** This long after the latest one. @default never for that reason */
  silence?: Duration;
}

/** What a job is gathered by. */
export interface GroupOptions extends GroupRules {
  /** What tells groups of a queue and type apart, such as a host or a customer; up to 255 characters. */
  key: string;
}

/** {@linkcode GroupOptions}, or the key alone. */
export type GroupRequest = string | GroupOptions;

/** What a job is gathered by, as it is stored. */
export interface Gathering {
  /** Tells groups apart. */
  key: string;
  /** How many are enough. */
  size: number;
  /** How long the first one waits, in milliseconds. */
  maxAgeMs: number;
  /** How long after the latest one it is time, in milliseconds. */
  silenceMs?: number;
}

const KNOWN = ["key", "size", "maxAge", "silence"];

/** Reads what a job is gathered by. @throws {JobdError} `invalid_request` naming what is wrong */
export function parseGroup(request: unknown): Gathering {
  if (typeof request === "string") return parseGroup({ key: request });
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw invalid("group", request, "a key, or an object with one");
  }
  const { key, ...rules } = request as GroupOptions;
  if (key === undefined || key === "") throw invalid("group key", key, "a text of 1 to 255 characters");
  return { key: checkText("group key", key, KEY_MAX), ...parseGroupRules(rules) };
}

/** Reads rules, with what they leave out. @throws {JobdError} `invalid_request` naming what is wrong */
export function parseGroupRules(rules: GroupRules & { key?: unknown }): Omit<Gathering, "key"> {
  for (const name of Object.keys(rules)) {
    if (KNOWN.includes(name)) continue;
    throw new JobdError("invalid_request", `Unknown field ${JSON.stringify(name)} of group`, {
      hint: `Known fields: ${KNOWN.join(", ")}.`,
    });
  }
  const { size = DEFAULT_GROUP_SIZE, maxAge = DEFAULT_GROUP_AGE_MS, silence } = rules;
  if (!Number.isInteger(size) || size < 1 || size > GROUP_MAX) {
    throw invalid("group size", size, `an integer from 1 to ${GROUP_MAX}`);
  }
  const silenceMs = silence === undefined ? undefined : positive("group silence", silence);
  return {
    size,
    maxAgeMs: positive("group age", maxAge),
    ...(silenceMs === undefined ? {} : { silenceMs }),
  };
}

/** A group decides when its jobs start, so nothing else of the request may. @throws {JobdError} `invalid_request` */
export function refuseWithGroup(request: { after?: unknown; delay?: unknown; runAt?: unknown }): void {
  for (const field of ["after", "delay", "runAt"] as const) {
    if (request[field] === undefined || (field === "delay" && request.delay === 0)) continue;
    throw new JobdError("invalid_request", `A job cannot have both a group and ${field}`, {
      hint: "The group decides when its jobs start: by its size, its age, and silence.",
    });
  }
}

/** When a group is to be handed over, after a job has joined it. */
export function groupDueAt(
  { size, maxAgeMs, silenceMs = Infinity }: Gathering,
  { joined, openedAt, now }: { joined: number; openedAt: number; now: number },
): number {
  return joined >= size ? now : Math.min(openedAt + maxAgeMs, now + silenceMs);
}

function positive(what: string, value: Duration): number {
  const ms = parseDuration(value, what);
  if (ms === 0) throw invalid(what, value, "longer than 0");
  return ms;
}
