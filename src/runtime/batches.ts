import { BATCH_STATES, hasEnded, noSuchBatch } from "../domain/batch.ts";
import { type BatchRef, parseBatchRef } from "../domain/batch_ref.ts";
import {
  type BatchCallbacks,
  CALLBACKS,
  callbacksOf,
  checkCallback,
  newBatch,
} from "../domain/batch_request.ts";
import type { Clock } from "../domain/clock.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import type { Job, NewJob } from "../domain/job.ts";
import type { JobRequest } from "../domain/request.ts";
import { WAITING_STATES } from "../domain/states.ts";
import type { BatchStateCount, Driver, Page } from "../storage/driver.ts";
import { type AnyBatchOptions, type BatchFilter, type BatchInfo, toInfo } from "./batch_options.ts";
import { BULK_MAX, requestsOf } from "./bulk.ts";
import { Enqueued } from "./enqueued.ts";
import type { Waits } from "./events/waits.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { JobIds } from "./ids.ts";
import { type ActionReport, ActionTally, LISTED_MAX } from "./action_report.ts";
import { type JobFilter, listOf } from "./job_filter.ts";
import type { DefinedJob, PlainJob } from "./jobd_options.ts";
import type { Jobs, WaitOptions } from "./jobs.ts";
import { MadeBatch } from "./made_batch.ts";
import type { StoreTime } from "./store_time.ts";

/** Jobs that are added together when they come one by one. */
const CHUNK = 1_000;
/** Batches that are read together. */
const PAGE = 100;
const COUNT_CAP = 10_000;
/** Notes that are counted in one step. */
const COUNTED = 1_000;
/** Steps at most: on a busy store there are workers, who go on. */
const STEPS = 50;

/** What {@linkcode Batches} needs. */
export interface BatchesOptions {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** The store's time. */
  time: StoreTime;
  /** Time. */
  clock: Clock;
  /** Where ids come from. */
  ids: JobIds;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Its jobs. */
  jobs: Jobs;
  /** Who waits for the ends of batches. */
  waits: Waits;
}

/** The jobs of a batch: a list, or one after the other. */
export type BatchSource =
  | readonly (PlainJob | DefinedJob<unknown>)[]
  | Iterable<PlainJob>
  | AsyncIterable<PlainJob>;

/** Jobs that are tracked as one unit: look at them and act on them. */
export class Batches {
  readonly #options: BatchesOptions;

  /** Made by {@linkcode Jobd}. */
  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /** See `jobd.batch()`. */
  async create(source: BatchSource, options: AnyBatchOptions = {}): Promise<MadeBatch> {
    return Array.isArray(source) && source.length <= BULK_MAX
      ? await this.#create(source, options)
      : await this.#createInParts(source as AsyncIterable<PlainJob>, options);
  }

  /** A batch. @throws {JobdError} `not_found`; `invalid_request` for what is no id */
  async get(batch: BatchRef): Promise<BatchInfo> {
    const { driver, namespace } = this.#options;
    const id = parseBatchRef(batch);
    const [found] = (await driver.batches({ namespace, ids: [id], limit: 1 })).items;
    if (found === undefined) throw noSuchBatch(id, namespace);
    return toInfo(found);
  }

