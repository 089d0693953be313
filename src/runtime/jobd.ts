import { invalid, JobdError } from "../domain/errors.ts";
import type { EventPattern, KindOf } from "../domain/event.ts";
import type { NewJob } from "../domain/job.ts";
import { checkName, DEFAULT_NAMESPACE, DEFAULT_QUEUE } from "../domain/names.ts";
import { comesAfter } from "../domain/dependency.ts";
import { DEFAULT_MAX_ATTEMPTS, type JobRequest, newJob } from "../domain/request.ts";
import { failsOnConflict, isContested } from "../domain/unique.ts";
import type { CloseOptions, Driver, InsertResult, StoreFact, Transaction } from "../storage/driver.ts";
import { openDriver } from "../storage/open.ts";
import { Batcher } from "./batcher.ts";
import { Ids, type JobIds } from "./ids.ts";
import { type Clock, sleep } from "../domain/clock.ts";
import { system } from "../storage/system.ts";
import { DeadLetters } from "./dead_letters.ts";
import {
  type EnqueueOptions,
  isDefinition,
  type JobDefinition,
  requestOf,
  type Within,
} from "./definition.ts";
import { Enqueued } from "./enqueued.ts";
import { Executions } from "./executions.ts";
import type { EventStream } from "./events/event_stream.ts";
import {
  type EventListener,
  type EventsOptions,
  type Subscription,
  Watching,
  type WatchOptions,
} from "./events/watching.ts";
import { Groups } from "./groups/groups.ts";
import { Jobs } from "./jobs.ts";
import type { BulkOptions, DefinedJob, OpenOptions, PlainJob, Stats, StatsOptions } from "./jobd_options.ts";
import { JobLimits } from "./limits.ts";
import { silentLogger } from "./logger.ts";
import { Namespaces } from "./namespaces.ts";
import type { ProcessWatch } from "./process/identity.ts";
import { spreadStarts } from "./spread.ts";
import { QueueSettingsCache } from "./queue_settings.ts";
import { Queues } from "./queues.ts";
import { bySteps } from "./series.ts";
import { Schedules } from "./schedules.ts";
import { StoreTime } from "./store_time.ts";
import type { WatchdogStore } from "./watchdog.ts";
import { Worker } from "./worker.ts";
import { loadedModules } from "./worker_modules.ts";
import { withHandlers, type WorkerOptions } from "./worker_options.ts";
import { Workers } from "./workers.ts";

/** The most jobs in one call of {@linkcode Jobd.enqueueMany}. */
export const BULK_MAX = 10_000;
/** Jobs in one insert when calls are gathered. */
const INSERT_WEIGHT = 1_000;
/** Gathered inserts under way at the same time: while the store commits one, the next is already being sent. */
const INSERT_LANES = 2;
const MINUTE_MS = 60_000;

interface Parts {
  driver: Driver;
  time: StoreTime;
  clock: Clock;
  random: () => number;
  namespace: string;
  maxAttempts: number;
  store: WatchdogStore | undefined;
  ids: JobIds;
  processes: ProcessWatch | undefined;
  watching: Watching;
}

/**
 * A jobd store and everything that can be done with it: enqueue jobs, look at them, act on them, run them.
 *
 * @example
 * ```ts
 * import { Jobd } from "./jobd.ts";
 *
 * await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
 * const { id } = await jobd.enqueue({ type: "email.send", payload: { to: "a@example.com" }, delay: "5m" });
 * console.log((await jobd.jobs.get(id)).state); // "scheduled"
 * ```
 */
