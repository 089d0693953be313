import { type Amendment, type JobAction, planAction } from "../domain/amendment.ts";
import { type ErrorCode, JobdError, show } from "../domain/errors.ts";
import type { Execution, Job, LogChunk } from "../domain/job.ts";
import { isFinal } from "../domain/states.ts";
import type { Driver, JobQuery, Page } from "../storage/driver.ts";
import { type Clock, sleep } from "../domain/clock.ts";
import type { StoreTime } from "./store_time.ts";

/** Which jobs. */
export type JobFilter = Omit<JobQuery, "namespace" | "limit" | "cursor">;

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
const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 500;
const TRIES = 20;

/** Jobs of one namespace: look at them and act on them. */
export class Jobs {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;
  readonly #clock: Clock;

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; time: StoreTime; clock: Clock }) {
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#time = options.time;
    this.#clock = options.clock;
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
  page(query: JobFilter & { limit: number; cursor?: string }): Promise<Page<Job>> {
    return this.#driver.list({ ...query, namespace: this.#namespace });
  }

  /** All jobs that match, page by page. */
  async *list(filter: JobFilter = {}): AsyncGenerator<Job> {
    for await (const page of this.#pages(filter)) yield* page;
  }

  /** Does something to jobs by id. */
  async act(action: JobAction, ids: string[]): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += PAGE) {
      await this.#actOn(action, unique.slice(at, at + PAGE), report);
    }
    return report;
  }

  /** Does something to all jobs that match and were created before now. */
  async actAll(
    action: JobAction,
    filter: JobFilter,
    options: { onProgress?(done: number): void } = {},
  ): Promise<ActionReport> {
    const report: ActionReport = { succeeded: [], failed: [] };
    const createdBefore = Math.min(filter.createdBefore ?? Infinity, this.#time.now() + 1);
    for await (const page of this.#pages({ ...filter, createdBefore })) {
      await this.#actOn(action, page.map(({ id }) => id), report);
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
      await sleep(this.#clock, LAST_LOOK_MS / 2, options.signal);
    }
  }

  /**
   * Waits until a job has ended, whichever process runs it.
   * @throws {JobdError} `timed_out`; the job itself goes on.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    const { timeoutMs = Infinity, signal } = options;
    const until = this.#clock.monotonic() + timeoutMs;
    for (let pause = FIRST_LOOK_MS;; pause = Math.min(LAST_LOOK_MS, pause * 1.5)) {
      const job = await this.get(id);
      if (isFinal(job.state)) return job;
      const left = until - this.#clock.monotonic();
      if (left <= 0 || signal?.aborted) {
        throw new JobdError("timed_out", `Job ${id} has not ended yet: it is ${job.state}`, {
          hint: "It goes on; look at it again later.",
        });
      }
      await sleep(this.#clock, Math.min(pause, left), signal);
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
  async #actOn(action: JobAction, ids: string[], report: ActionReport): Promise<void> {
    let open = ids;
    for (let tries = 0; open.length > 0 && tries < TRIES; tries++) {
      const found = new Map((await this.#own(open)).map((job) => [job.id, job]));
      const amendments: Amendment[] = [];
      for (const id of open) {
        const job = found.get(id);
        const plan = job === undefined ? undefined : planAction(job, action);
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

function notFound(id: string): JobdError {
  return new JobdError("not_found", `There is no job ${show(id)}`, {
    hint: "List jobs with `jobd jobs`; finished jobs are removed when their retention has passed.",
  });
}