  /** One page of batches, newest first. @throws {JobdError} `invalid_request` naming what is wrong */
  async page(
    { limit, cursor, ...filter }: BatchFilter & { limit: number; cursor?: string },
  ): Promise<Page<BatchInfo>> {
    const { driver, namespace } = this.#options;
    const { state, type, parent } = filter;
    const states = state === undefined ? undefined : listOf(state);
    const odd = states?.find((one) => !BATCH_STATES.includes(one));
    if (odd !== undefined) throw invalid("state", odd, `one of ${BATCH_STATES.join(", ")}`);
    const { items, ...next } = await driver.batches({
      namespace,
      limit,
      ...(states === undefined ? {} : { states }),
      ...(type === undefined ? {} : { types: listOf(type) }),
      ...(parent === undefined ? {} : { parent: parseBatchRef(parent) }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return { items: items.map(toInfo), ...next };
  }

  /** All batches that match, newest first, page by page. */
  async *list(filter: BatchFilter = {}): AsyncGenerator<BatchInfo> {
    let cursor: string | undefined;
    do {
      const page = await this.page({ ...filter, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** How many batches there are in each state, counted up to 10,000. */
  async counts(): Promise<BatchStateCount[]> {
    const { driver, namespace } = this.#options;
    return await driver.batchCounts(namespace, COUNT_CAP);
  }

  /** Its jobs with their results, oldest first, page by page. @throws {JobdError} `invalid_request` */
  jobs(batch: BatchRef, filter: Omit<JobFilter, "batch"> = {}): AsyncGenerator<Job> {
    return this.#options.jobs.list({ ...filter, batch: parseBatchRef(batch) });
  }

  /**
   * Adds jobs, all or none. That works until the last member has ended, whether it is sealed or not: a member that runs can
   * always add some.
   *
   * @throws {JobdError} `not_found`; `conflict` when the batch has ended; `invalid_request` naming what is wrong
   */
  async add(
    batch: BatchRef,
    jobs: readonly (PlainJob | DefinedJob<unknown>)[],
  ): Promise<Enqueued[]> {
    const { driver, newJobs, jobs: all } = this.#options;
    const requests = inBatch(parseBatchRef(batch), await requestsOf(jobs));
    if (requests.length === 0) return [];
    return (await driver.insert(await newJobs(requests))).map((result) => new Enqueued(result, all));
  }

  /** Says that whoever made it has added all jobs: it ends when its members have. @throws {JobdError} `not_found` */
  async seal(batch: BatchRef): Promise<BatchInfo> {
    return await this.#change(batch, "seal");
  }

  /**
   * Cancels all members that wait, and asks those that run to stop; batches inside it too. It has ended when they have.
   * What is added meanwhile is cancelled at once.
   *
   * @throws {JobdError} `not_found`; `conflict` when it has ended
   */
  async cancel(batch: BatchRef): Promise<BatchInfo> {
    const before = await this.get(batch);
    if (before.state === "cancelled") return before;
    if (hasEnded(before)) {
      throw new JobdError("conflict", `Batch ${before.id} has ended already: it is ${before.state}`);
    }
    await this.#cancelAll(before.id);
    await this.#count();
    return await this.get(before.id);
  }

  /** Retries all members that are dead, those of the batches inside it too; callbacks are not enqueued a second time. */
  async retry(batch: BatchRef): Promise<ActionReport> {
    const { id } = await this.get(batch);
    const tally = new ActionTally(LISTED_MAX);
    tally.add(await this.#options.jobs.retry({ batch: id, state: "dead" }));
    for await (const inner of this.list({ parent: id })) tally.add(await this.retry(inner));
    await this.#count();
    return tally.report();
  }

  /**
   * Waits until a batch has ended, in whichever processes its jobs run. Some worker must be there: workers count ends.
   *
   * @throws {JobdError} `timed_out`: the batch goes on; `not_found`, also when it is removed meanwhile
   */
  async wait(batch: BatchRef, { timeoutMs = Infinity, signal }: WaitOptions = {}): Promise<BatchInfo> {
    const { clock, waits } = this.#options;
    const id = parseBatchRef(batch);
    const until = clock.monotonic() + timeoutMs;
    const watch = waits.watch(id);
    try {
      for (;;) {
        watch.look();
        const now = await this.get(id);
        if (hasEnded(now)) return now;
        const left = until - clock.monotonic();
        if (left <= 0 || signal?.aborted) {
          const { state, counts: { open, total } } = now;
          throw new JobdError(
            "timed_out",
            `Batch ${id} has not ended yet: it is ${state}, ${open} of ${total} members are open`,
            { hint: "It goes on; look at it again later." },
          );
        }
        await watch.rest(left, signal);
      }
    } finally {
      watch.end();
    }
  }

  async #create(
    items: readonly (PlainJob | DefinedJob<unknown>)[],
    options: AnyBatchOptions,
  ): Promise<MadeBatch> {
    const { driver, newJobs, namespace, time, ids, jobs: all } = this.#options;
    const now = time.now();
    const settings = newBatch(options, { namespace, now, id: ids.next(now) });
    const callbacks = callbacksOf(await this.#callbacks(options));
    const jobs = await newJobs(inBatch(settings.id, await requestsOf(items)));
    const created = await driver.createBatch({ ...settings, callbacks }, jobs);
    const enqueued = created.jobs.map((result) => new Enqueued(result, all));
    // One without open members has ended already, and no worker need be there to say so.
    if (created.batch.counts.open === 0) await this.#count();
    return new MadeBatch({ id: settings.id, outcome: created.outcome, jobs: enqueued, batches: this });
  }

  /** More than fits into one transaction: it stays open until all of them are there. */
  async #createInParts(
    source: AsyncIterable<PlainJob> | Iterable<PlainJob>,
    options: AnyBatchOptions,
  ): Promise<MadeBatch> {
    const batch = await this.#create([], { ...options, open: true });
    if (batch.outcome === "existing") return batch;
    const jobs: Enqueued[] = [];
    try {
      for await (const part of parts(source)) jobs.push(...await this.add(batch, part));
    } catch (error) {
      // Half of it is worse than nothing. Should this fail too, it stays open, where it can be seen and cancelled.
      await this.cancel(batch).catch(() => {});
      throw error;
    }
    if (options.open !== true) await this.seal(batch);
    return new MadeBatch({ id: batch.id, outcome: "created", jobs, batches: this });
  }

  async #callbacks(options: AnyBatchOptions): Promise<Map<keyof BatchCallbacks, NewJob>> {
    const given = CALLBACKS.flatMap((name) => {
      const job = options[name];
      return job === undefined ? [] : [{ name, job }];
    });
    const requests = (await requestsOf(given.map(({ job }) => job)))
      .map((request, at) => checkCallback(given[at]?.name ?? "onFinish", request));
    const jobs = await this.#options.newJobs(requests);
    return new Map(given.map(({ name }, at) => [name, jobs[at] as NewJob]));
  }

  async #change(batch: BatchRef, change: "seal" | "cancel"): Promise<BatchInfo> {
    const { driver, namespace, time } = this.#options;
    const id = parseBatchRef(batch);
    const changed = await driver.changeBatch({ namespace, id, change, at: time.now() });
    if (changed === undefined) throw noSuchBatch(id, namespace);
    await this.#count();
    return await this.get(id);
  }

  async #cancelAll(id: string): Promise<void> {
    const { driver, namespace, time, jobs } = this.#options;
    await driver.changeBatch({ namespace, id, change: "cancel", at: time.now() });
    await jobs.cancel({ batch: id, state: [...WAITING_STATES, "running"] });
    for await (const inner of this.list({ parent: id, state: ["open", "running"] })) {
      await this.#cancelAll(inner.id);
    }
  }

  /** Counts what was noted. Workers do that too, but there may be none. */
  async #count(): Promise<void> {
    const { driver, time } = this.#options;
    for (let step = 0, more = true; more && step < STEPS; step++) {
      more = (await driver.tellBatches({ now: time.now(), limit: COUNTED })).more;
    }
  }
}

function inBatch(batch: string, requests: readonly JobRequest[]): JobRequest[] {
  return requests.map((request) => ({ ...request, batch }));
}

/** Cuts a source into lists. */
async function* parts(source: AsyncIterable<PlainJob> | Iterable<PlainJob>): AsyncGenerator<PlainJob[]> {
  let part: PlainJob[] = [];
  for await (const job of source) {
    part.push(job);
    if (part.length < CHUNK) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
