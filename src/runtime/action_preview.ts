import { invalid } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import { type ActionReport, ActionTally, type FailedAction } from "./action_report.ts";
import type { Intent, JobActions, RetryOptions, Selection } from "./job_actions.ts";
import type { JobFilter } from "./job_filter.ts";

/** Options of {@linkcode Jobs.preview}. */
export interface PreviewOptions extends Omit<RetryOptions, "limit"> {
  /** Look at this many jobs at most, up to a million. @default 10000 */
  cap?: number;
}

/** What an action would do, as the jobs are now. */
export interface ActionPreview {
  /** Jobs that match, or that have one of the ids, as far as they were looked at. */
  matched: number;
  /** Whether there are more. */
  capped: boolean;
  /** To how many it would be done, and to how many not. That a unique key is taken shows only when it is done. */
  counts: ActionReport["counts"];
  /** The first of them. */
  items: Job[];
  /** The first of those to which it would not be done, and why. */
  failed: FailedAction[];
  /** The instant before which they were created: with it as `until` the action is for the same jobs, epoch milliseconds. */
  until: number;
}

const CAP = 10_000;
const CAP_MAX = 1_000_000;
/** Jobs that a preview shows. */
const SHOWN = 10;

/**
 * What an action would do, without doing it. Goes the way of the action and asks the same plan; holds one page of jobs.
 *
 * @throws {JobdError} `invalid_request`
 */
export async function preview(
  actions: JobActions,
  intent: Intent,
  which: Selection,
  options: PreviewOptions & { where?(job: Job): boolean },
): Promise<ActionPreview> {
  const { cap = CAP, signal, onProgress } = options;
  if (!Number.isInteger(cap) || cap < 1 || cap > CAP_MAX) {
    throw invalid("cap", cap, `a whole number from 1 to ${CAP_MAX}`);
  }
  const until = actions.until(options.until);
  const ids = Array.isArray(which) ? which as readonly string[] : undefined;
  const pages = ids === undefined
    ? actions.matches(intent, which as JobFilter, { ...options, until })
    : actions.existing(ids);
  const tally = new ActionTally(SHOWN);
  const missing = new Set(ids);
  const items: Job[] = [];
  const found = (capped: boolean): ActionPreview => {
    const matched = tally.done;
    for (const id of capped ? [] : missing) {
      tally.fail({ id, code: "not_found", reason: "There is no such job" });
    }
    const { counts, failed } = tally.report();
    return { matched, capped, counts, items, failed, until };
  };
  for await (const jobs of pages) {
    if (signal?.aborted) return found(true);
    for (const job of jobs) {
      if (tally.done === cap) return found(true);
      missing.delete(job.id);
      const plan = await intent.plan(job);
      if (plan.kind === "refused") tally.fail({ id: job.id, code: "conflict", reason: plan.reason });
      else tally.succeed(job.id);
      if (items.length < SHOWN) items.push(job);
    }
    onProgress?.(tally.done);
  }
  return found(false);
}
