import { type Amendment, type JobAction, type Plan, planAction } from "../domain/amendment.ts";
import { type ErrorCode, JobdError, show } from "../domain/errors.ts";
import type { Execution, Job, LogChunk } from "../domain/job.ts";
import { isFinal, type JobState } from "../domain/states.ts";
import type { Driver, Page } from "../storage/driver.ts";
import { type Clock, sleep } from "../domain/clock.ts";
import { Batcher } from "./batcher.ts";
import type { Waits } from "./events/waits.ts";
import { type JobFilter, jobQuery } from "./job_filter.ts";
import type { StoreTime } from "./store_time.ts";

/** Which jobs an action is for: some by id, or all that match. */
export type Selection = readonly string[] | JobFilter;

/** Options of an action on many jobs. */
export interface ActionOptions {
  /** Told how many were looked at so far. */
  onProgress?(done: number): void;
}

/** What became of an action on many jobs. */
export interface ActionReport {
  /** Jobs that are as wished now. */
  succeeded: string[];
  /** Jobs that are not, and why. */
  failed: { id: string; code: ErrorCode; reason: string }[];
}

/** Options of {@linkcode Jobs.logs}. */
export interface LogsOptions {
  /** Go on until the job has ended. @default false */
  follow?: boolean;
  /** Ends following. */
  signal?: AbortSignal;
  /** Only what comes after this chunk. */
  after?: { attempt: number; seq: number };
}

/** Options of {@linkcode Jobs.wait}. */
export interface WaitOptions {
  /** Give up after this time, in milliseconds. @default never */
  timeoutMs?: number;
  /** Give up when aborted. */
  signal?: AbortSignal;
}

const PAGE = 200;
const CHUNKS = 200;
/** How often new output is looked for, in milliseconds. */
const FOLLOW_MS = 250;
const TRIES = 20;

/** Jobs of one namespace: look at them and act on them. */
export class Jobs {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;
  readonly #clock: Clock;
  readonly #waits: Waits;
  /** Looks at jobs that are waited for, together. */
  readonly #looks: Batcher<string, Job | undefined>;

  /** Made by {@linkcode Jobd}. */
  constructor(
    options: { driver: Driver; namespace: string; time: StoreTime; clock: Clock; waits: Waits },
  ) {
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#time = options.time;
    this.#clock = options.clock;
    this.#waits = options.waits;
    this.#looks = new Batcher({
      maxWeight: PAGE,
      flush: async (ids) => {
        const jobs = new Map((await this.#own([...new Set(ids)])).map((job) => [job.id, job]));
        return ids.map((id) => jobs.get(id));
      },
    });
  }

  /** A job by its id. @throws {JobdError} `not_found` */
  async get(id: string): Promise<Job> {
    const [job] = await this.#own([id]);
    if (job === undefined) throw notFound(id);
    return job;
  }

