import type { Clock } from "../domain/clock.ts";
import { invalid } from "../domain/errors.ts";
import type { Driver, Listener } from "../storage/driver.ts";
import type { NewJobs } from "./follow_ups.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { Scheduler } from "./scheduler.ts";
import type { StoreTime } from "./store_time.ts";

/** How long a reading of the store's clock is believed, in milliseconds. */
const TIME_MS = 10_000;
const POLL_MS = 1_000;

/** Options of `jobd.schedules.scheduler()`. */
export interface ScheduleRunnerOptions {
  /**
   * Longest wait before the store is asked for ticks where wake-ups do not arrive, in milliseconds. Infinity: only when a
   * tick is due or somebody in this process has changed something.
   * @default 1000
   */
  pollIntervalMs?: number;
  /** Where it says what goes wrong. @default nowhere */
  log?: Logger;
}

/** What it needs of the program around it. */
export interface ScheduleRunnerParts {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  time: StoreTime;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Cancels jobs. */
  cancel(jobIds: string[]): Promise<unknown>;
}

/** Turns ticks into jobs in a process that runs no jobs, from `start` to `stop`. Workers do that by themselves. */
export class ScheduleRunner implements AsyncDisposable {
  readonly #parts: ScheduleRunnerParts;
  readonly #pollIntervalMs: number;
  readonly #log: Logger;
  #scheduler: Scheduler | undefined;
  #timeReadAt = -Infinity;
  #listener: Listener | undefined;

  /** Made by `jobd.schedules.scheduler()`. @throws {JobdError} `invalid_request` for an option that cannot be */
  constructor(
    parts: ScheduleRunnerParts,
    { pollIntervalMs = POLL_MS, log = silentLogger }: ScheduleRunnerOptions,
  ) {
    if (!(pollIntervalMs >= 1)) throw invalid("pollIntervalMs", pollIntervalMs, "a number from 1");
    this.#parts = parts;
    this.#pollIntervalMs = pollIntervalMs;
    this.#log = log;
  }

  /** Starts; resolves when changes of schedules reach it. */
  async start(): Promise<void> {
    const { driver, time } = this.#parts;
    // Loaded only here: whoever looks after schedules need not turn their ticks into jobs.
    const { longestSleep, Scheduler } = await import("./scheduler.ts");
    const log = this.#log;
    this.#scheduler ??= new Scheduler({
      ...this.#parts,
      log,
      now: () => time.now(),
      refreshTime: () => this.#refreshTime(),
      longestMs: () => longestSleep(this.#listener?.live ?? false, this.#pollIntervalMs),
    });
    this.#listener ??= await driver.listen((wake) => {
      if (wake === "any") this.#scheduler?.wake();
    });
    this.#scheduler.start();
  }

  async #refreshTime(): Promise<void> {
    const { driver, time, clock } = this.#parts;
    if (clock.monotonic() - this.#timeReadAt < TIME_MS) return;
    await time.refresh(() => driver.time());
    this.#timeReadAt = clock.monotonic();
  }

  /** Stops after what is under way. */
  async stop(): Promise<void> {
    await this.#scheduler?.stop();
    await this.#listener?.[Symbol.asyncDispose]();
    [this.#listener, this.#scheduler] = [undefined, undefined];
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
