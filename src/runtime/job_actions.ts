import { type Amendment, amendmentOf, type Plan } from "../domain/amendment.ts";
import { type ErrorCode, JobdError, show } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { JobUpdate } from "../domain/job_update.ts";
import type { Driver } from "../storage/driver.ts";
import { type JobFilter, jobQuery } from "./job_filter.ts";
import type { StoreTime } from "./store_time.ts";

/** Which jobs an action is for: some by id, or all that match. */
export type Selection = readonly string[] | JobFilter;

/** Options of an action on many jobs. */
export interface ActionOptions {
  /** Told how many were looked at so far. */
  onProgress?(done: number): void;
}

/** Options of a retry. */
export interface RetryOptions extends ActionOptions {
  /** What is new about the jobs in their new life: another payload, queue, priority, start, ... */
  update?: JobUpdate;
}

/** What became of an action on many jobs. */
export interface ActionReport {
  /** Jobs that are as wished now. */
  succeeded: string[];
  /** Jobs that are not, and why. */
  failed: { id: string; code: ErrorCode; reason: string }[];
}

/** What is to be done, and what that means for a job as it is. */
export interface Intent {
  /** The word for it, in messages. */
  name: string;
  /** What it means for one job. */
  plan(job: Job): Plan | Promise<Plan>;
}

/** How jobs are found. */
export interface JobSource {
  /** Those of the ids that exist in the namespace. */
  get(ids: string[]): Promise<Job[]>;
  /** Those that match, page by page. */
  pages(filter: JobFilter): AsyncIterable<Job[]>;
}

/** Jobs that are read and changed together. */
export const ACTION_PAGE = 200;
const TRIES = 20;

/** Changes jobs as their states allow: plans for each as it is, writes while it still is so, and looks again otherwise. */
export class JobActions {
  readonly #driver: Driver;
  readonly #time: StoreTime;
  readonly #source: JobSource;

  constructor(parts: { driver: Driver; time: StoreTime }, source: JobSource) {
    this.#driver = parts.driver;
    this.#time = parts.time;
    this.#source = source;
  }

  /** To one job, or to many. @throws {JobdError} for one job that is not as wished then: `not_found`, `conflict` */
  async on(
    intent: Intent,
    jobs: string | Selection,
    options: ActionOptions = {},
  ): Promise<ActionReport | void> {
    if (Array.isArray(jobs)) return await this.onIds(intent, jobs as readonly string[]);
    if (typeof jobs !== "string") {
      return await this.onMatches(intent, narrowed(intent, jobs as JobFilter), options);
    }
    const { failed: [failure] } = await this.onIds(intent, [jobs]);
    if (failure === undefined) return;
    if (failure.code === "not_found") throw noSuchJob(jobs);
    throw new JobdError(failure.code, `Job ${jobs}: ${failure.reason}`);
  }

  /** To jobs by id. */
  async onIds(intent: Intent, ids: readonly string[]): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += ACTION_PAGE) {
      await this.#page(intent, unique.slice(at, at + ACTION_PAGE), report);
    }
    return report;
  }

  /** To all jobs that match and were created before now, each once: one that was moved may be met again. */
  async onMatches(intent: Intent, filter: JobFilter, options: ActionOptions = {}): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const given = jobQuery(filter).createdBefore ?? Infinity;
    const createdBefore = Math.min(given, this.#time.now() + 1);
    const met = new Set<string>();
    for await (const page of this.#source.pages({ ...filter, createdBefore })) {
      const ids = page.map(({ id }) => id).filter((id) => !met.has(id));
      for (const id of ids) met.add(id);
      await this.#page(intent, ids, report);
      options.onProgress?.(report.succeeded.length + report.failed.length);
    }
    return report;
  }

  /** Plans and applies; a job that changed in between is looked at again. */
  async #page(intent: Intent, ids: string[], report: ActionReport): Promise<void> {
    let open = ids;
    for (let tries = 0; open.length > 0 && tries < TRIES; tries++) {
      const found = new Map((await this.#source.get(open)).map((job) => [job.id, job]));
      const amendments: Amendment[] = [];
      for (const id of open) {
        const job = found.get(id);
        const plan = job === undefined ? undefined : await intent.plan(job);
        if (job === undefined) report.failed.push({ id, code: "not_found", reason: "There is no such job" });
        else if (plan?.kind === "done") report.succeeded.push(id);
        else if (plan?.kind === "refused") report.failed.push({ id, code: "conflict", reason: plan.reason });
        else if (plan) {
          amendments.push(amendmentOf(job, this.#time.now(), plan.change));
        }
      }
      open = await this.#apply(amendments, report);
    }
    for (const id of open) {
      report.failed.push({ id, code: "conflict", reason: "it changes too fast: try again" });
    }
  }

  async #apply(amendments: Amendment[], report: ActionReport): Promise<string[]> {
    if (amendments.length === 0) return [];
    const stale: string[] = [];
    const results = await this.#driver.amend(amendments);
    for (const [index, { id }] of amendments.entries()) {
      if (results[index] === "applied") report.succeeded.push(id);
      else if (results[index] === "stale") stale.push(id);
      else report.failed.push({ id, code: "conflict", reason: "another unfinished job has its unique key" });
    }
    return stale;
  }
}

/** By mistake an empty filter is quickly written, and then acts on everything. */
function narrowed({ name }: Intent, filter: JobFilter): JobFilter {
  if (Object.keys(filter).length > 0) return filter;
  throw new JobdError("invalid_request", `It is not said which jobs to ${name}: the filter is empty`, {
    hint: 'Give ids or a filter; { state: ["dead", "cancelled"] } and the like are filters too.',
  });
}

/** The error for an id that no job of the namespace has. */
export function noSuchJob(id: string): JobdError {
  return new JobdError("not_found", `There is no job ${show(id)}`, {
    hint: "List jobs with `jobd jobs`; finished jobs are removed when their retention has passed.",
  });
}