export class Jobd implements AsyncDisposable {
  /** The tenant whose queues and jobs this object sees. */
  readonly namespace: string;
  /** Look at jobs and act on them. */
  readonly jobs: Jobs;
  /** Jobs that have failed for good. */
  readonly dead: DeadLetters;
  /** Look at queues and change them. */
  readonly queues: Queues;
  /** How many jobs of a queue, a type or a key run at a time, and how often one starts. */
  readonly limits: JobLimits;
  /** Look at the workers of all machines. */
  readonly workers: Workers;
  /** Look at the namespaces of the store. */
  readonly namespaces: Namespaces;
  /** Look at attempts. */
  readonly executions: Executions;
  /** Jobs that are gathered to be handled together. */
  readonly groups: Groups;
  /** Recurring rules: look at them and change them. */
  readonly schedules: Schedules;
  readonly #parts: Parts;
  readonly #settings: QueueSettingsCache;
  readonly #inserts: Batcher<NewJob[], InsertResult[]>;
  /** Jobs that may change others take longer, and hold up only each other. */
  readonly #contests: Batcher<NewJob[], InsertResult[]>;

  private constructor(parts: Parts) {
    const { driver } = parts;
    this.#parts = parts;
    this.namespace = parts.namespace;
    this.jobs = new Jobs({ ...parts, waits: parts.watching.waits });
    this.dead = new DeadLetters(this.jobs);
    this.queues = new Queues(parts);
    this.limits = new JobLimits(parts);
    this.workers = new Workers(parts);
    this.namespaces = new Namespaces(parts);
    this.groups = new Groups({ ...parts, jobs: this.jobs });
    this.executions = new Executions({ ...parts, jobs: this.jobs });
    const newJobs = (requests: readonly JobRequest[]) => this.#newJobs(requests);
    this.schedules = new Schedules({ ...parts, newJobs, jobs: this.jobs });
    this.#settings = new QueueSettingsCache(parts);
    this.#inserts = insertBatcher(driver, INSERT_LANES);
    this.#contests = insertBatcher(driver, 1);
  }

