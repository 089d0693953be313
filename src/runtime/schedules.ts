import type { Clock } from "../domain/clock.ts";
import { JobdError, show } from "../domain/errors.ts";
import { checkName } from "../domain/names.ts";
import {
  HISTORY_MAX,
  type NewTickRecord,
  type Schedule,
  type ScheduleSpec,
  type TickRecord,
} from "../domain/schedule.ts";
import { newSchedule, paused, reconciled, resumed, withSpec } from "../domain/schedule_change.ts";
import { changeEvent, tickEvents } from "../domain/schedule_events.ts";
import {
  checkHasTick,
  parseSchedule,
  type ScheduleOptions,
  scheduleOptions,
} from "../domain/schedule_request.ts";
import { parseInstant } from "../domain/instant.ts";
import { Ticks } from "../domain/ticks.ts";
import type { ScheduleEventKind } from "../domain/event.ts";
import type { Driver } from "../storage/driver.ts";
import { Enqueued } from "./enqueued.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { JobIds } from "./ids.ts";
import type { Jobs } from "./jobs.ts";
import { backfill, type BackfillOptions, type BackfillReport, runNow } from "./manual_ticks.ts";
import { plainOptions, type ScheduleDefinition, type ScheduleInput } from "./schedule_definition.ts";
import { ScheduleRunner, type ScheduleRunnerOptions } from "./schedule_runner.ts";
import type { StoreTime } from "./store_time.ts";

/** Schedules that are read at once. */
const PAGE = 1_000;
/** How often a change is tried anew when somebody else wrote the schedule at the same moment. */
const TRIES = 20;
const NEXT_MAX = 1_000;

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
  /** Its jobs. */
  jobs: Jobs;
}

/** Recurring rules, which turn time into jobs or events. They are stored: no process has to define them again. */
export class Schedules {
  readonly #options: SchedulesOptions;

