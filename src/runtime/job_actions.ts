import { type Amendment, amendmentOf, type Plan } from "../domain/amendment.ts";
import { invalid, JobdError, show } from "../domain/errors.ts";
import { parseInstant } from "../domain/instant.ts";
import type { Job } from "../domain/job.ts";
import type { JobUpdate } from "../domain/job_update.ts";
import type { Driver } from "../storage/driver.ts";
import { type ActionReport, ActionTally, LISTED_MAX } from "./action_report.ts";
import { passesOf, type Walked } from "./action_walk.ts";
import { type JobFilter, jobQuery } from "./job_filter.ts";
import type { StoreTime } from "./store_time.ts";

/** Which jobs an action is for: some by id, or all that match. */
export type Selection = readonly string[] | JobFilter;

/** How something that takes a while is watched and stopped. */
export interface WatchedOptions {
  /** Told how many were looked at so far. */
  onProgress?(done: number): void;
  /** Stops it when aborted, between two steps of up to 200 jobs; the report says so. */
  signal?: AbortSignal;
}

/** Options of an action on many jobs. */
export interface ActionOptions extends WatchedOptions {
  /** By filter: stop after this many jobs, done or failed. @default all that match */
  limit?: number;
  /** By filter: only jobs created before this instant. @default when it begins */
  until?: Date | number | string;
}

/** Options of a retry. */
export interface RetryOptions extends ActionOptions {
  /** What is new about the jobs in their new life: another payload, queue, priority, start, ... */
  update?: JobUpdate;
}

/** Options of an action on all jobs that match, for parts of jobd. */
export interface MatchOptions extends ActionOptions {
  /** Only those for which it is true: a filter that the store does not know. */
  where?(job: Job): boolean;
}

/** What is to be done, and what that means for a job as it is. */
export interface Intent extends Walked {
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
    if (Array.isArray(jobs)) return await this.onIds(intent, jobs as readonly string[], options);
    if (typeof jobs !== "string") {
      return await this.onMatches(intent, narrowed(intent, jobs as JobFilter), options);
    }
    const { failed: [failure] } = await this.onIds(intent, [jobs]);
    if (failure === undefined) return;
    if (failure.code === "not_found") throw noSuchJob(jobs);
    throw new JobdError(failure.code, `Job ${jobs}: ${failure.reason}`);
  }

  /** To jobs by id. The report lists all of them: whoever asks has them all, too. */
  async onIds(
    intent: Intent,
    ids: readonly string[],
    { signal, onProgress }: WatchedOptions = {},
  ): Promise<ActionReport> {
    const tally = new ActionTally(Infinity);
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += ACTION_PAGE) {
      if (signal?.aborted) return tally.report("signal");
      await this.#page(intent, unique.slice(at, at + ACTION_PAGE), tally);
      onProgress?.(tally.done);
    }
    return tally.report();
  }

  /** To all jobs that match and were created before it began, each once; what was met is not kept in mind. */
  async onMatches(intent: Intent, filter: JobFilter, options: MatchOptions = {}): Promise<ActionReport> {
    const { signal, onProgress, limit = Infinity } = options;
    if (limit !== Infinity && (!Number.isSafeInteger(limit) || limit < 1)) {
      throw invalid("limit", limit, "a whole number from 1");
    }
    const tally = new ActionTally(LISTED_MAX);
    for await (const jobs of this.matches(intent, filter, options)) {
      if (signal?.aborted) return tally.report("signal");
      const left = jobs.slice(0, limit - tally.done);
      await this.#page(intent, left.map(({ id }) => id), tally);
      onProgress?.(tally.done);
      if (left.length < jobs.length) return tally.report("limit");
    }
    return tally.report();
  }

  /** The jobs that an action by filter is for, page by page, as it goes through them. */
  async *matches(
    intent: Intent,
    filter: JobFilter,
    { until, where = () => true }: Pick<MatchOptions, "until" | "where"> = {},
  ): AsyncGenerator<Job[]> {
    const began = this.#time.now() + 1;
    const createdBefore = Math.min(this.until(until), jobQuery(filter).createdBefore ?? Infinity);
    const time = { began, now: () => this.#time.now() };
    for (const pass of passesOf(intent, { ...filter, createdBefore }, time)) {
      for await (const page of this.#source.pages(pass.filter)) {
        const meant = page.filter((job) => pass.isMeant(job) && where(job));
        // One that changed its state while the page was read may be there twice.
        const jobs = [...new Map(meant.map((job) => [job.id, job])).values()];
        // Also when there are none: whoever goes through them may want to stop.
        yield jobs;
      }
    }
  }

  /** Those of the ids that exist, page by page. */
  async *existing(ids: readonly string[]): AsyncGenerator<Job[]> {
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += ACTION_PAGE) {
      yield await this.#source.get(unique.slice(at, at + ACTION_PAGE));
    }
  }

  /** The instant before which jobs must have been created. @throws {JobdError} `invalid_request` */
  until(given?: ActionOptions["until"]): number {
    const now = this.#time.now() + 1;
    return given === undefined ? now : Math.min(now, parseInstant(given, "until"));
  }

  /** Plans and applies; a job that changed in between is looked at again. */
  async #page(intent: Intent, ids: string[], tally: ActionTally): Promise<void> {
    let open = ids;
    for (let tries = 0; open.length > 0 && tries < TRIES; tries++) {
      const found = new Map((await this.#source.get(open)).map((job) => [job.id, job]));
      const amendments: Amendment[] = [];
      for (const id of open) {
        const job = found.get(id);
        const plan = job === undefined ? undefined : await intent.plan(job);
        if (job === undefined) tally.fail({ id, code: "not_found", reason: "There is no such job" });
        else if (plan?.kind === "done") tally.succeed(id);
        else if (plan?.kind === "refused") tally.fail({ id, code: "conflict", reason: plan.reason });
        else if (plan) {
          amendments.push(amendmentOf(job, this.#time.now(), plan.change));
        }
      }
      open = await this.#apply(amendments, tally);
    }
    for (const id of open) {
      tally.fail({ id, code: "conflict", reason: "it changes too fast: try again" });
    }
  }

  async #apply(amendments: Amendment[], tally: ActionTally): Promise<string[]> {
    if (amendments.length === 0) return [];
    const stale: string[] = [];
    const results = await this.#driver.amend(amendments);
    for (const [index, { id }] of amendments.entries()) {
      if (results[index] === "applied") tally.succeed(id);
      else if (results[index] === "stale") stale.push(id);
      else tally.fail({ id, code: "conflict", reason: "another unfinished job has its unique key" });
    }
    return stale;
  }
}

/** By mistake an empty filter is quickly written, and then acts on everything. */
export function narrowed({ walk }: Pick<Intent, "walk">, filter: JobFilter): JobFilter {
  if (Object.keys(filter).length > 0) return filter;
  throw new JobdError("invalid_request", `It is not said which jobs to ${walk}: the filter is empty`, {
    hint: 'Give ids or a filter; { state: ["dead", "cancelled"] } and the like are filters too.',
  });
}

/** The error for an id that no job of the namespace has. */
export function noSuchJob(id: string): JobdError {
  return new JobdError("not_found", `There is no job ${show(id)}`, {
    hint: "List jobs with `jobd jobs`; finished jobs are removed when their retention has passed.",
  });
}
