import { JobdError } from "../../../domain/errors.ts";
import type { Job } from "../../../domain/job.ts";
import type { Enqueued } from "../../../runtime/enqueued.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { Context } from "../context.ts";
import { INTERRUPTED } from "../exit_codes.ts";
import { count } from "../format.ts";
import { styled } from "../style.ts";
import { LogReader } from "./job_logs.ts";
import { jobView } from "../../views.ts";

/** Waits for the end of a job, prints its result and gives the exit code. Ctrl-C leaves the job alone. */
export async function awaitJob(
  { id }: Enqueued,
  { follow }: { follow: boolean },
  context: Context,
  jobd: Jobd,
): Promise<number> {
  const { out } = context;
  const signal = context.interrupted();
  if (follow) {
    const reader = new LogReader();
    for await (const chunk of jobd.jobs.logs(id, { follow: true, signal })) {
      for (const [text, style] of reader.read(chunk)) out.noteText(text, style);
    }
  }
  const job = await ended(jobd, id, signal);
  if (job === undefined) {
    out.note(`No longer waiting; the job goes on. Look at it with: jobd job show ${id}`);
    return INTERRUPTED;
  }
  if (out.json) out.document(jobView(job));
  else if (job.state === "completed") out.document(job.result);
  if (job.state === "completed") return 0;
  out.note(styled("red", "jobd:"), ` ${failure(job)}`);
  out.note(styled("dim", "hint:"), ` See its attempts and log with: jobd job show ${id}`);
  return 1;
}

async function ended(jobd: Jobd, id: string, signal: AbortSignal): Promise<Job | undefined> {
  try {
    return await jobd.jobs.wait(id, { signal });
  } catch (error) {
    if (error instanceof JobdError && error.code === "timed_out" && signal.aborted) return undefined;
    throw error;
  }
}

function failure(job: Job): string {
  const why = job.error === null ? "" : `: ${job.error.message}`;
  return job.state === "dead"
    ? `The job is dead after ${count(job.failures, "failed run")}${why}`
    : `The job is ${job.state}${why}`;
}
