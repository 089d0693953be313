import { type Backoff, backoffMs } from "./backoff.ts";
import { PROCESS_DIED, storableFailure } from "./failure.ts";
import type { FailureRecord, Job } from "./job.ts";
import type { Outcome } from "./outcome.ts";
import {
  bury,
  cancel,
  complete,
  excuse,
  expire,
  park,
  release,
  retry,
  snoozeUntil,
  type Transition,
} from "./transition.ts";

/** Time, chance and defaults for {@linkcode decide}. */
export interface DecideContext {
  /** The store's time, epoch milliseconds. */
  now: number;
  /** A number in [0, 1). */
  random: number;
  /** The backoff of jobs that bring none. */
  backoff: Backoff;
  /** After so many deaths of its process in a row a job is dead, whatever its `maxAttempts`. @default {@linkcode DEATHS_MAX} */
  maxDeaths?: number;
}

/** Deaths of its process in a row that a job survives by default, the last one left out. */
export const DEATHS_MAX = 3;

/** Graceful hand-backs that cost nothing; each further one counts as a failure, so a job that stops its daemon ends. */
export const FREE_RELEASES = 3;

/**
 * What follows an attempt. The only place where that is decided: the executor, the rescuer and cancellation call it.
 * A job whose cancellation was requested ends as cancelled whatever the attempt gave.
 */
export function decide(job: Job, outcome: Outcome, context: DecideContext): Transition {
  const { now } = context;
  if (job.cancelRequestedAt !== null) return cancel(job, now, cancelRecord(outcome));
  switch (outcome.kind) {
    case "completed":
      return complete(job, now, outcome.result);
    case "failed":
      return fail(job, outcome.error, { ...context, ...outcome, lost: false });
    case "died":
      return died(job, outcome.error, context);
    case "snoozed":
      return snoozeUntil(job, now, outcome.until ?? now + outcome.delayMs, snoozeRecord(outcome.reason));
    case "parked":
      return park(job, now, outcome.wait);
    case "released":
      return job.releases < FREE_RELEASES
        ? release(job, now)
        : fail(job, { code: "interrupted", message: `Handed back more than ${FREE_RELEASES} times` }, {
          ...context,
          lost: true,
        });
    case "lost":
      return fail(job, { code: "worker_lost", message: outcome.message }, { ...context, lost: true });
    case "cancelled":
      return cancel(job, now, cancelRecord(outcome));
    case "expired":
      return expire(job, now, { code: "expired", message: "The job was not finished before its deadline" });
  }
}

/** A job that takes its process along again and again is stopped early: each time costs all that the process held. */
function died(job: Job, error: FailureRecord, context: DecideContext): Transition {
  const before = job.error?.code === PROCESS_DIED ? job.error.deaths ?? 1 : 0;
  const deaths = before + 1;
  const permanent = deaths >= (context.maxDeaths ?? DEATHS_MAX);
  return fail(job, { ...error, code: PROCESS_DIED, deaths }, { ...context, permanent, lost: true });
}

interface FailContext extends DecideContext {
  permanent?: boolean;
  transient?: boolean;
  retryInMs?: number;
  lost: boolean;
}

function fail(job: Job, error: FailureRecord, context: FailContext): Transition {
  const { now, random, lost, transient = false } = context;
  const failures = job.failures + 1;
  if (context.permanent || (failures >= job.maxAttempts && !transient)) {
    return bury(job, now, { error, lost });
  }
  const backoff = job.options.backoff ?? context.backoff;
  const delayMs = context.retryInMs ?? backoffMs(backoff, failures, job.error?.retryInMs, random);
  const counted = { runAt: now + delayMs, error: { ...error, retryInMs: delayMs }, lost };
  return transient ? excuse(job, now, counted) : retry(job, now, counted);
}

function snoozeRecord(reason: string | undefined): FailureRecord | null {
  return reason === undefined ? null : storableFailure({ code: "snoozed", message: reason });
}

function cancelRecord(outcome: Outcome): FailureRecord {
  const reason = outcome.kind === "cancelled" ? outcome.reason : undefined;
  return { code: "cancelled", message: reason ?? "Cancelled on request" };
}
