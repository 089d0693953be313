import { type Amendment, amendmentOf, type Change } from "./amendment.ts";
import { JobdError } from "./errors.ts";
import { MAX_INSTANT_MS } from "./instant.ts";
import type { Job, JobOptions, NewJob } from "./job.ts";
import { type OptionsPatch, patchedOptions, type Replacement, stateAfter } from "./replacement.ts";
import { isFinal, isWaiting, type JobState } from "./states.ts";
import { holdsKey, keepsLock, REPLACEABLE, type Replaceable } from "./unique.ts";

/** What a decision about a unique key needs to know of the job that holds it. */
export type Holder = Pick<
  Job,
  | "id"
  | "state"
  | "attempt"
  | "priority"
  | "maxAttempts"
  | "createdAt"
  | "runAt"
  | "expireAt"
  | "cancelRequestedAt"
  | "waitingFor"
  | "gathering"
  | "options"
>;

/** What happens between a new job and the holder of its unique key. */
export type ContestPlan =
  /** The holder stands for the new job too. */
  | { kind: "keep" }
  /** The holder takes over what the new job brings. */
  | { kind: "replace"; set: Replacement }
  /** The holder loses the key by these changes, one after the other, and the new job is inserted; `displaced` is what becomes of it. */
  | { kind: "take"; amendments: Amendment[]; displaced?: JobState }
  /** The new job waits for the next period, if nobody else does. */
  | { kind: "defer"; job: NewJob }
  /** Nothing of the call happens. */
  | { kind: "fail" };

/** Decides between a new job and the holder of its unique key. The only place where that is decided. */
export function planContest(holder: Holder, job: NewJob): ContestPlan {
  if (!holdsKey(holder.state, holder.options.unique)) {
    return { kind: "take", amendments: [amendment(holder, job, { kind: "releaseKey" })] };
  }
  switch (job.options.unique?.onConflict) {
    case undefined:
      return { kind: "keep" };
    case "fail":
      return { kind: "fail" };
    case "replace":
    case "debounce":
      return planReplace(holder, job);
    case "throttle":
      return planThrottle(job);
    case "cancel":
      return planCancel(holder, job);
  }
}

/** The holder as it is after a replacement. */
export function replaced(holder: Holder, set: Replacement, at: number): Holder {
  const { payload: _, queue: __, ...rest } = set;
  return {
    ...holder,
    ...rest,
    options: patchedOptions(holder.options, set),
    state: stateAfter(holder, set, at),
  };
}

/** The error of a call that must not go on while its key is held. */
export function conflictError(job: NewJob, holder: Pick<Job, "id" | "state">): JobdError {
  const { key, fields } = job.options.unique ?? {};
  const what = key !== undefined
    ? `unique key ${JSON.stringify(key)}`
    : fields !== undefined
    ? `values of ${fields.join(", ")}`
    : "payload";
  return new JobdError(
    "conflict",
    `Job ${holder.id}, which is ${holder.state}, has the same ${what} as the new job of type ${job.type}`,
    { hint: "Nothing was enqueued. Wait for that job, cancel it, or choose another onConflict than fail." },
  );
}

function planReplace(holder: Holder, job: NewJob): ContestPlan {
  if (!isWaiting(holder.state)) return { kind: "keep" };
  const set = replacement(holder, job);
  return Object.keys(set).length === 0 ? { kind: "keep" } : { kind: "replace", set };
}

function planThrottle(job: NewJob): ContestPlan {
  const later = deferred(job);
  return later === null ? { kind: "keep" } : { kind: "defer", job: later };
}

/** The job as it waits for the next period; null when it may not, or does so already: one that waits is enough. */
export function deferred(job: NewJob): NewJob | null {
  const { unique } = job.options;
  const { window, defer } = unique ?? {};
  if (defer !== true || window === undefined || window.from > job.createdAt) return null;
  const from = window.from + window.perMs;
  return {
    ...job,
    runAt: Math.min(Math.max(job.runAt, from), MAX_INSTANT_MS),
    options: { ...job.options, unique: { ...unique, window: { ...window, from } } },
  };
}