  /** Made by {@linkcode Jobd}. */
  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /**
   * Makes a schedule.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `conflict` when there is one with this name
   */
  async create<Input>(
    name: string,
    { paused, ...input }: ScheduleInput<Input> & { paused?: boolean },
  ): Promise<Schedule> {
    const spec = parseSchedule(await plainOptions(input as ScheduleInput));
    const now = this.#now();
    checkHasTick(spec, now);
    const made = this.#new(name, spec, { source: "operator", paused: paused ?? false });
    if (await this.#save(made, null, "schedule.created")) return made;
    throw new JobdError("conflict", `The schedule ${show(name)} exists already`, {
      hint: "Change it with `jobd schedule update`, or choose another name.",
    });
  }

  /**
   * Changes what is named; the rest stays. While its times stay the same, its next tick does too; else it goes on with the
   * first tick of the new times after now.
   *
   * @throws {JobdError} `not_found`; `invalid_request` naming what is wrong
   */
  async update(name: string, change: ScheduleChange): Promise<Schedule> {
    return await this.#change(name, "schedule.updated", (schedule, now) => {
      const spec = parseSchedule(changedOptions(schedule.spec, change));
      checkHasTick(spec, now);
      return { schedule: withSpec(schedule, spec, now), records: [] };
    });
  }

  /** One schedule. @throws {JobdError} `not_found` */
  async get(name: string): Promise<Schedule> {
    const { driver, namespace } = this.#options;
    const [schedule] = await driver.schedules({ namespace, names: [name], limit: 1 });
    if (schedule !== undefined) return schedule;
    throw new JobdError("not_found", `There is no schedule ${show(name)} in namespace ${show(namespace)}`, {
      hint: "`jobd schedules` lists those that there are.",
    });
  }

  /** All schedules by name. */
  async list(): Promise<Schedule[]> {
    const { driver, namespace } = this.#options;
    const found: Schedule[] = [];
    for (;;) {
      const after = found.at(-1)?.name;
      const page = await driver.schedules({
        namespace,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      found.push(...page);
      if (page.length < PAGE) return found;
    }
  }

  /** It has no ticks until it is resumed. A tick that waits for an earlier job is given up. @throws {JobdError} `not_found` */
  async pause(name: string): Promise<Schedule> {
    return await this.#change(
      name,
      "schedule.paused",
      (schedule, now) => schedule.pausedAt === null ? paused(schedule, now) : null,
    );
  }

  /** Ends a pause: it goes on with its next tick, and with no failures counted. @throws {JobdError} `not_found` */
  async resume(name: string): Promise<Schedule> {
    return await this.#change(
      name,
      "schedule.resumed",
      (schedule, now) =>
        schedule.pausedAt === null ? null : { schedule: resumed(schedule, now), records: [] },
    );
  }

  /**
   * Does now what a tick does, whatever the time and earlier jobs, also while it is paused. Gives the job; undefined when
   * the schedule has none.
   *
   * @throws {JobdError} `not_found`
   */
  async run(name: string): Promise<Enqueued | undefined> {
    const { jobs } = this.#options;
    const result = await this.#again(async () => await runNow(await this.get(name), this.#manual()), name);
    return result.job === undefined ? undefined : new Enqueued(result.job, jobs);
  }

  /** Removes it with its history; its jobs stay. One of a definition comes back when a worker with it starts. @throws {JobdError} `not_found` */
  async delete(name: string): Promise<void> {
    const { driver, namespace } = this.#options;
    const schedule = await this.get(name);
    await driver.removeSchedule({ namespace, name: schedule.name });
  }

  /** Its coming ticks, or those that such a schedule would have, epoch milliseconds. @throws {JobdError} `not_found`, `invalid_request` */
  async next(schedule: string | ScheduleOptions, { count = 5, from }: NextOptions = {}): Promise<number[]> {
    if (!Number.isInteger(count) || count < 1 || count > NEXT_MAX) {
      throw new JobdError(
        "invalid_request",
        `Invalid count: ${show(count)} is not an integer from 1 to ${NEXT_MAX}`,
      );
    }
    const now = this.#now();
    const after = from === undefined ? now : parseInstant(from, "from");
    if (typeof schedule !== "string") {
      return new Ticks(parseSchedule(schedule), now).between(after, Infinity, count);
    }
    const { spec, createdAt, state } = await this.get(schedule);
    const ticks = new Ticks(spec, createdAt);
    // A tick that is due and not yet decided is one of those to come.
    const decided = state.nextTick === null ? after : Math.min(after, state.nextTick - 1);
    return ticks.between(from === undefined ? decided : after, Infinity, count);
  }

  /**
   * Makes the jobs of ticks that have passed and have no job: those from one time up to another, both included. Repeating it
   * makes none twice. Ticks of a schedule without a job are told again.
   *
   * @throws {JobdError} `not_found`; `invalid_request` for bad times, or for more than 10,000 ticks
   */
  async backfill(name: string, options: BackfillOptions): Promise<BackfillReport> {
    return await backfill(() => this.get(name), options, this.#manual());
  }

  /** What became of its latest ticks, newest first: at most the last 100. @throws {JobdError} `not_found` */
  async history(name: string, { limit = HISTORY_MAX }: { limit?: number } = {}): Promise<TickRecord[]> {
    const { id } = await this.get(name);
    return await this.#options.driver.ticks({ scheduleId: id, limit });
  }

  /**
   * Stores schedules that a program brings along, as workers do when they start. What an operator has changed stays as it
   * is; all else follows the definitions.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong
   */
  async declare(definitions: readonly ScheduleDefinition[]): Promise<void> {
    for (const definition of definitions) {
      const spec = await definition.spec();
      await this.#again(() => this.#declare(definition.name, spec), definition.name);
    }
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

  async #declare(name: string, spec: ScheduleSpec): Promise<true | null> {
    const { driver, namespace } = this.#options;
    const [known] = await driver.schedules({ namespace, names: [name], limit: 1 });
    if (known === undefined) {
      return await this.#save(this.#new(name, spec, { source: "code" }), null, "schedule.created") || null;
    }
    const changed = reconciled(known, spec, this.#now());
    if (changed === null) return true;
    return await this.#save(changed, known.version, "schedule.updated") || null;
  }

  #new(name: string, spec: ScheduleSpec, rest: Pick<Schedule, "source"> & { paused?: boolean }): Schedule {
    const now = this.#now();
    const id = this.#options.ids.next(now);
    return newSchedule({
      id,
      namespace: this.#options.namespace,
      name: checkName("schedule", name),
      spec,
      ...rest,
    }, now);
  }

  async #change(
    name: string,
    kind: Extract<ScheduleEventKind, "schedule.updated" | "schedule.paused" | "schedule.resumed">,
    change: (schedule: Schedule, now: number) => { schedule: Schedule; records: NewTickRecord[] } | null,
  ): Promise<Schedule> {
    return await this.#again(async () => {
      const before = await this.get(name);
      const changed = change(before, this.#now());
      if (changed === null) return before;
      const { schedule, records } = changed;
      return await this.#save(schedule, before.version, kind, records)
        ? { ...schedule, version: before.version + 1 }
        : null;
    }, name);
  }

  async #save(
    schedule: Schedule,
    seen: number | null,
    kind: Parameters<typeof changeEvent>[0],
    records: NewTickRecord[] = [],
  ): Promise<boolean> {
    const events = [...tickEvents(schedule, records), changeEvent(kind, schedule, { at: this.#now() })];
    return await this.#options.driver.saveSchedule({ schedule, seen, records, events });
  }

  /** Until it works: null means that somebody else was faster. */
  async #again<T>(work: () => Promise<T | null>, name: string): Promise<T> {
    for (let count = 0; count < TRIES; count++) {
      const result = await work();
      if (result !== null) return result;
    }
    throw new JobdError("conflict", `The schedule ${show(name)} is changed by others all the time`, {
      hint: "Try again.",
    });
  }

  #manual(): Parameters<typeof runNow>[1] {
    const { driver, newJobs, ids } = this.#options;
    return { driver, newJobs, ids, now: () => this.#now(), again: (work, name) => this.#again(work, name) };
  }

  #now(): number {
    return this.#options.time.now();
  }
}

/** The options after a change. A new period takes the place of an expression, and the other way round. */
function changedOptions(spec: ScheduleSpec, change: ScheduleChange): ScheduleOptions {
  const before: Record<string, unknown> = { ...scheduleOptions(spec) };
  if ((change.every ?? undefined) !== undefined) {
    for (const key of ["cron", "timezone"]) {
      delete before[key];
    }
  }
  if ((change.cron ?? undefined) !== undefined) { for (const key of ["every", "anchor"]) delete before[key]; }
  if (change.job === null) {
    for (const key of ["jitter", "overlap", "pauseAfterFailures"]) {
      delete before[key];
    }
  }
  // What another policy brings along of its own is not something that was said.
  if (change.missed !== undefined && change.window === undefined) delete before.window;
  const after = Object.entries({ ...before, ...change }).filter(([, value]) =>
    value !== undefined && value !== null
  );
  return Object.fromEntries(after) as ScheduleOptions;
}
