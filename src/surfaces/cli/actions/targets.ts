import { type ErrorCode, JobdError } from "../../../domain/errors.ts";
import type { Job } from "../../../domain/job.ts";
import type { JobFilter } from "../../../runtime/job_filter.ts";
import type { Jobd } from "../../../runtime/jobd.ts";
import type { OptionValues } from "../command.ts";
import type { FILTER, STATE_FILTER } from "../commands/options.ts";
import { exitCodeOf } from "../../error_codes.ts";
import type { Output } from "../output.ts";
import { styled } from "../style.ts";
import { compact } from "./compact.ts";

/** Why something could not be done for one job. */
export interface Miss {
  /** The id as it was given. */
  id: string;
  /** The kind of reason. */
  code: ErrorCode;
  /** The reason. */
  reason: string;
}

/** Finds jobs by ids that may be shortened; those that are not found are told apart. */
export async function findJobs(jobd: Jobd, ids: readonly string[]): Promise<{ jobs: Job[]; missed: Miss[] }> {
  const jobs: Job[] = [];
  const missed: Miss[] = [];
  for (const id of new Set(ids)) {
    try {
      const job = await jobd.jobs.find(id);
      if (!jobs.some((one) => one.id === job.id)) jobs.push(job);
    } catch (error) {
      if (
        !(error instanceof JobdError) || !["not_found", "conflict", "invalid_request"].includes(error.code)
      ) throw error;
      missed.push({ id, code: error.code, reason: error.message });
    }
  }
  return { jobs, missed };
}

/** Says what was missed; the exit code is that of the first miss. */
export function reportMisses(out: Output, missed: readonly Miss[]): number {
  for (const { reason } of missed) out.note(styled("red", "jobd:"), ` ${reason}`);
  const [first] = missed;
  return first === undefined ? 0 : exitCodeOf(first.code);
}

/** The filter that flags describe; `now` is the store's time. */
export function filterOf(
  options: OptionValues<typeof FILTER> & Partial<OptionValues<typeof STATE_FILTER>>,
  now: number,
): JobFilter {
  const { state = [], queue, type, tag, anyTag, batch, origin, search, before } = options;
  const some = <T>(items: T[]): T[] | undefined => items.length === 0 ? undefined : items;
  return compact({
    state: some(state),
    queue: some(queue),
    type: some(type),
    tag: some(tag),
    anyTag: some(anyTag),
    batch,
    origin,
    search,
    createdBefore: typeof before === "object" ? now - before.agoMs : before,
  });
}

/** Whether flags narrow the choice at all. */
export function isNarrowed(filter: JobFilter): boolean {
  return Object.keys(filter).some((key) => key !== "state");
}
