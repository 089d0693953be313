import { JobdError, messageOf } from "../domain/errors.ts";
import type { ClaimRequest, ClaimResult, Listener, WorkerRow } from "../storage/driver.ts";
import { Attempts } from "./attempts.ts";
import { BackoffRules } from "./backoff_rules.ts";
import { sleep, turn } from "../domain/clock.ts";
import type { EngineContext } from "./engine_context.ts";
import { codeLimits, Gatekeeper } from "./gatekeeper.ts";
import { gatherGroups } from "./groups/gathering.ts";
import { RENEWAL } from "./leases.ts";
import { Loop } from "./loop.ts";
import { Maintenance } from "./maintenance.ts";
import { Patience } from "./patience.ts";
import { queueNames, queueOrder, typesElsewhere } from "./queue_order.ts";
import { QueueSettingsCache } from "./queue_settings.ts";
import { Rescuer } from "./rescuer.ts";
import { longestSleep, Scheduler } from "./scheduler.ts";
import { Statistics } from "./statistics.ts";
import type { WorkerSettings } from "./worker_options.ts";
import type { Watchdog } from "./watchdog.ts";
import { watchdogOf } from "./watched.ts";

/** How long a worker that stops waits for a store that does not answer, after the time of its jobs, in milliseconds. */
const STORE_MS = 4_000;
/** The same, counted from the moment when nothing runs any more, and in a hurry. */
const STORE_LAST_MS = 1_000;

/** What drives a worker: claims jobs, runs them, writes how they ended, and does its share of the upkeep. */
export class Engine {
  /** Unique for each start: host, process and chance. */
  readonly id: string;
  readonly #context: EngineContext;
  readonly #patience: Patience;
  readonly #options: WorkerSettings;
  readonly #queues: QueueSettingsCache;
  readonly #attempts: Attempts;
  readonly #gatekeeper: Gatekeeper;
  readonly #statistics = new Statistics();
  readonly #scheduler: Scheduler | undefined;
  readonly #maintenance: Maintenance;
  readonly #claims: Loop;
  readonly #cancellations: Loop;
  readonly #loops: Loop[];
  readonly #hurry = new AbortController();
  #startedAt = 0;
  #process: WorkerRow["process"] = {};
  #hungry = false;
  #woken = true;
  #outdated = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #listener: Listener | undefined;
  #liveness: AsyncDisposable | undefined;
  #watchdog: Watchdog | undefined;

