import { parseFields, payloadHash } from "./canonical.ts";
import { parseDuration } from "./duration.ts";
import { invalid, JobdError, show } from "./errors.ts";
import type { Json } from "./json.ts";
import { FINAL_STATES, type FinalState, isFinal, JOB_STATES, WAITING_STATES } from "./states.ts";
import { checkText } from "./text.ts";
import {
  CONFLICT_POLICIES,
  type ConflictPolicy,
  REPLACEABLE,
  type Replaceable,
  STATE_GROUPS,
  UNIQUE_SCOPES,
  type Uniqueness,
  type UniqueOptions,
} from "./unique.ts";

const KNOWN: Record<keyof UniqueOptions, true> = {
  key: true,
  fields: true,
  scope: true,
  per: true,
  states: true,
  onConflict: true,
  replace: true,
  maxWait: true,
  defer: true,
};

/** The longest unique key, in characters. */
export const UNIQUE_KEY_MAX = 512;

/** What of a job its uniqueness depends on. */
export interface UniqueSubject {
  /** Its payload. */
  payload: Json;
  /** The store's time, epoch milliseconds. */
  now: number;
  /** Its first start. */
  runAt: number;
}

/**
 * Reads {@linkcode UniqueOptions}.
 *
 * @throws {JobdError} `invalid_request` naming what is wrong
 */
export function parseUnique(options: UniqueOptions, { payload, now, runAt }: UniqueSubject): Uniqueness {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid("unique", options, 'an object such as { key: "k" } or { fields: ["user.id"] }');
  }
  refuseUnknown(options);
  const policy = oneOf("unique onConflict", options.onConflict ?? "keep", CONFLICT_POLICIES);
  refuseStrangers(options, policy);
  if (policy === "debounce" && runAt <= now) {
    throw refusal(
      "debounce needs a delay",
      "Say with `delay` how long after the last request the job starts.",
    );
  }
  const scope = oneOf("unique scope", options.scope ?? "type", UNIQUE_SCOPES);
  const perMs = options.per === undefined ? undefined : positive("unique per", options.per);
  const held = heldStates(options, policy);
  return {
    ...identity(options, payload),
    ...(scope === "type" ? {} : { scope }),
    ...(perMs === undefined ? {} : { window: { perMs, from: Math.floor(now / perMs) * perMs } }),
    ...held,
    ...(policy === "keep" ? {} : { onConflict: policy }),
    ...(options.replace === undefined ? {} : { replace: replaceable(options.replace) }),
    ...(options.maxWait === undefined ? {} : { maxWaitMs: positive("unique maxWait", options.maxWait) }),
    ...(options.defer === true ? { defer: true } : {}),
  };
}

function refuseUnknown(options: UniqueOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name)) {
      throw new JobdError("invalid_request", `Unknown field ${show(name)} of unique`, {
        hint: `Known fields: ${Object.keys(KNOWN).join(", ")}.`,
      });
    }
  }
}

/** Settings that say nothing under another policy, so that somebody who gives them means something else. */
function refuseStrangers({ replace, maxWait, defer, per }: UniqueOptions, policy: ConflictPolicy): void {
  if (replace !== undefined && policy !== "replace" && policy !== "debounce") {
    throw refusal("replace needs the policy replace or debounce", `Set onConflict; it is ${policy}.`);
  }
  if (maxWait !== undefined && policy !== "debounce") {
    throw refusal("maxWait needs the policy debounce", `Set onConflict; it is ${policy}.`);
  }
  if (defer !== undefined && typeof defer !== "boolean") {
    throw invalid("unique defer", defer, "true or false");
  }
  if (defer === true && policy !== "throttle") {
    throw refusal("defer needs the policy throttle", `Set onConflict; it is ${policy}.`);
  }
  if (policy === "throttle" && per === undefined) {
    throw refusal("throttle needs a period", 'Say with `per` how often a job may be made, such as "1h".');
  }
}

function refusal(what: string, hint: string): JobdError {
  return new JobdError("invalid_request", `Invalid unique: ${what}`, { hint });
}

/** The key, the values of the fields, or the whole payload. */
function identity(
  { key, fields }: UniqueOptions,
  payload: Json,
): Pick<Uniqueness, "key" | "fields" | "hash"> {
  const text = key === undefined ? {} : { key: checkText("unique key", key, UNIQUE_KEY_MAX) };
  if (fields !== undefined) {
    const names = parseFields(fields);
    return { ...text, fields: names, hash: payloadHash(payload, names) };
  }
  return key === undefined ? { hash: payloadHash(payload) } : text;
}

function heldStates(
  { states, per }: UniqueOptions,
  policy: ConflictPolicy,
): Pick<Uniqueness, "whileRunning" | "afterwards"> {
  const held = states === undefined ? defaultStates(policy, per !== undefined) : parseStates(states);
  const afterwards = FINAL_STATES.filter((state) => held.has(state));
  return {
    ...(held.has("running") ? {} : { whileRunning: false }),
    ...(afterwards.length === 0 ? {} : { afterwards }),
  };
}

function defaultStates(policy: ConflictPolicy, periodic: boolean): Set<string> {
  if (policy === "throttle") return new Set(JOB_STATES);
  // A request that comes while the job runs may tell of something that this run has not seen.
  const running = policy === "debounce" ? [] : ["running"];
  const after: FinalState[] = periodic ? ["completed"] : [];
  return new Set([...WAITING_STATES, ...running, ...after]);
}

function parseStates(states: unknown): Set<string> {
  const known: readonly string[] = [...JOB_STATES, ...STATE_GROUPS];
  if (!Array.isArray(states) || states.length === 0 || !states.every((state) => known.includes(state))) {
    throw invalid("unique states", states, `a list of ${known.join(", ")}`);
  }
  const held = new Set((states as string[]).flatMap(spelledOut));
  // A job goes from one waiting state to another by itself and cannot lose its key on the way.
  const missing = WAITING_STATES.filter((state) => !held.has(state));
  if (missing.length > 0) {
    throw new JobdError(
      "invalid_request",
      `Invalid unique states: ${show(states)} lacks ${missing.join(", ")}`,
      {
        hint: 'A waiting job always holds its key: add "waiting" (or "unfinished").',
      },
    );
  }
  return held;
}

function spelledOut(state: string): readonly string[] {
  if (state === "waiting") return WAITING_STATES;
  if (state === "finished") return FINAL_STATES;
  return state === "unfinished" ? JOB_STATES.filter((each) => !isFinal(each)) : [state];
}

function replaceable(fields: unknown): Replaceable[] {
  if (!Array.isArray(fields) || !fields.every((field) => REPLACEABLE.includes(field))) {
    throw invalid("unique replace", fields, `a list of ${REPLACEABLE.join(", ")}`);
  }
  return REPLACEABLE.filter((field) => fields.includes(field));
}

function oneOf<T extends string>(what: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw invalid(what, value, `one of ${allowed.join(", ")}`);
  return found;
}

function positive(what: string, value: unknown): number {
  const ms = parseDuration(value as string, what);
  if (ms === 0) throw invalid(what, value, "longer than 0");
  return ms;
}
