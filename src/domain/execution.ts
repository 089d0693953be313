import type { Execution, ExecutionOutcome, Job } from "./job.ts";
import { PROCESS_DIED } from "./failure.ts";
import { isWaiting } from "./states.ts";

/** Codes of failures that jobd itself records for runs that nobody finished; see `decide`. */
const LOST_CODES = ["worker_lost", "interrupted", PROCESS_DIED];

/**
 * The latest attempt of a job as its row records it: the one that runs, or the one that ended the job. Null while the
 * job waits, because the attempts that led there are noted as executions of their own. A job that was cancelled or
 * expired while it waited has its latest attempt noted too; that note is the truth then.
 */
export function latestExecution(job: Job): Execution | null {
  if (job.attempt === 0 || job.startedAt === null || isWaiting(job.state)) return null;
  const { id: jobId, attempt, worker, startedAt, finishedAt } = job;
  const outcome = latestOutcome(job);
  const succeeded = outcome === "completed" || outcome === "running";
  return { jobId, attempt, worker, startedAt, finishedAt, outcome, error: succeeded ? null : job.error };
}

function latestOutcome(job: Job): ExecutionOutcome {
  switch (job.state) {
    case "running":
    case "completed":
    case "cancelled":
    case "expired":
      return job.state;
    default:
      return LOST_CODES.includes(job.error?.code ?? "") ? "lost" : "failed";
  }
}
