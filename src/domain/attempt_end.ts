import { PROCESS_DIED } from "./failure.ts";
import type { Execution, ExecutionOutcome } from "./job.ts";
import type { Outcome } from "./outcome.ts";
import { isFinal } from "./states.ts";
import type { Transition } from "./transition.ts";

/** How an attempt ended, as whoever reported it is told: the same however often it is reported. */
export interface AttemptEnd {
  /** The job. */
  jobId: string;
  /** Which claim. */
  attempt: number;
  /** How it is recorded: not always as reported, since a cancellation or a deadline comes first. */
  outcome: Exclude<ExecutionOutcome, "running">;
  /** Whether the job runs again. */
  willRunAgain: boolean;
}

/** What is answered once an end is written. */
export function endOf({ id, attempt, outcome, to }: Transition): AttemptEnd {
  return { jobId: id, attempt, outcome, willRunAgain: !isFinal(to) };
}

/**
 * What is answered to a report of an attempt that has ended already: the same as the first time, if this is how it ended.
 * Undefined when it ended in another way, such as lost with its worker: then the report comes too late.
 */
export function repeatedEnd(
  { jobId, attempt, outcome, error }: Execution,
  reported: Outcome["kind"],
): AttemptEnd | undefined {
  if (outcome === "running" || !explains(outcome, error?.code, reported)) return undefined;
  const again = outcome === "snoozed" || outcome === "parked" || outcome === "released" ||
    ((outcome === "failed" || outcome === "lost") && error?.retryInMs !== undefined);
  return { jobId, attempt, outcome, willRunAgain: again };
}

/** Whether `decide` may have made this of the report. */
function explains(outcome: ExecutionOutcome, code: string | undefined, reported: Outcome["kind"]): boolean {
  // These come first whatever is reported.
  if (outcome === "cancelled" || outcome === "expired") return true;
  if (outcome === "failed" && code === "timeout") return true;
  if (outcome === reported) return true;
  if (outcome !== "lost") return false;
  return reported === "released" ? code === "interrupted" : reported === "failed" && code === PROCESS_DIED;
}