  /** Made by a worker when it starts. */
  constructor(settings: WorkerSettings, context: EngineContext) {
    this.id = context.id;
    this.#patience = new Patience(context.driver);
    this.#context = { ...context, driver: this.#patience.driver };
    this.#options = settings;
    const { leaseMs, pollIntervalMs, retention } = settings;
    const { driver, clock, time, namespace, random, log, id: worker, processes } = this.#context;
    const statistics = this.#statistics;
    const now = (): number => time.now();
    const queues = new QueueSettingsCache({ driver, clock, namespace });
    const { handlers, backoff: otherwise } = settings;
    const backoff = new BackoffRules({ queues, handlers, otherwise, log });
    const onFree = (): void => {
      if (this.#hungry) this.#claims.wake();
    };
    this.#queues = queues;
    const told = (): boolean => this.#listener?.live ?? false;
    this.#gatekeeper = new Gatekeeper({
      driver,
      clock,
      now,
      namespace,
      log,
      told,
      onOpen: () => this.#claims.wake(),
    });
    const { cancel, newJobs } = this.#context;
    const longestMs = (): number => longestSleep(told(), pollIntervalMs);
    this.#scheduler = settings.scheduler
      ? new Scheduler({ driver, namespace, clock, now, newJobs, cancel, longestMs, log })
      : undefined;
    this.#attempts = new Attempts({
      driver,
      clock,
      time,
      random,
      worker,
      settings,
      queues,
      backoff,
      statistics,
      log,
      newJobs,
      gatekeeper: this.#gatekeeper,
      onEnded: (job) => this.#scheduler?.ended(job),
      keyring: this.#context.keyring,
      onFree,
    });
    const rescuer = new Rescuer({
      driver,
      now,
      random,
      backoff: (job) => backoff.of(job),
      processes,
      worker,
      log,
      statistics,
      leaseMs,
      onRescued: (ids) => this.#gatekeeper.rescued(ids),
    });
    this.#maintenance = new Maintenance({
      driver,
      clock,
      now,
      log,
      pollIntervalMs,
      sweepMs: Math.min(5_000, leaseMs / 6),
      retention,
      auditRetentionMs: settings.auditRetentionMs,
      statsRetentionMs: settings.statsRetentionMs,
      longestMs,
      rescuer,
      statistics,
      ...(this.#scheduler === undefined ? {} : { scheduler: this.#scheduler }),
    });
    const loop = (name: string, step: () => Promise<number>): Loop => new Loop({ name, clock, log, step });
    this.#claims = loop("Claiming jobs", () => this.#claim());
    this.#cancellations = loop("Looking for cancellations", () => this.#cancelRequested());
    this.#loops = [
      this.#claims,
      this.#cancellations,
      loop("Renewing leases", () => this.#renew()),
      loop("Showing life", () => this.#heartbeat()),
      loop("Checking leases", async () => {
        this.#watchdog?.turn();
        await this.#attempts.giveUpLapsing();
        return leaseMs / 20;
      }),
    ];
  }

  /** Jobs that run at this moment. */
  get running(): number {
    return this.#attempts.size;
  }

  /** The types of the jobs that it runs. */
  get types(): string[] {
    return [...this.#options.handlers.keys()];
  }

  /** Starts claiming; resolves when the worker is at work. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { driver, time, processes } = this.#context;
    this.#startedAt = time.now();
    this.#process = { ...await processes.identity() };
    // What an earlier daemon of this machine left behind ends before any of its jobs can start again.
    await processes.reapStrays();
    this.#sayUnserved();
    await this.#queues.refresh();
    await this.#gatekeeper.declare(codeLimits(this.#options.handlers), this.#options.handlers.keys());
    await this.#context.declareSchedules();
    await driver.saveWorker(this.#row());
    this.#liveness = await driver.holdLiveness(this.id);
    this.#listener = await driver.listen((wake) => {
      if (wake === "any") {
        this.#gatekeeper.expire();
        this.#scheduler?.wake();
      }
      if (wake === "available" || wake === "any") this.#claims.wake();
      if (wake === "scheduled" || wake === "any") this.#maintenance.wake();
      if (wake === "parked" || wake === "any") this.#maintenance.wakeParked();
      if (wake === "ended" || wake === "any") this.#maintenance.wakeEnded();
      if (wake === "cancel" || wake === "any") this.#cancellations.wake();
    });
    this.#watchdog = watchdogOf(this.id, this.#options, this.#context);
    for (const loop of this.#loops) loop.start();
    this.#maintenance.start();
  }

  /**
   * Stops: claims nothing more, lets running jobs finish for a while, then aborts them and hands them back so that
   * others can have them at once. A store that does not answer is given up soon after that: others rescue what is left.
   * Called again with no time, it hurries.
   */
  stop(options: { timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? this.#options.shutdownTimeoutMs;
    if (this.#stopping !== undefined && timeoutMs <= 0) this.#hurry.abort();
    this.#stopping ??= this.#stop(timeoutMs);
    return this.#stopping;
  }

  async #stop(timeoutMs: number): Promise<void> {
    const { clock, log } = this.#context;
    const over = new AbortController();
    const idle = this.#idle().then(() => over.abort());
    if (timeoutMs > 0) await sleep(clock, timeoutMs, AbortSignal.any([over.signal, this.#hurry.signal]));
    if (this.#attempts.size > 0) log.info("Handing unfinished jobs back", { jobs: this.#attempts.size });
    this.#attempts.stopAll("shutdown");
    const stopped = new AbortController();
    const limit = this.#limitPatience(stopped.signal);
    await idle;
    await this.#context.modules?.close();
    await this.#stopLoops();
    this.#watchdog?.stop();
    await this.#sayFarewell();
    stopped.abort();
    await limit;
  }

  /** Resolves when nothing is claimed any more and nothing runs. */
  async #idle(): Promise<void> {
    const claimsEnded = this.#claims.stop();
    // Whoever called it hears of a failure.
    await this.#starting?.catch(() => {});
    await claimsEnded;
    await this.#attempts.idle();
    await this.#gatekeeper.idle();
  }

  /** Loses patience with the store after a while, unless the worker has stopped before; never before the jobs have ended. */
  async #limitPatience(stopped: AbortSignal): Promise<void> {
    const { clock, log } = this.#context;
    await Promise.all([
      sleep(clock, STORE_MS, AbortSignal.any([stopped, this.#hurry.signal])),
      this.#attempts.handlersEnded().then(() => sleep(clock, STORE_LAST_MS, stopped)),
    ]);
    if (stopped.aborted) return;
    log.warn("The store does not answer: the worker stops without it, and others rescue what it leaves", {
      jobs: this.#attempts.size,
    });
    void this.#stopLoops();
    this.#attempts.giveUp();
    this.#patience.lose();
  }

  async #stopLoops(): Promise<void> {
    await Promise.all([this.#maintenance, ...this.#loops].map((part) => part.stop()));
  }

  /** Together, because each of them may have to wait for a store that does not answer. */
  async #sayFarewell(): Promise<void> {
    const { driver, log } = this.#context;
    const patience = this.#patience;
    const farewell = [
      () => this.#attempts.closeLeases(),
      () => this.#statistics.flush(driver),
      () => driver.removeWorker(this.id),
      () => patience.wait(() => this.#listener?.[Symbol.asyncDispose]()),
      () => patience.wait(() => this.#liveness?.[Symbol.asyncDispose]()),
    ];
    await Promise.all(farewell.map(async (step) => {
      try {
        await step();
      } catch (error) {
        // A store that is away must not keep the process from ending: what is left is rescued by others.
        if (!patience.lost) log.warn("Part of the shutdown failed", { error: messageOf(error) });
      }
    }));
  }

  async #claim(): Promise<number> {
    const { time } = this.#context;
    const { pollIntervalMs } = this.#options;
    // Handlers that end at the same moment make room for one claim together.
    if (this.#attempts.size > 0) await turn();
    await this.#gatekeeper.refresh();
    const waited = await this.#take((request) => this.#gatekeeper.claimParked(request));
    await this.#take((request) => this.#gatekeeper.claim(request));
    const untilOpen = (waited?.nextOpenAt ?? 0) - time.now();
    return untilOpen > 0 ? Math.min(untilOpen, pollIntervalMs) : pollIntervalMs;
  }

  /** Claims as much as there is room for and starts it; undefined when there is none. */
  async #take(claim: (request: ClaimRequest) => Promise<ClaimResult>): Promise<ClaimResult | undefined> {
    const { clock, time, namespace, random } = this.#context;
    const limit = this.#room();
    this.#hungry = limit <= 0;
    if (limit <= 0) return undefined;
    const askedAt = clock.monotonic();
    const now = time.now();
    const { ageing } = this.#queues;
    const result = await claim({
      worker: this.id,
      namespace,
      queues: queueOrder(this.#options.queues, random),
      types: [...this.#options.handlers.keys()],
      limit,
      ...(ageing === undefined ? {} : { ageing }),
      now,
      expiresAt: now + this.#options.leaseMs,
    });
    const { leaseId, jobs, more, nextDueAt } = result;
    this.#hungry = jobs.length === limit || more === true;
    if (leaseId !== null && jobs.length > 0) {
      const { handlers } = this.#options;
      const starting = await gatherGroups({ driver: this.#context.driver, handlers, now }, result);
      this.#attempts.begin(leaseId, starting, askedAt);
    }
    if (more === true) this.#claims.wake();
    if (nextDueAt !== undefined) this.#maintenance.sawDue(nextDueAt, askedAt);
    return result;
  }

  /**
   * How many jobs may be claimed: a handler that has ended makes room, although its end is still on its way to the store.
   * When the store is slow to take ends, no more than as many again may wait for it.
   */
  #room(): number {
    const { concurrency } = this.#options;
    return Math.min(concurrency - this.#attempts.running, 2 * concurrency - this.#attempts.size);
  }

  /** Apart from all else: what another statement waits for must not cost a lease. */
  async #renew(): Promise<number> {
    await this.#attempts.renewLeases();
    return this.#options.leaseMs * RENEWAL;
  }

  async #heartbeat(): Promise<number> {
    const { driver, time } = this.#context;
    this.#sayWhetherWoken();
    await driver.saveWorker(this.#row());
    await this.#attempts.closeLeases();
    await time.refresh(() => this.#storeTime());
    await this.#queues.refresh();
    return this.#options.leaseMs / 3;
  }

  /** A worker goes on when a newer jobd has migrated the store: daemons are replaced one by one. */
  async #storeTime(): Promise<number> {
    const { driver, log } = this.#context;
    try {
      return await driver.ready();
    } catch (error) {
      if (!(error instanceof JobdError) || error.code !== "schema_newer") throw error;
      if (!this.#outdated) log.warn(`${error.message}. This worker goes on; replace it by the newer jobd`);
      this.#outdated = true;
      return await driver.time();
    }
  }

  #sayWhetherWoken(): void {
    const { log } = this.#context;
    const woken = this.#listener?.live ?? true;
    if (woken === this.#woken) return;
    this.#woken = woken;
    const { pollIntervalMs } = this.#options;
    if (woken) log.info("Wake-ups from other processes arrive again");
    else {log.warn("Wake-ups from other processes do not arrive: work is found by polling", {
        pollIntervalMs,
      });}
  }

  async #cancelRequested(): Promise<number> {
    if (this.#attempts.size === 0) return this.#options.pollIntervalMs;
    for (const run of await this.#context.driver.cancelRequests(this.id)) {
      this.#attempts.stop(run, "cancelled");
    }
    return this.#options.pollIntervalMs;
  }

  #sayUnserved(): void {
    const { queues, handlers } = this.#options;
    for (const [type, queue] of typesElsewhere(queues, handlers.values())) {
      this.#context.log.warn("Jobs of this type go to a queue that this worker does not serve", {
        type,
        queue,
      });
    }
  }

  #row(): WorkerRow {
    const { namespace, time } = this.#context;
    return {
      id: this.id,
      namespace,
      process: this.#process,
      queues: queueNames(this.#options.queues),
      types: [...this.#options.handlers.keys()],
      concurrency: this.#options.concurrency,
      running: this.#attempts.size,
      startedAt: this.#startedAt,
      seenAt: time.now(),
    };
  }
}
