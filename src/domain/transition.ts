import type { ExecutionOutcome, FailureRecord, Job, NewJob } from "./job.ts";
import type { Json } from "./json.ts";
import { redactionOf } from "./redaction.ts";

/** Which run a transition ends: the job and its fence. */
export interface Run {
  /** The job. */
  id: string;
  /** The claim; a later claim makes the transition stale. */
  attempt: number;
}

/** The row change that ends a run. Made only by the named functions below, so no illegal combination can be spelled. */
export type Transition =
  & Run
  & {
    /** When it is written. */
    at: number;
    /** The job's tenant; as queue and type for those who watch, nothing of it is written. */
    namespace: string;
    /** The job's queue. */
    queue: string;
    /** The job's type. */
    type: string;
    /** Who made the job. */
    origin?: string;
    /** Set on jobs with a group: those of one attempt that run again at the same time are gathered again. */
    grouped?: true;
    /** How the attempt is recorded. */
    outcome: Exclude<ExecutionOutcome, "running">;
    /** Failures of the job from now on. */
    failures: number;
    /** Hand-backs of the job from now on. */
    releases: number;
    /** Jobs that are inserted in the same transaction, if this applies. */
    followUps?: NewJob[];
    /** Why the attempt did not succeed; null when there is nothing to say. A snooze is no failure of the job: see {@linkcode failureLeft}. */
    error: FailureRecord | null;
  }
  & (
    | { to: "completed"; result: Json }
    | { to: "dead" | "cancelled" | "expired" }
    | { to: "scheduled"; runAt: number }
    | { to: "available" }
    | { to: "blocked"; wait: string }
  );

type Base = Pick<
  Transition,
  "id" | "attempt" | "at" | "namespace" | "queue" | "type" | "origin" | "grouped" | "failures" | "releases"
>;

function base(job: Job, at: number): Base & { error: null } {
  return {
    id: job.id,
    attempt: job.attempt,
    at,
    namespace: job.namespace,
    queue: job.queue,
    type: job.type,
    ...originOf(job),
    ...(job.options.group === undefined ? {} : { grouped: true }),
    failures: job.failures,
    releases: job.releases,
    error: null,
  };
}

/** Who made a job, for those who watch; nothing when it does not say. */
export function originOf(job: Pick<Job, "options" | "payload">): { origin?: string } {
  const { origin } = job.options;
  return origin === undefined ? {} : { origin: redactionOf(job)?.text(origin) ?? origin };
}

/** The run succeeded. */
export function complete(job: Job, at: number, result: Json): Transition {
  return { ...base(job, at), to: "completed", outcome: "completed", result };
}

/** The run failed or was lost and the job runs again at `runAt`. */
export function retry(
  job: Job,
  at: number,
  failure: { runAt: number; error: FailureRecord; lost: boolean },
): Transition {
  const { runAt, error, lost } = failure;
  return {
    ...base(job, at),
    to: "scheduled",
    outcome: lost ? "lost" : "failed",
    runAt,
    failures: job.failures + 1,
    error,
  };
}

/** The run failed for a reason that is not held against the job, which runs again at `runAt`. */
export function excuse(job: Job, at: number, failure: { runAt: number; error: FailureRecord }): Transition {
  const { runAt, error } = failure;
  return { ...base(job, at), to: "scheduled", outcome: "failed", runAt, error };
}

/** The run failed or was lost and the job is a dead letter. */
export function bury(job: Job, at: number, failure: { error: FailureRecord; lost: boolean }): Transition {
  const outcome = failure.lost ? "lost" : "failed";
  return { ...base(job, at), to: "dead", outcome, failures: job.failures + 1, error: failure.error };
}

/** The handler asked to be called again later, and may have said why. */
export function snoozeUntil(job: Job, at: number, runAt: number, reason: FailureRecord | null): Transition {
  return { ...base(job, at), to: "scheduled", outcome: "snoozed", runAt, error: reason };
}

/** The handler waits for something: the job is `blocked` until there is an answer, or the time is over. */
export function park(job: Job, at: number, wait: string): Transition {
  return { ...base(job, at), to: "blocked", outcome: "parked", wait };
}

/** The worker stops and hands the job back. */
export function release(job: Job, at: number): Transition {
  return { ...base(job, at), to: "available", outcome: "released", releases: job.releases + 1 };
}

/** The run was stopped on request. */
export function cancel(job: Job, at: number, error: FailureRecord | null): Transition {
  return { ...base(job, at), to: "cancelled", outcome: "cancelled", error };
}

/** The job's deadline passed. */
export function expire(job: Job, at: number, error: FailureRecord): Transition {
  return { ...base(job, at), to: "expired", outcome: "expired", error };
}

/**
 * The same, with what the attempt wanted to be enqueued with its end. An attempt that failed or was stopped enqueues
 * nothing: it runs again, or nobody wants what would come of it. One that waits is made again from its beginning, and
 * enqueues the same then.
 */
export function withFollowUps(transition: Transition, followUps: NewJob[]): Transition {
  const { outcome } = transition;
  const wanted = followUps.length > 0 && (outcome === "completed" || outcome === "snoozed");
  return wanted ? { ...transition, followUps } : transition;
}

/** What the job keeps as its latest failure; null leaves the one it has. Why it was put off is kept with the attempt alone. */
export function failureLeft({ outcome, error }: Transition): FailureRecord | null {
  return outcome === "snoozed" ? null : error;
}
