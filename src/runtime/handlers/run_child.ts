import type { Job } from "../../domain/job.ts";
import { Directive, fail, type RunContext, snooze } from "../handler.ts";
import { attemptMark } from "../../domain/attempt_mark.ts";
import type { Processes } from "../process/processes.ts";
import type { ProcessEnd, ProcessSpec } from "../process/run_process.ts";
import { StartError } from "../process/start_error.ts";

/** A program that a handler runs for a job. */
export type ChildSpec =
  & Omit<ProcessSpec, "attempt" | "signal" | "graceMs">
  & {
    /** From SIGTERM to SIGKILL, in milliseconds. */
    graceMs: number;
  };

/** When processes of an earlier attempt cannot be ended, look again after this time. */
const STILL_RUNNING_RETRY = "30s";

/**
 * Runs a program for an attempt: ends what earlier attempts of the job left on this machine, stops with the attempt,
 * and notes in the job's log what had to be ended. A program that cannot be started is a permanent failure.
 */
export async function runChild(
  job: Job,
  context: RunContext,
  { processes, ...spec }: ChildSpec & { processes: Processes },
): Promise<ProcessEnd | Directive> {
  if (job.attempt > 1) {
    const { ended, left } = await processes.endAttempts(job.id, job.attempt);
    if (ended > 0) {
      context.log(`Ended what earlier attempts left behind: ${processCount(ended)}.\n`, "system");
    }
    if (left > 0) {
      return snooze(STILL_RUNNING_RETRY, `${processCount(left)} of earlier attempts cannot be ended`);
    }
  }
  const end = await start(job, context, processes, spec);
  if (end instanceof Directive) return end;
  if (end.endedBy === null && end.tree.ended > 0) {
    context.log(`Ended what the program left behind: ${processCount(end.tree.ended)}.\n`, "system");
  }
  if (end.tree.left > 0) context.log(`${processCount(end.tree.left)} could not be ended.\n`, "system");
  return end;
}

function processCount(count: number): string {
  return `${count} process${count === 1 ? "" : "es"}`;
}

async function start(
  job: Job,
  context: RunContext,
  processes: Processes,
  { graceMs, ...spec }: ChildSpec,
): Promise<ProcessEnd | Directive> {
  try {
    return await processes.run({
      ...spec,
      attempt: attemptMark(job.id, job.attempt),
      signal: context.signal,
      // Another worker may start the job again as soon as the lease is over.
      graceMs: (reason) => reason === "lease_lost" ? 0 : graceMs,
    });
  } catch (error) {
    if (error instanceof StartError) return startFailure(error);
    throw error;
  }
}

/** A program that cannot be started, as the end of an attempt. */
export function startFailure(error: StartError, hint = ""): Directive {
  return fail({ code: error.code, message: `${error.message}${hint}` }, { permanent: true });
}

/** How a program ended, as a failure code and a sentence: `exit_3`, `signal_SIGKILL`. */
export function exitFailure(
  { exitCode, signal }: ProcessEnd,
  lastWords: string,
): { code: string; message: string } {
  const code = exitCode === null ? `signal_${signal}` : `exit_${exitCode}`;
  const how = exitCode === null ? `Ended by ${signal}` : `Exit code ${exitCode}`;
  return { code, message: lastWords === "" ? how : `${how}: ${lastWords}` };
}
