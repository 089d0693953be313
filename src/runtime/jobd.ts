import { AGENT_LIMITS, type AgentLimits, type AgentOrigin } from "../domain/agent.ts";
import { type Actor, actorOf } from "../domain/audit.ts";
import type { EventPattern, KindOf } from "../domain/event.ts";
import type { NewJob } from "../domain/job.ts";
import { RedactedKeys } from "../domain/redacted_keys.ts";
import { mayBeRefused } from "../domain/refusal.ts";
import { type JobRequest, newJob } from "../domain/request.ts";
import { isContested } from "../domain/unique.ts";
import type { CloseOptions, Driver, InsertResult, StoreFact, Transaction } from "../storage/driver.ts";
import { keptOpen } from "../storage/intercept.ts";
import { openDriver } from "../storage/open.ts";
import type { AgentCaller } from "./agents.ts";
import { AuditLog } from "./audit/audit_log.ts";
import { audited } from "./audit/audited.ts";
import { Auditor } from "./audit/auditor.ts";
import type { AnyBatchOptions, BatchOptions } from "./batch_options.ts";
import { Batches, type BatchSource } from "./batches.ts";
import { requestsOf } from "./bulk.ts";
import { sleep } from "../domain/clock.ts";
import { DeadLetters } from "./dead_letters.ts";
import {
  type EnqueueOptions,
  isDefinition,
  type JobDefinition,
  requestOf,
  type Within,
} from "./definition.ts";
import { Keyring } from "./encryption/keyring.ts";
import { reencrypt } from "./encryption/reencrypt.ts";
import type { UpkeepContext } from "./engine_context.ts";
import { Enqueued } from "./enqueued.ts";
import { Executions } from "./executions.ts";
import type { EventStream } from "./events/event_stream.ts";
import type { EventListener, EventsOptions, Subscription, WatchOptions } from "./events/watching.ts";
import { JobWaits } from "./job_waits.ts";
import type { ActionReport } from "./action_report.ts";
import type { WatchedOptions } from "./job_actions.ts";
import { Groups } from "./groups/groups.ts";
import { Jobs } from "./jobs.ts";
import type { BulkOptions, DefinedJob, OpenOptions, PlainJob, Stats, StatsOptions } from "./jobd_options.ts";
import { type JobdParts, partsOf } from "./jobd_parts.ts";
import { type Shared, sharedOf } from "./jobd_shared.ts";
import { JobLimits } from "./limits.ts";
import type { MadeBatch } from "./made_batch.ts";
import type { Logger } from "./logger.ts";
import { Namespaces } from "./namespaces.ts";
import type { RemoteLeases } from "./remote/remote_leases.ts";
import { spreadStarts } from "./spread.ts";
import { Queues } from "./queues.ts";
import type { SeriesMetric } from "../domain/series.ts";
import { readStats } from "./stats.ts";
import { readSeries, type Series, type SeriesOptions } from "./series.ts";
import { Schedules } from "./schedules.ts";
import { threadStore } from "./thread_store.ts";
import { Tokens } from "./tokens.ts";
import { Types } from "./types.ts";
import { Worker } from "./worker.ts";
import { loadedModules } from "./worker_modules.ts";
import type { Upkeep } from "./upkeep.ts";
import { type UpkeepOptions, upkeepSettings, withHandlers, type WorkerOptions } from "./worker_options.ts";
import { Workers } from "./workers.ts";

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
  /** What handlers wait for: answer it. */
  readonly waits: JobWaits;
  /** Look at queues and change them. */
  readonly queues: Queues;
  /** How many jobs of a queue, a type or a key run at a time, and how often one starts. */
  readonly limits: JobLimits;
  /** Look at the workers of all machines. */
  readonly workers: Workers;
  /** Namespaces of the store: look at them, make and remove them. */
  readonly namespaces: Namespaces;
  /** Look at the types of jobs. */
  readonly types: Types;
  /** Look at attempts. */
  readonly executions: Executions;
  /** Jobs that are gathered to be handled together. */
  readonly groups: Groups;
  /** Recurring rules: look at them and change them. */
  readonly schedules: Schedules;
  /** Who may use the API. */
  readonly tokens: Tokens;
  /** Run jobs in programs elsewhere: claim them under a lease, and report how they ended. */
  readonly leases: RemoteLeases;
  /** Jobs that are tracked as one unit: look at them and change them. */
  readonly batches: Batches;
  /** What operators have done. */
  readonly audit: AuditLog;
  readonly #parts: JobdParts;
  readonly #auditor: Auditor;
  /** What does not end up in the audit log: what follows from something else. */
  readonly #jobs: Jobs;
  readonly #shared: Shared;

  private constructor(parts: JobdParts, shared: Shared = sharedOf(parts)) {
    this.#parts = parts;
    this.#shared = shared;
    this.namespace = parts.namespace;
    const auditor = this.#auditor = new Auditor(parts);
    const jobs = this.#jobs = new Jobs({ ...parts, waits: parts.watching.waits });
    const newJobs = (requests: readonly JobRequest[]) => this.#newJobs(requests);
    const batches = new Batches({ ...parts, newJobs, jobs, waits: parts.watching.batchWaits });
    this.jobs = audited("jobs", jobs, auditor);
    this.dead = audited("dead", new DeadLetters(jobs), auditor);
    this.waits = audited("waits", new JobWaits({ ...parts, jobs }), auditor);
    this.queues = audited("queues", new Queues({ ...parts, jobs }), auditor);
    this.limits = audited("limits", new JobLimits(parts), auditor);
    this.workers = new Workers(parts);
    this.types = new Types({ ...parts, workers: this.workers });
    this.namespaces = audited("namespaces", new Namespaces(parts), auditor);
    this.tokens = audited("tokens", new Tokens(parts), auditor);
    this.leases = shared.leases;
    this.groups = audited("groups", new Groups({ ...parts, jobs }), auditor);
    this.executions = new Executions({ ...parts, jobs });
    this.schedules = audited("schedules", new Schedules({ ...parts, newJobs, jobs }), auditor);
    this.batches = audited("batches", batches, auditor);
    this.audit = new AuditLog(parts);
  }

  /**
   * Opens a store by its URL (`sqlite:PATH`, `sqlite::memory:`, `postgres://...`), or with a driver that exists.
   *
   * @throws {JobdError} `invalid_config`, `store_unavailable`, `store_unusable`, `permission_denied`, `schema_missing`
   * (unless `migrate` is set), `schema_newer`
   */
  static async open(store: string | Driver, options: OpenOptions = {}): Promise<Jobd> {
    const keyring = await Keyring.of(options.encryption);
    const driver = typeof store === "string" ? await openDriver(store, options) : store;
    try {
      if (options.migrate) await driver.migrate();
      return new Jobd(
        await partsOf(driver, {
          ...options,
          keyring,
          redactKeys: RedactedKeys.of(options.redactKeys ?? []),
          store: threadStore(store, options),
        }),
      );
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  /** The same store as another tenant sees it; it can be used as long as this one is open. @throws {JobdError} `invalid_request` */
  async forNamespace(namespace: string): Promise<Jobd> {
    const { watching, ...parts } = this.#parts;
    return new Jobd(await partsOf(keptOpen(watching.store), { ...parts, namespace }));
  }

  /**
   * The same object for somebody else, whom the audit log is to name: a server calls it for each of its users. It costs
   * little, shares everything with this one, and closing either closes both.
   */
  as(actor: Partial<Actor>): Jobd {
    return new Jobd({ ...this.#parts, actor: actorOf(actor) }, this.#shared);
  }

  /**
   * The same object for an agent, a program that people let act for them: jobs that it enqueues carry where they come from, and
   * are refused with `conflict` when agents in jobs have gone too far.
   */
  forAgent(agent: AgentCaller, limits: AgentLimits = AGENT_LIMITS): Jobd {
    const acting = this.#parts.allowances.of(agent, limits, (id) => this.jobs.get(id));
    return new Jobd({ ...this.#parts, agent: acting }, this.#shared);
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
    const requests = await requestsOf(jobs as readonly (PlainJob | DefinedJob<unknown>)[]);
    const { time, random } = this.#parts;
    const timed = spread === undefined
      ? requests
      : spreadStarts(requests, spread, { now: time.now(), random });
    return timed.length === 0 ? [] : await this.#insert(timed, tx);
  }

  /**
   * Enqueues jobs as one unit, with callbacks for its end. Up to 10,000 in a list are stored all or none; of more, or of an
   * iterable, the batch stays open until all of them are there, and is cancelled when one of them is refused.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `store_unavailable`; `not_found`, `conflict` for a parent
   */
  batch<Inputs extends readonly unknown[], Complete, Finish, Dead>(
    jobs:
      | readonly PlainJob[]
      | { readonly [K in keyof Inputs]: DefinedJob<Inputs[K]> | PlainJob }
      | Iterable<PlainJob>
      | AsyncIterable<PlainJob>,
    options: BatchOptions<Complete, Finish, Dead> = {},
  ): Promise<MadeBatch> {
    return this.batches.create(jobs as BatchSource, options as AnyBatchOptions);
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
  stats(options: StatsOptions = {}): Promise<Stats> {
    const { driver, time } = this.#parts;
    return readStats({ driver, queues: this.queues, namespace: this.namespace, now: time.now() }, options);
  }

  /** How throughput, failures, waiting or run times went over time. @throws {JobdError} `invalid_request` */
  series<M extends SeriesMetric = "throughput">(options: SeriesOptions<M> = {}): Promise<Series<M>> {
    const { driver, time } = this.#parts;
    return readSeries({ driver, namespace: this.namespace, now: time.now() }, options);
  }

  /** Facts about the store, for people who look after it. */
  inspect(): Promise<StoreFact[]> {
    return this.#parts.driver.inspect();
  }

  /** Asks the store whether it answers. @throws {JobdError} `store_unavailable`, `store_unusable` */
  async ping(): Promise<void> {
    await this.#parts.driver.time();
  }

  /** The store's time, epoch milliseconds. */
  now(): number {
    return this.#parts.time.now();
  }

  /** Writes a consistent copy of the store to a new file. @throws {JobdError} `invalid_request` on PostgreSQL */
  backup(path: string): Promise<void> {
    return this.#parts.driver.backup(path);
  }

  /**
   * Encrypts jobs with the current key, where another one did; those whose key is not here are reported as failed.
   *
   * @throws {JobdError} `key_missing` when there is no key
   */
  reencrypt(options?: WatchedOptions): Promise<ActionReport> {
    const call = { operation: "reencrypt", names: ["options"], args: [options] };
    return this.#auditor.watch(call, () => reencrypt(this.#parts, options));
  }

  /** Makes a worker; `start()` it. @throws {JobdError} `invalid_request` for an option that cannot be */
  worker(options: WorkerOptions): Worker {
    return new Worker(options, async (settings) => {
      const { Engine } = await import("./engine.ts");
      const modules = await loadedModules(settings);
      return new Engine(withHandlers(settings, modules?.handlers ?? []), {
        ...await this.#context(options.log),
        declareSchedules: () => this.schedules.declare([...settings.schedules, ...modules?.schedules ?? []]),
        ...(modules === undefined ? {} : { modules }),
      });
    });
  }

  /** Looks after the store as workers do, for programs without one; `start()` it. @throws {JobdError} `invalid_request` */
  async upkeep(options: UpkeepOptions = {}): Promise<Upkeep> {
    const { Upkeep } = await import("./upkeep.ts");
    return new Upkeep(upkeepSettings(options), await this.#context(options.log));
  }

  async #context(log?: Logger): Promise<UpkeepContext> {
    const { contextOf } = await import("./engine_context.ts");
    return await contextOf(this.#parts, {
      newJobs: (requests) => this.#newJobs(requests),
      cancel: (jobIds) => this.#jobs.cancel(jobIds),
      log,
    });
  }

  /**
   * Ends everything that waits and closes the store. Calls under way end first; with `withinMs` those that take longer
   * reject then, as with a store that does not answer.
   */
  async close({ withinMs }: CloseOptions = {}): Promise<void> {
    const { driver, clock, watching } = this.#parts;
    const idle = new AbortController();
    const inserted = Promise.all([this.#shared.inserts.idle(), this.#shared.contests.idle()])
      .then(() => this.leases.close()).then(() => watching.close()).then(() => idle.abort());
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
    if (jobs.some(mayBeRefused)) return this.#parts.driver.insert(jobs);
    return (jobs.some(isContested) ? this.#shared.contests : this.#shared.inserts).add(jobs);
  }

  async #newJobs(requests: readonly JobRequest[]): Promise<NewJob[]> {
    await this.#shared.defaults.refresh(requests);
    const agent = await this.#parts.agent?.(requests.length);
    const jobs = requests.map((request) => this.#newJob(request, agent));
    return await this.#parts.keyring.sealNew(requests, jobs);
  }

  #newJob(request: JobRequest, agent?: AgentOrigin): NewJob {
    const { time, maxAttempts, ids } = this.#parts;
    const now = time.now();
    return newJob({ namespace: this.namespace, ...request }, {
      now,
      id: ids.next(now),
      maxAttempts,
      ...this.#shared.defaults.of(request),
      ...(agent === undefined ? {} : { agent }),
    });
  }
}