function planCancel(holder: Holder, job: NewJob): ContestPlan {
  if (isFinal(holder.state)) return { kind: "keep" };
  const release = (from: Holder["state"]): Amendment =>
    amendment({ ...holder, state: from }, job, { kind: "releaseKey" });
  if (holder.state === "running") {
    const ask = amendment(holder, job, { kind: "requestCancel" });
    return { kind: "take", amendments: [ask, release("running")], displaced: "running" };
  }
  const cancel = amendment(holder, job, {
    kind: "cancel",
    reason: `Job ${job.id} with the same unique key took its place`,
  });
  const amendments = keepsLock(holder.options) ? [cancel, release("cancelled")] : [cancel];
  return { kind: "take", amendments, displaced: "cancelled" };
}

function amendment(holder: Holder, { createdAt: at }: NewJob, change: Change): Amendment {
  return amendmentOf(holder, at, change);
}

const OPTION_OF = {
  timeout: "timeoutMs",
  ttl: "ttlMs",
  backoff: "backoff",
  retention: "retentionMs",
  tags: "tags",
  meta: "meta",
  headers: "headers",
  origin: "origin",
  // Without its key a payload cannot be read, and a plain one must not be taken for a ciphertext.
  payload: "encrypted",
} as const satisfies Partial<Record<Replaceable, keyof JobOptions>>;

/** What changes about the holder; what is equal is left out, so that a job that stays where it is keeps its place. */
function replacement(holder: Holder, job: NewJob): Replacement {
  const { onConflict, replace } = job.options.unique ?? {};
  const debounced = onConflict === "debounce";
  const wanted = new Set<Replaceable>(replace ?? (debounced ? ["payload"] : REPLACEABLE));
  const set: Replacement = {};
  if (wanted.has("payload")) set.payload = job.payload;
  if (wanted.has("priority") && job.priority !== holder.priority) set.priority = job.priority;
  if (wanted.has("maxAttempts") && job.maxAttempts !== holder.maxAttempts) set.maxAttempts = job.maxAttempts;
  if (wanted.has("ttl") && job.expireAt !== holder.expireAt) set.expireAt = job.expireAt;
  if (debounced || wanted.has("runAt")) Object.assign(set, start(holder, job));
  const options = newOptions(holder.options, job.options, wanted);
  if (options !== undefined) set.options = options;
  return set;
}

function start(holder: Holder, job: NewJob): Pick<Replacement, "runAt"> {
  const { createdAt: at, options: { unique } } = job;
  const latest = unique?.maxWaitMs === undefined ? Infinity : holder.createdAt + unique.maxWaitMs;
  // A job that waits for a retry, or put itself off, has a reason not to start sooner.
  const earliest = holder.attempt > 0 ? holder.runAt : at;
  const runAt = Math.max(Math.min(job.runAt, latest), earliest);
  const stays = holder.state === "available"
    ? runAt <= at
    : holder.state === "blocked" || runAt === holder.runAt;
  return stays ? {} : { runAt };
}

/** How the options of a job differ from those given, as far as they are wanted; undefined when they do not. */
function newOptions(old: JobOptions, given: JobOptions, wanted: Set<Replaceable>): OptionsPatch | undefined {
  const changed = Object.entries(OPTION_OF).flatMap(([field, option]) => {
    const same = JSON.stringify(old[option]) === JSON.stringify(given[option]);
    return same || !wanted.has(field as Replaceable) ? [] : [[option, given[option] ?? null]];
  });
  // What is redacted follows the payload. The list is written even when it is the same: another change may come in between.
  const redacts = (old.redact ?? given.redact) !== undefined;
  if (wanted.has("payload") && redacts) changed.push(["redact", given.redact ?? null]);
  return changed.length === 0 ? undefined : Object.fromEntries(changed) as OptionsPatch;
}
