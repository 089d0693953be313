import type { Duration } from "./duration.ts";
import type { Job, NewJob } from "./job.ts";
import { type FinalState, isFinal, isWaiting, type JobState } from "./states.ts";

/** What happens when the unique key of a new job is held by another job. */
export const CONFLICT_POLICIES = ["keep", "replace", "debounce", "throttle", "cancel", "fail"] as const;
/** One of {@linkcode CONFLICT_POLICIES}. */
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

/** What of a waiting job a request may replace. */
export const REPLACEABLE = [
  "payload",
  "priority",
  "runAt",
  "maxAttempts",
  "timeout",
  "ttl",
  "backoff",
  "retention",
  "tags",
  "meta",
  "headers",
  "origin",
] as const;
/** One of {@linkcode REPLACEABLE}. */
export type Replaceable = (typeof REPLACEABLE)[number];

/** Which jobs share a key: those of a type (and namespace), those of a type in one queue, or all of the namespace. */
export const UNIQUE_SCOPES = ["type", "queue", "namespace"] as const;
/** One of {@linkcode UNIQUE_SCOPES}. */
export type UniqueScope = (typeof UNIQUE_SCOPES)[number];

/** Words for several states: those that wait, those and `running`, those in which a job has ended. */
export const STATE_GROUPS = ["waiting", "unfinished", "finished"] as const;
/** One of {@linkcode STATE_GROUPS}. */
export type StateGroup = (typeof STATE_GROUPS)[number];

/**
 * What makes a job unique, and what happens when it is not. Without `key` and `fields` the whole payload counts: the
 * same payload is the same job.
 */
export interface UniqueOptions {
  /** The key; up to 512 characters. */
  key?: string;
  /** Places in the payload, such as `"user.id"` or `"items.0"`, whose values make the key (or belong to it, beside `key`). */
  fields?: readonly string[];
  /** Which jobs share the key. @default "type" */
  scope?: UniqueScope;
  /** At most one in each period. Periods are counted in UTC: with "1h" from full hour to full hour by the store's clock. */
  per?: Duration;
  /**
   * The states in which a job holds its key; the waiting ones always belong to them.
   * @default ["unfinished"]; with `per` "completed" too; to throttle all; to debounce ["waiting"]
   */
  states?: readonly (JobState | StateGroup)[];
  /**
   * What happens when another job holds the key:
   * - `keep`: nothing; the answer names that job.
   * - `replace`: if it waits, it becomes what this request says (see `replace`); else as `keep`.
   * - `debounce`: if it waits, it gets this payload and starts when this request would, so the request needs a delay.
   * - `throttle`: as `keep`; or, with `defer`, the job waits for the next period. Needs `per`.
   * - `cancel`: it is cancelled, or told to stop if it runs, and the new job takes the key.
   * - `fail`: the call throws a `JobdError` with the code `conflict`, and stores nothing.
   * @default "keep"
   */
  onConflict?: ConflictPolicy;
  /** To replace or debounce: what the waiting job takes over. @default everything to replace, ["payload"] to debounce */
  replace?: readonly Replaceable[];
  /** To debounce: the waiting job is not put off beyond this time after it was enqueued. @default no limit */
  maxWait?: Duration;
  /** To throttle: the first job too many waits for the next period; further ones are that one. @default false */
  defer?: boolean;
}

/** {@linkcode UniqueOptions} as they are stored with the job; what is absent has its default. */
export interface Uniqueness {
  /** The key as it was given. */
  key?: string;
  /** Places in the payload that count. */
  fields?: string[];
  /** The hash of what is there, or of the whole payload. */
  hash?: string;
  /** Which jobs share the key. */
  scope?: Exclude<UniqueScope, "type">;
  /** The period that the job counts for. */
  window?: { perMs: number; from: number };
  /** False when a running job does not hold the key. */
  whileRunning?: false;
  /** Final states that hold the key. The end of such a job leaves its lock where it is: whoever wants the key judges. */
  afterwards?: FinalState[];
  /** What this request wanted to happen when the key was held. */
  onConflict?: Exclude<ConflictPolicy, "keep">;
  /** What it wanted to replace. */
  replace?: Replaceable[];
  /** How long it could be put off, in milliseconds. */
  maxWaitMs?: number;
  /** Whether it could wait for the next period. */
  defer?: true;
}

/** What {@linkcode uniqueLock} needs of a job. */
export type Lockable = Pick<NewJob, "namespace" | "queue" | "type" | "options">;

/** What the unique index holds for a job: at most one job has it. Null for a job that is not unique. */
export function uniqueLock({ namespace, queue, type, options }: Lockable): string | null {
  const { uniqueKey, unique } = options;
  if (unique === undefined) return uniqueKey === undefined ? null : `${namespace}\n${type}\n${uniqueKey}`;
  const { key = "", hash, scope = "type", window } = unique;
  if (hash === undefined && scope === "type" && window === undefined) return `${namespace}\n${type}\n${key}`;
  // No namespace begins with a bracket, and JSON on one line ends where the key begins.
  const owner = { type: [type], queue: [type, queue], namespace: [] }[scope];
  const period = window === undefined ? null : [window.perMs, window.from];
  return `${JSON.stringify([scope, namespace, ...owner, hash ?? null, period])}\n${key}`;
}

/** Whether a job in this state still holds its unique key. */
export function holdsKey(state: JobState, unique: Uniqueness | undefined): boolean {
  if (isWaiting(state)) return true;
  if (isFinal(state)) return unique?.afterwards?.includes(state) ?? false;
  return unique?.whileRunning !== false;
}

/** Whether the end of a job leaves its unique lock in the index. */
export function keepsLock({ unique }: Job["options"]): boolean {
  return unique?.afterwards !== undefined;
}

/** When a final job may be removed: not before its retention is over, nor the period for which it holds its key. */
export function keptUntil(
  { state, finishedAt, unique }: { state: FinalState; finishedAt: number; unique: Uniqueness | undefined },
  retentionMs: number,
): number {
  const end = finishedAt + retentionMs;
  return unique?.window === undefined || !holdsKey(state, unique)
    ? end
    : Math.max(end, unique.window.from + unique.window.perMs);
}

/** Whether the job wants more than an answer when its key is held. */
export function isContested({ options }: Pick<NewJob, "options">): boolean {
  return options.unique?.onConflict !== undefined;
}

/** Whether the whole call fails when the key of this job is held. */
export function failsOnConflict({ options }: Pick<NewJob, "options">): boolean {
  return options.unique?.onConflict === "fail";
}