  /**
   * A job by a beginning or an ending of its id that no other recent job has.
   * @throws {JobdError} `not_found`, or `conflict` when several jobs match
   */
  async find(partialId: string): Promise<Job> {
    const text = partialId.toLowerCase();
    if (!/^[0-9a-f-]{4,36}$/.test(text)) {
      throw new JobdError(
        "invalid_request",
        `Invalid job id: ${show(partialId)} is not a UUID or at least 4 characters of one`,
      );
    }
    const jobs = (await this.#driver.find(text, 6)).filter((job) => job.namespace === this.#namespace);
    const [job, second] = jobs;
    if (job === undefined) throw notFound(partialId);
    if (second !== undefined) {
      throw new JobdError(
        "conflict",
        `${show(partialId)} is not unique: it matches ${jobs.map(({ id }) => id).join(", ")}`,
        {
          hint: "Give more characters of the id.",
        },
      );
    }
    return job;
  }

  /** One page of jobs; {@linkcode JobQuery} says in which order. */
  async page(
    { limit, cursor, ...filter }: JobFilter & { limit: number; cursor?: string },
  ): Promise<Page<Job>> {
    return await this.#driver.list({
      ...jobQuery(filter),
      ...(cursor === undefined ? {} : { cursor }),
      limit,
      namespace: this.#namespace,
    });
  }

  /** All jobs that match, page by page. */
  async *list(filter: JobFilter = {}): AsyncGenerator<Job> {
    for await (const page of this.#pages(filter)) yield* page;
  }

  /**
   * Cancels a job: one that had not started never starts; a running one is told to stop.
   * @throws {JobdError} `not_found`; `conflict` when it has ended already
   */
  cancel(id: string): Promise<void>;
  /** Cancels many. */
  cancel(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  cancel(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("cancel", jobs, options);
  }

  /**
   * Starts a new life of a job that has ended, with its failures forgotten.
   * @throws {JobdError} `not_found`; `conflict` when it has not ended, or another unfinished job has its unique key
   */
  retry(id: string): Promise<void>;
  /** Starts new lives of many. */
  retry(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  retry(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("retry", jobs, options);
  }

  /** Lets a job that waits for a time run now. @throws {JobdError} `not_found`; `conflict` when it does not wait */
  run(id: string): Promise<void>;
  /** Lets many run now. */
  run(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  run(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("run", jobs, options);
  }

  /**
   * Puts a waiting job among the dead letters, where it stays until somebody retries or deletes it.
   * @throws {JobdError} `not_found`; `conflict` when it runs (cancel it first) or has ended
   */
  archive(id: string): Promise<void>;
  /** Archives many. */
  archive(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  archive(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("archive", jobs, options);
  }

  /** Removes a job with its history. @throws {JobdError} `not_found`; `conflict` while it runs */
  delete(id: string): Promise<void>;
  /** Removes many. */
  delete(jobs: Selection, options?: ActionOptions): Promise<ActionReport>;
  delete(jobs: string | Selection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("delete", jobs, options);
  }

  async #do(
    action: JobAction,
    jobs: string | Selection,
    options: ActionOptions = {},
  ): Promise<ActionReport | void> {
    if (Array.isArray(jobs)) return await this.act(action, jobs as readonly string[]);
    if (typeof jobs !== "string") {
      return await this.actAll(action, narrowed(action, jobs as JobFilter), options);
    }
    const { failed: [failure] } = await this.act(action, [jobs]);
    if (failure === undefined) return;
    if (failure.code === "not_found") throw notFound(jobs);
    throw new JobdError(failure.code, `Job ${jobs}: ${failure.reason}`);
  }

  /** Does something to jobs by id; with `only`, to those in that state. */
  async act(
    action: JobAction,
    ids: readonly string[],
    { only }: { only?: JobState } = {},
  ): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += PAGE) {
      await this.#actOn((job) => planAction(job, action, only), unique.slice(at, at + PAGE), report);
    }
    return report;
  }

  /** Does something to all jobs that match and were created before now. */
  async actAll(
    action: JobAction,
    filter: JobFilter,
    options: ActionOptions = {},
  ): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const given = jobQuery(filter).createdBefore ?? Infinity;
    const createdBefore = Math.min(given, this.#time.now() + 1);
    for await (const page of this.#pages({ ...filter, createdBefore })) {
      await this.#actOn((job) => planAction(job, action), page.map(({ id }) => id), report);
      options.onProgress?.(report.succeeded.length + report.failed.length);
    }
    return report;
  }

  /** Attempts of a job, oldest first. */
  executions(id: string): Promise<Execution[]> {
    return this.#driver.executions(id);
  }

  /** What a job printed, in order; with `follow` until it has ended. */
  async *logs(id: string, options: LogsOptions = {}): AsyncGenerator<LogChunk> {
    let after = options.after;
    for (;;) {
      // The state is read before the log, so that nothing written before the end is missed.
      const ended = options.follow ? isFinal((await this.get(id)).state) : true;
      for (;;) {
        const chunks = await this.#driver.logs({
          jobId: id,
          limit: CHUNKS,
          ...(after === undefined ? {} : { after }),
        });
        yield* chunks;
        const last = chunks.at(-1);
        if (last !== undefined) after = { attempt: last.attempt, seq: last.seq };
        if (chunks.length < CHUNKS) break;
      }
      if (ended || options.signal?.aborted) return;
      await sleep(this.#clock, FOLLOW_MS, options.signal);
    }
  }

  /**
   * Waits until a job has ended, whichever process runs it. Whoever ends it tells this process; should that get lost, the
   * job is looked at every 15 seconds all the same.
   * @throws {JobdError} `timed_out`; the job itself goes on. `not_found` when it is deleted meanwhile.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    const { timeoutMs = Infinity, signal } = options;
    const until = this.#clock.monotonic() + timeoutMs;
    using watch = this.#waits.watch(id);
    for (;;) {
      watch.look();
      const job = await this.#looks.add(id);
      if (job === undefined) throw notFound(id);
      if (isFinal(job.state)) return job;
      const left = until - this.#clock.monotonic();
      if (left <= 0 || signal?.aborted) {
        throw new JobdError("timed_out", `Job ${id} has not ended yet: it is ${job.state}`, {
          hint: "It goes on; look at it again later.",
        });
      }
      await watch.rest(left, signal);
    }
  }

  async *#pages(filter: JobFilter): AsyncGenerator<Job[]> {
    let cursor: string | undefined;
    do {
      const page = await this.page({ ...filter, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      yield page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  async #own(ids: string[]): Promise<Job[]> {
    return (await this.#driver.get(ids)).filter((job) => job.namespace === this.#namespace);
  }

  /** Plans and applies; a job that changed in between is looked at again. */
  async #actOn(planFor: (job: Job) => Plan, ids: string[], report: ActionReport): Promise<void> {
    let open = ids;
    for (let tries = 0; open.length > 0 && tries < TRIES; tries++) {
      const found = new Map((await this.#own(open)).map((job) => [job.id, job]));
      const amendments: Amendment[] = [];
      for (const id of open) {
        const job = found.get(id);
        const plan = job === undefined ? undefined : planFor(job);
        if (job === undefined) report.failed.push({ id, code: "not_found", reason: "There is no such job" });
        else if (plan?.kind === "done") report.succeeded.push(id);
        else if (plan?.kind === "refused") report.failed.push({ id, code: "conflict", reason: plan.reason });
        else if (plan) {
          amendments.push({
            id,
            from: job.state,
            attempt: job.attempt,
            at: this.#time.now(),
            change: plan.change,
          });
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
function narrowed(action: JobAction, filter: JobFilter): JobFilter {
  if (Object.keys(filter).length > 0) return filter;
  throw new JobdError("invalid_request", `It is not said which jobs to ${action}: the filter is empty`, {
    hint: 'Give ids or a filter; { state: ["dead", "cancelled"] } and the like are filters too.',
  });
}

function notFound(id: string): JobdError {
  return new JobdError("not_found", `There is no job ${show(id)}`, {
    hint: "List jobs with `jobd jobs`; finished jobs are removed when their retention has passed.",
  });
}
