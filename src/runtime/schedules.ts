import type { Clock } from "../domain/clock.ts";
import type { Schedule, TickRecord } from "../domain/schedule.ts";
import type { RedactedKeys } from "../domain/redacted_keys.ts";
import { shownSchedule } from "../domain/shown_job.ts";
import type { ScheduleOptions } from "../domain/schedule_request.ts";
import type { Driver } from "../storage/driver.ts";
import type { Enqueued } from "./enqueued.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { JobIds } from "./ids.ts";
import type { Jobs, ViewOptions } from "./jobs.ts";
import type { BackfillOptions, BackfillReport } from "./manual_ticks.ts";
import type { ScheduleActions } from "./schedule_actions.ts";
import type { ScheduleDefinition, ScheduleInput } from "./schedule_definition.ts";
import { ScheduleRunner, type ScheduleRunnerOptions } from "./schedule_runner.ts";
import type { StoreTime } from "./store_time.ts";

/** What to change about a schedule; null takes an option back. */
export type ScheduleChange = { [K in keyof ScheduleOptions]?: ScheduleOptions[K] | null };

/** Which of the coming ticks. */
export interface NextOptions {
  /** How many, 1 to 1000. @default 5 */
  count?: number;
  /** Those after this time. @default now */
  from?: Date | number | string;
}

/** What {@linkcode Schedules} needs. */
export interface SchedulesOptions {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  time: StoreTime;
  /** Where ids come from. */
  ids: JobIds;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Names of keys whose values are not shown. */
  redactKeys?: RedactedKeys | undefined;
  /** Its jobs. */
  jobs: Jobs;
}

/** Recurring rules, which turn time into jobs or events. They are stored: no process has to define them again. */
export class Schedules {
  readonly #options: SchedulesOptions;
  #loaded: Promise<ScheduleActions> | undefined;

  /** Made by {@linkcode Jobd}. */
  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /**
   * Makes a schedule.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `conflict` when there is one with this name
   */
  async create<Input>(name: string, input: ScheduleInput<Input> & { paused?: boolean }): Promise<Schedule> {
    return this.#shown(await (await this.#actions()).create(name, input));
  }

  /**
   * Changes what is named; the rest stays. While its times stay the same, its next tick does too; else it goes on with the
   * first tick of the new times after now.
   *
   * @throws {JobdError} `not_found`; `invalid_request` naming what is wrong
   */
  async update(name: string, change: ScheduleChange): Promise<Schedule> {
    return this.#shown(await (await this.#actions()).update(name, change));
  }

  /** One schedule. @throws {JobdError} `not_found` */
  async get(name: string, options?: ViewOptions): Promise<Schedule> {
    return this.#shown(await (await this.#actions()).get(name), options);
  }

  /** All schedules by name. */
  async list(options?: ViewOptions): Promise<Schedule[]> {
    return (await (await this.#actions()).list()).map((schedule) => this.#shown(schedule, options));
  }

  /** It has no ticks until it is resumed. A tick that waits for an earlier job is given up. @throws {JobdError} `not_found` */
  async pause(name: string): Promise<Schedule> {
    return this.#shown(await (await this.#actions()).pause(name));
  }

  /** Ends a pause: it goes on with its next tick, and with no failures counted. @throws {JobdError} `not_found` */
  async resume(name: string): Promise<Schedule> {
    return this.#shown(await (await this.#actions()).resume(name));
  }

  /**
   * Does now what a tick does, whatever the time and earlier jobs, also while it is paused. Gives the job; undefined when
   * the schedule has none.
   *
   * @throws {JobdError} `not_found`
   */
  async run(name: string): Promise<Enqueued | undefined> {
    return await (await this.#actions()).run(name);
  }

  /** Removes it with its history; its jobs stay. One of a definition comes back when a worker with it starts. @throws {JobdError} `not_found` */
  async delete(name: string): Promise<void> {
    await (await this.#actions()).delete(name);
  }

  /** Its coming ticks, or those that such a schedule would have, epoch milliseconds. @throws {JobdError} `not_found`, `invalid_request` */
  async next(schedule: string | ScheduleOptions, options: NextOptions = {}): Promise<number[]> {
    return await (await this.#actions()).next(schedule, options);
  }

  /**
   * Makes the jobs of ticks that have passed and have no job: those from one time up to another, both included. Repeating it
   * makes none twice. Ticks of a schedule without a job are told again.
   *
   * @throws {JobdError} `not_found`; `invalid_request` for bad times, or for more than 10,000 ticks
   */
  async backfill(name: string, options: BackfillOptions): Promise<BackfillReport> {
    return await (await this.#actions()).backfill(name, options);
  }

  /** What became of its latest ticks, newest first: at most the last 100. @throws {JobdError} `not_found` */
  async history(name: string, options: { limit?: number } = {}): Promise<TickRecord[]> {
    return await (await this.#actions()).history(name, options);
  }

  /**
   * Stores schedules that a program brings along, as workers do when they start. What an operator has changed stays as it
   * is; all else follows the definitions.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong
   */
  async declare(definitions: readonly ScheduleDefinition[]): Promise<void> {
    if (definitions.length > 0) await (await this.#actions()).declare(definitions);
  }

  /**
   * Turns ticks into jobs in this process, which need not run any; `start()` it. Workers do that by themselves unless they
   * are told not to, so this is for programs that only schedule.
   *
   * @throws {JobdError} `invalid_request` for an option that cannot be
   */
  scheduler(options: ScheduleRunnerOptions = {}): ScheduleRunner {
    const { jobs } = this.#options;
    return new ScheduleRunner({ ...this.#options, cancel: (jobIds) => jobs.cancel(jobIds) }, options);
  }

  #shown(schedule: Schedule, { reveal = false }: ViewOptions = {}): Schedule {
    return reveal ? schedule : shownSchedule(schedule, this.#options.redactKeys);
  }

  #actions(): Promise<ScheduleActions> {
    this.#loaded ??= import("./schedule_actions.ts").then((module) =>
      new module.ScheduleActions(this.#options)
    );
    return this.#loaded;
  }
}