  /**
   * Opens a store by its URL (`sqlite:PATH`, `sqlite::memory:`, `postgres://...`), or with a driver that exists.
   *
   * @throws {JobdError} `invalid_config`, `store_unavailable`, `store_unusable`, `permission_denied`, `schema_missing`
   * (unless `migrate` is set), `schema_newer`
   */
  static async open(store: string | Driver, options: OpenOptions = {}): Promise<Jobd> {
    const namespace = checkName("namespace", options.namespace ?? DEFAULT_NAMESPACE);
    const clock = options.clock ?? system;
    const driver = typeof store === "string" ? await openDriver(store, options) : store;
    try {
      if (options.migrate) await driver.migrate();
      const time = await StoreTime.of(clock, () => driver.ready());
      const random = options.random ?? system.random;
      const log = options.log ?? silentLogger;
      const watching = new Watching({ driver, namespace, clock, now: () => time.now(), log });
      return new Jobd({
        driver: watching.driver,
        watching,
        time,
        clock,
        random,
        namespace,
        maxAttempts: options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
        store: threadStore(store, options),
        ids: options.ids ?? new Ids(),
        processes: options.processes,
      });
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  /** Which backend holds the jobs. */
  get backend(): Driver["backend"] {
    return this.#parts.driver.backend;
  }

  /** Where the jobs are, without credentials. */
  get location(): string {
    return this.#parts.driver.location;
  }

  /**
   * Stores one job; when this resolves it is durable. Calls made at the same time share a commit.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `store_unavailable`; `conflict` when its unique key is held
   * and it says `onConflict: "fail"`
   */
  enqueue<Input, Result>(
    job: JobDefinition<Input, Result>,
    payload: Input,
    options?: EnqueueOptions & Within,
  ): Promise<Enqueued<Result>>;
  /** Stores one job by a request that says everything. */
  enqueue(request: JobRequest, within?: Within): Promise<Enqueued>;
  async enqueue(
    job: JobDefinition | JobRequest,
    given?: unknown,
    { tx: own, ...options }: EnqueueOptions & Within = {},
  ): Promise<Enqueued<unknown>> {
    const tx = isDefinition(job) ? own : (given as Within | undefined)?.tx;
    const [result] = await this.#insert([await requestOf(job, given, options)], tx);
    return result as Enqueued<unknown>;
  }

  /**
   * Stores many jobs, all or none; results are in the order of the requests. At most 10,000 in one call.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `store_unavailable`
   */
  async enqueueMany<Inputs extends readonly unknown[]>(
    jobs: readonly PlainJob[] | { readonly [K in keyof Inputs]: DefinedJob<Inputs[K]> | PlainJob },
    { tx, spread }: BulkOptions = {},
  ): Promise<Enqueued[]> {
    const items = jobs as readonly (PlainJob | DefinedJob<unknown>)[];
    const requests = items.some(isDefined)
      ? await Promise.all(items.map((item) => isDefined(item) ? definedRequest(item) : item))
      : items as readonly PlainJob[];
    if (requests.length > BULK_MAX) {
      throw new JobdError(
        "invalid_request",
        `Too many jobs in one call: ${requests.length} are more than ${BULK_MAX}`,
        {
          hint: "Split them over several calls.",
        },
      );
    }
    const { time, random } = this.#parts;
    const timed = spread === undefined
      ? requests
      : spreadStarts(requests, spread, { now: time.now(), random });
    return timed.length === 0 ? [] : await this.#insert(timed, tx);
  }

  /**
   * Calls a function for each event that matches, whichever process caused it: `"job.completed"`, all about jobs with
   * `"job.*"`, or all with `"*"`. Resolves when everything that happens from now on is told. Events tell what has happened;
   * what is true is the state: each live listener is told at most once, in the order of their ids.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `store_unavailable`
   */
  on<P extends EventPattern>(
    pattern: P,
    listener: EventListener<P>,
    options: WatchOptions = {},
  ): Promise<Subscription> {
    return this.#parts.watching.on(pattern, listener, options);
  }

  /** The same for `for await`; it begins at once, and ends with the loop. @throws {JobdError} `invalid_request` */
  events<P extends EventPattern = "*">(options: EventsOptions<P> = {}): EventStream<KindOf<P>> {
    return this.#parts.watching.events(options);
  }

  /** Counts by state, and ended runs of the last while. @throws {JobdError} `invalid_request` for a step that is no whole minute */
  async stats(options: StatsOptions = {}): Promise<Stats> {
    const { driver, time } = this.#parts;
    const at = time.now();
    const since = at - (options.sinceMs ?? 3_600_000);
    const stepMs = options.stepMs ?? MINUTE_MS;
    if (!Number.isInteger(stepMs) || stepMs < MINUTE_MS || stepMs % MINUTE_MS !== 0) {
      throw invalid("stepMs", stepMs, "one or more whole minutes, such as 86400000 for a day");
    }
    const counts = await this.queues.counts();
    const rows = await driver.stats({ namespace: this.namespace, from: since, to: at + MINUTE_MS });
    return { at, counts, since, rows: stepMs === MINUTE_MS ? rows : bySteps(rows, stepMs) };
  }

  /** Facts about the store, for people who look after it. */
  inspect(): Promise<StoreFact[]> {
    return this.#parts.driver.inspect();
  }

  /** The store's time, epoch milliseconds. */
  now(): number {
    return this.#parts.time.now();
  }

  /** Writes a consistent copy of the store to a new file. @throws {JobdError} `invalid_request` on PostgreSQL */
  backup(path: string): Promise<void> {
    return this.#parts.driver.backup(path);
  }

  /** Makes a worker; `start()` it. @throws {JobdError} `invalid_request` for an option that cannot be */
  worker(options: WorkerOptions): Worker {
    return new Worker(options, async (settings) => {
      const { Engine } = await import("./engine.ts");
      const { driver, clock, time, random, store, ids } = this.#parts;
      const processes = this.#parts.processes ?? await thisMachine();
      const { host, pid } = await processes.identity();
      const modules = await loadedModules(settings);
      return new Engine(withHandlers(settings, modules?.handlers ?? []), {
        driver,
        clock,
        time,
        random,
        processes,
        namespace: this.namespace,
        id: `${host}:${pid}:${ids.next(time.now()).slice(-8)}`,
        newJobs: (requests) => this.#newJobs(requests),
        cancel: (jobIds) => this.jobs.cancel(jobIds),
        declareSchedules: () => this.schedules.declare(settings.schedules),
        log: options.log ?? silentLogger,
        ...(store === undefined ? {} : { store }),
        ...(modules === undefined ? {} : { modules }),
      });
    });
  }

  /**
   * Ends everything that waits and closes the store. Calls under way end first; with `withinMs` those that take longer
   * reject then, as with a store that does not answer.
   */
  async close({ withinMs }: CloseOptions = {}): Promise<void> {
    const { driver, clock, watching } = this.#parts;
    const idle = new AbortController();
    const inserted = Promise.all([this.#inserts.idle(), this.#contests.idle()])
      .then(() => watching.close()).then(() => idle.abort());
    if (withinMs === undefined) {
      await inserted;
      return await driver.close();
    }
    const end = clock.monotonic() + withinMs;
    await sleep(clock, withinMs, idle.signal);
    await driver.close({ withinMs: Math.max(0, end - clock.monotonic()) });
  }

  /** Closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #insert(requests: readonly JobRequest[], tx?: Transaction): Promise<Enqueued[]> {
    const jobs = await this.#newJobs(requests);
    const results = await (tx === undefined ? this.#gather(jobs) : this.#parts.driver.insertWithin(tx, jobs));
    return results.map((result) => new Enqueued(result, this.jobs));
  }

  #gather(jobs: NewJob[]): Promise<InsertResult[]> {
    // A call that may be refused as a whole must not take others with it.
    if (jobs.some((job) => failsOnConflict(job) || comesAfter(job))) return this.#parts.driver.insert(jobs);
    return (jobs.some(isContested) ? this.#contests : this.#inserts).add(jobs);
  }

  async #newJobs(requests: readonly JobRequest[]): Promise<NewJob[]> {
    if (requests.some((one) => one?.maxAttempts === undefined || one.ttl === undefined)) {
      await this.#settings.refresh();
    }
    return requests.map((request) => this.#newJob(request));
  }

  #newJob(request: JobRequest): NewJob {
    const { time, maxAttempts, ids } = this.#parts;
    const now = time.now();
    const queue = this.#settings.of(request?.queue ?? DEFAULT_QUEUE);
    return newJob({ namespace: this.namespace, ...request }, {
      now,
      id: ids.next(now),
      maxAttempts: queue.maxAttempts ?? maxAttempts,
      ...(queue.ttlMs === undefined ? {} : { ttlMs: queue.ttlMs }),
    });
  }
}

/** Gathers calls into few, large inserts. */
function insertBatcher(driver: Driver, lanes: number): Batcher<NewJob[], InsertResult[]> {
  return new Batcher({
    maxWeight: INSERT_WEIGHT,
    lanes,
    weigh: (jobs) => jobs.length,
    flush: async (groups) => {
      const results = await driver.insert(groups.flat());
      let at = 0;
      return groups.map((jobs) => results.slice(at, at += jobs.length));
    },
  });
}

function isDefined(item: PlainJob | DefinedJob<unknown>): item is DefinedJob<unknown> {
  return typeof item === "object" && item !== null && "job" in item;
}

function definedRequest({ job, payload, ...options }: DefinedJob<unknown>): Promise<JobRequest> {
  return job.request(payload, options);
}

async function thisMachine(): Promise<ProcessWatch> {
  const { Machine } = await import("./process/machine.ts");
  return Machine.here();
}

/** How a thread opens the same store; a store in memory exists in one thread only. */
function threadStore(store: string | Driver, options: OpenOptions): WatchdogStore | undefined {
  if (typeof store !== "string" || store === "sqlite::memory:") return undefined;
  const { listenUrl, preparedStatements, deadlineMs } = options;
  return {
    url: store,
    options: {
      ...(listenUrl === undefined ? {} : { listenUrl }),
      ...(preparedStatements === undefined ? {} : { preparedStatements }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    },
  };
}
