import type { Encryption } from "./encryption.ts";
import type { FailureRecord, Job } from "./job.ts";
import { mayMove, type Replacement } from "./replacement.ts";
import { isFinal, isWaiting, type JobState } from "./states.ts";
import { type Answer, blockedBy } from "./wait.ts";
import type { Json } from "./json.ts";

/** What an operator may ask of a job. */
export const JOB_ACTIONS = ["cancel", "retry", "run", "archive", "delete"] as const;
/** One of {@linkcode JOB_ACTIONS}. */
export type JobAction = (typeof JOB_ACTIONS)[number];

/** A change to a job that is not the end of a run. */
export type Change =
  /** A waiting job ends as cancelled. */
  | { kind: "cancel"; reason: string }
  /** A running job is told to stop; it ends as cancelled. */
  | { kind: "requestCancel" }
  /** A waiting job ends as expired. */
  | { kind: "expire" }
  /** A waiting job becomes a dead letter, though nothing has failed. */
  | { kind: "archive" }
  /** A waiting job may run now; a final one starts a new life with its failures forgotten. */
  | { kind: "makeAvailable" }
  /** A final job starts a new life, with what is new about it from its beginning. */
  | { kind: "reviveWith"; set: Replacement }
  /** Somebody answers what the handler waits for, or will: one that waits for it goes on. */
  | { kind: "answer"; answer: Answer }
  /** A job whose handler waits ends with this result, without running again. */
  | { kind: "complete"; result: Json }
  /** A job whose handler waits becomes a dead letter with this error, without running again. */
  | { kind: "fail"; error: FailureRecord }
  /** A waiting job takes over what is new. A new payload makes it forget its steps; a queue that is not there is created. */
  | { kind: "replace"; set: Replacement }
  /** The key of an encrypted job is stored anew, if it still is as it was seen; nothing else changes, in whatever state. */
  | { kind: "rekey"; was: Encryption; encrypted: Encryption }
  /** Another job may have its unique key. */
  | { kind: "releaseKey" }
  /** The job and its history are removed. */
  | { kind: "delete" };

/** A {@linkcode Change} to one job, applied only while the job still is as it was seen. */
export interface Amendment {
  /** The job. */
  id: string;
  /** The state it was seen in. */
  from: JobState;
  /** The claim count it was seen with. */
  attempt: number;
  /** What its handler was seen waiting for; absent when it did not. */
  waitingFor?: string;
  /** When it is written. */
  at: number;
  /** The change. */
  change: Change;
}

/** The answer to an operator's wish: a change to make, nothing to do, or the reason against it. */
export type Plan = { kind: "change"; change: Change } | { kind: "done" } | {
  kind: "refused";
  reason: string;
};

/** The change to a job as it is seen now. */
export function amendmentOf(
  { id, state: from, attempt, waitingFor }: Pick<Job, "id" | "state" | "attempt" | "waitingFor">,
  at: number,
  change: Change,
): Amendment {
  return { id, from, attempt, at, change, ...(waitingFor === null ? {} : { waitingFor }) };
}

/** Whether a change makes a job that waited go on, or may. */
export function maySetOff({ kind }: Change): boolean {
  return kind === "makeAvailable" || kind === "reviveWith" || kind === "answer";
}

/** Whether a change may put a job somewhere else: those who look for work, or for what is due, should look anew. */
export function mayRelocate(change: Change): boolean {
  return (change.kind === "replace" || change.kind === "reviveWith") && mayMove(change.set);
}

/** Whether a change ends a job, so that those who wait for it must hear of it. */
export function endsJob({ kind }: Change): boolean {
  return ["cancel", "expire", "archive", "delete", "complete", "fail"].includes(kind);
}

/** What an operator's hand leaves as the error of a dead letter. */
export const ARCHIVED: FailureRecord = { code: "archived", message: "Archived on request" };

/**
 * What an action means for a job in this state. The only place where that is decided. With `only` it means nothing to jobs
 * in other states.
 */
export function planAction(job: Job, action: JobAction, only?: JobState): Plan {
  if (only !== undefined && job.state !== only) {
    return { kind: "refused", reason: `it is ${job.state}, not ${only}` };
  }
  switch (action) {
    case "cancel":
      return planCancel(job);
    case "retry":
      return planRetry(job);
    case "run":
      return planRun(job);
    case "archive":
      return planArchive(job);
    case "delete":
      return job.state === "running"
        ? { kind: "refused", reason: "it is running: cancel it first" }
        : { kind: "change", change: { kind: "delete" } };
  }
}

function planCancel(job: Job): Plan {
  if (isWaiting(job.state)) {
    return { kind: "change", change: { kind: "cancel", reason: "Cancelled on request" } };
  }
  if (job.state === "cancelled") return { kind: "done" };
  if (isFinal(job.state)) return { kind: "refused", reason: `it is already ${job.state}` };
  return job.cancelRequestedAt === null
    ? { kind: "change", change: { kind: "requestCancel" } }
    : { kind: "done" };
}

function planRetry(job: Job): Plan {
  if (isFinal(job.state)) return { kind: "change", change: { kind: "makeAvailable" } };
  if (job.state === "scheduled" && job.failures > 0) {
    return { kind: "change", change: { kind: "makeAvailable" } };
  }
  return {
    kind: "refused",
    reason: `it is ${job.state}: only finished, dead and retrying jobs can be retried`,
  };
}

function planRun(job: Job): Plan {
  if (blockedBy(job) === "wait") {
    return {
      kind: "refused",
      reason: `its handler waits for ${JSON.stringify(job.waitingFor)}: resume it instead`,
    };
  }
  if (job.state === "available") return { kind: "done" };
  if (isWaiting(job.state)) return { kind: "change", change: { kind: "makeAvailable" } };
  return { kind: "refused", reason: `it is ${job.state}: only waiting jobs can be run now` };
}

function planArchive(job: Job): Plan {
  if (isWaiting(job.state)) return { kind: "change", change: { kind: "archive" } };
  if (job.state === "running") return { kind: "refused", reason: "it is running: cancel it first" };
  return { kind: "refused", reason: `it is already ${job.state}` };
}
