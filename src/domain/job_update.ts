import { type Plan, planAction } from "./amendment.ts";
import { JobdError, messageOf } from "./errors.ts";
import type { Job, JobOptions } from "./job.ts";
import type { OptionsPatch, Replacement } from "./replacement.ts";
import { refuseRedacted } from "./redaction.ts";
import { type JobRequest, newJob } from "./request.ts";
import { isFinal, type JobState } from "./states.ts";

/** Settings that an update may also take away, with null. */
export type Removable =
  | "timeout"
  | "ttl"
  | "backoff"
  | "retention"
  | "limitKey"
  | "limitWeight"
  | "tags"
  | "meta"
  | "headers";

/** What may be changed about a job that has not started; see {@linkcode JobRequest} for each. What is left out stays. */
export type JobUpdate =
  & Pick<JobRequest, "queue" | "priority" | "delay" | "runAt" | "payload" | "maxAttempts" | "redact">
  & { [K in Removable]?: JobRequest[K] | null };

const KNOWN: Record<keyof JobUpdate, true> = {
  queue: true,
  priority: true,
  delay: true,
  runAt: true,
  payload: true,
  maxAttempts: true,
  timeout: true,
  ttl: true,
  backoff: true,
  retention: true,
  limitKey: true,
  limitWeight: true,
  tags: true,
  meta: true,
  headers: true,
  redact: true,
};

const REMOVABLE = {
  timeout: "timeoutMs",
  ttl: "ttlMs",
  backoff: "backoff",
  retention: "retentionMs",
  limitKey: "limitKey",
  limitWeight: "limitWeight",
  tags: "tags",
  meta: "meta",
  headers: "headers",
} as const satisfies Record<Removable, keyof JobOptions>;

/** A job's id and type are checked with the rest of a request, and stay as they are. */
const ANY = { id: "00000000-0000-7000-8000-000000000000", type: "update" };

/**
 * Checks an update as a request is checked; `delay` and `ttl` count from now.
 *
 * @throws {JobdError} `invalid_request` for the first thing that is wrong, naming field, value and what is allowed
 */
export function jobPatch(update: JobUpdate, now: number): Replacement {
  const given = givenFields(update);
  const removed = Object.keys(given).filter((field): field is Removable =>
    Object.hasOwn(REMOVABLE, field) && given[field as Removable] === null
  );
  const rest = Object.fromEntries(
    Object.entries(given).filter(([field]) => !removed.includes(field as Removable)),
  );
  const job = newJob({ ...rest, ...ANY }, { now, id: ANY.id, maxAttempts: 1 });
  const options: OptionsPatch = { ...job.options };
  for (const field of removed) options[REMOVABLE[field]] = null;
  if (given.redact?.length === 0) options.redact = null;
  const has = (field: keyof JobUpdate): boolean => given[field] !== undefined;
  return {
    ...(has("queue") ? { queue: job.queue } : {}),
    ...(has("priority") ? { priority: job.priority } : {}),
    ...(has("delay") || has("runAt") ? { runAt: job.runAt } : {}),
    ...(has("payload") ? { payload: job.payload } : {}),
    ...(has("maxAttempts") ? { maxAttempts: job.maxAttempts } : {}),
    ...(has("ttl") ? { expireAt: job.expireAt } : {}),
    ...(Object.keys(options).length > 0 ? { options } : {}),
  };
}

function givenFields(update: JobUpdate): JobUpdate {
  if (typeof update !== "object" || update === null || Array.isArray(update)) {
    throw new JobdError("invalid_request", "An update must be an object, such as { priority: 10 }");
  }
  const entries = Object.entries(update).filter(([, value]) => value !== undefined);
  const hint = `What can be changed: ${Object.keys(KNOWN).join(", ")}.`;
  for (const [field, value] of entries) {
    if (!Object.hasOwn(KNOWN, field)) {
      throw new JobdError("invalid_request", `Cannot change ${JSON.stringify(field)} of a job`, { hint });
    }
    if (value === null && field !== "payload" && !Object.hasOwn(REMOVABLE, field)) {
      throw new JobdError("invalid_request", `Cannot take ${JSON.stringify(field)} away from a job`, {
        hint: `What null takes away: ${Object.keys(REMOVABLE).join(", ")}.`,
      });
    }
  }
  if (entries.length === 0) {
    throw new JobdError("invalid_request", "It is not said what to change about the jobs", { hint });
  }
  return Object.fromEntries(entries);
}

/** What a patch means for a job in this state. */
export function planUpdate(job: Job, patch: Replacement): Plan {
  if (job.state === "running") {
    return { kind: "refused", reason: "it is running: let it end, or cancel it and enqueue another" };
  }
  if (isFinal(job.state)) {
    return {
      kind: "refused",
      reason: `it is ${job.state}: only jobs that have not started can be changed; enqueue another`,
    };
  }
  if (patch.maxAttempts !== undefined && patch.maxAttempts <= job.failures) {
    return {
      kind: "refused",
      reason: `it has failed ${job.failures} times already: maxAttempts must be higher than that`,
    };
  }
  const set = { ...patch };
  // What is so already is left out, so that the job keeps its place.
  for (const field of ["queue", "priority", "runAt"] as const) {
    if (set[field] === job[field]) delete set[field];
  }
  return Object.keys(set).length === 0
    ? { kind: "done" }
    : { kind: "change", change: { kind: "replace", set } };
}

/** Why a patch may not be: its payload was read where it is redacted. To be asked before the payload is encrypted. */
export function notReal(
  { options: { redact: old } }: Job,
  { payload, options }: Replacement,
): string | undefined {
  const redact = options?.redact === undefined ? old : options.redact ?? undefined;
  try {
    if (payload !== undefined) refuseRedacted(payload, redact);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What a retry with a patch means for a job in this state; with `only` it means nothing to jobs in other states. */
export function planEditedRetry(
  job: Job,
  { patch, at, only }: { patch: Replacement; at: number; only?: JobState | undefined },
): Plan {
  const plan = planAction(job, "retry", only);
  if (plan.kind !== "change") return plan;
  return isFinal(job.state)
    ? { kind: "change", change: { kind: "reviveWith", set: patch } }
    : planUpdate(job, { runAt: at, ...patch });
}
