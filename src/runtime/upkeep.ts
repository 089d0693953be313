import type { Listener, Wake } from "../storage/driver.ts";
import { BackoffRules } from "./backoff_rules.ts";
import type { UpkeepContext } from "./engine_context.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { Loop } from "./loop.ts";
import { Maintenance } from "./maintenance.ts";
import { QueueSettingsCache } from "./queue_settings.ts";
import { Rescuer } from "./rescuer.ts";
import { longestSleep, Scheduler } from "./scheduler.ts";
import { Statistics } from "./statistics.ts";
import type { UpkeepSettings } from "./worker_options.ts";

/**
 * What every worker does besides running jobs: lets due jobs go, makes ticks of schedules into jobs, takes jobs back from
 * workers that are gone, removes what is old. For a program that runs none, while all workers are elsewhere. It may run
 * anywhere beside others who do the same.
 */
export class Upkeep implements AsyncDisposable {
  readonly #context: UpkeepContext;
  readonly #scheduler: Scheduler;
  readonly #maintenance: Maintenance;
  readonly #loops: Loop[];
  #listener: Listener | undefined;

  /** Made by `Jobd`. */
  constructor(settings: UpkeepSettings, context: UpkeepContext) {
    this.#context = context;
    const { driver, clock, time, namespace, random, log, id: worker, processes, cancel, newJobs } = context;
    const { leaseMs, pollIntervalMs, retention, auditRetentionMs, statsRetentionMs } = settings;
    const now = (): number => time.now();
    const told = (): boolean => this.#listener?.live ?? false;
    const longestMs = (): number => longestSleep(told(), pollIntervalMs);
    const queues = new QueueSettingsCache({ driver, clock, namespace });
    const backoff = new BackoffRules({ queues, handlers: new Map(), otherwise: settings.backoff, log });
    const gatekeeper = new Gatekeeper({ driver, clock, now, namespace, log, told, onOpen: () => {} });
    const statistics = new Statistics();
    this.#scheduler = new Scheduler({ driver, namespace, clock, now, newJobs, cancel, longestMs, log });
    this.#maintenance = new Maintenance({
      driver,
      clock,
      now,
      log,
      pollIntervalMs,
      sweepMs: Math.min(5_000, leaseMs / 6),
      retention,
      auditRetentionMs,
      statsRetentionMs,
      longestMs,
      statistics,
      scheduler: this.#scheduler,
      rescuer: new Rescuer({
        driver,
        now,
        random,
        backoff: (job) => backoff.of(job),
        processes,
        worker,
        log,
        statistics,
        leaseMs,
        onRescued: (ids) => gatekeeper.rescued(ids),
      }),
    });
    this.#loops = [
      new Loop({
        name: "Reading the store's time and settings",
        clock,
        log,
        step: async () => {
          await time.refresh(() => driver.time());
          await queues.refresh();
          return leaseMs / 3;
        },
      }),
    ];
  }

  /** Starts it; resolves when it is at work. */
  async start(): Promise<void> {
    await this.#context.processes.reapStrays();
    this.#listener = await this.#context.driver.listen((wake) => this.#wake(wake));
    for (const loop of this.#loops) loop.start();
    this.#maintenance.start();
  }

  /** Stops it after what is under way. */
  async stop(): Promise<void> {
    await Promise.all([this.#maintenance, ...this.#loops].map((part) => part.stop()));
    await this.#listener?.[Symbol.asyncDispose]();
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #wake(wake: Wake): void {
    if (wake === "any") this.#scheduler.wake();
    if (wake === "scheduled" || wake === "any") this.#maintenance.wake();
    if (wake === "parked" || wake === "any") this.#maintenance.wakeParked();
    if (wake === "ended" || wake === "any") this.#maintenance.wakeEnded();
  }
}
