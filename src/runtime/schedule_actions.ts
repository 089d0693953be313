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
import { Enqueued } from "./enqueued.ts";
import { backfill, type BackfillOptions, type BackfillReport, runNow } from "./manual_ticks.ts";
import { plainOptions, type ScheduleDefinition, type ScheduleInput } from "./schedule_definition.ts";
import type { NextOptions, ScheduleChange, SchedulesOptions } from "./schedules.ts";

/** Schedules that are read at once. */
const PAGE = 1_000;
/** How often a change is tried anew when somebody else wrote the schedule at the same moment. */
const TRIES = 20;
const NEXT_MAX = 1_000;

/** What {@linkcode Schedules} does; apart from it, because reading cron expressions takes a package that few programs need. */
export class ScheduleActions {
  readonly #options: SchedulesOptions;

  /** Made by {@linkcode Schedules}. */
  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

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

  async update(name: string, change: ScheduleChange): Promise<Schedule> {
    return await this.#change(name, "schedule.updated", (schedule, now) => {
      const spec = parseSchedule(changedOptions(schedule.spec, change));
      checkHasTick(spec, now);
      return { schedule: withSpec(schedule, spec, now), records: [] };
    });
  }

  async get(name: string): Promise<Schedule> {
    const { driver, namespace } = this.#options;
    const [schedule] = await driver.schedules({ namespace, names: [name], limit: 1 });
    if (schedule !== undefined) return schedule;
    throw new JobdError("not_found", `There is no schedule ${show(name)} in namespace ${show(namespace)}`, {
      hint: "`jobd schedules` lists those that there are.",
    });
  }

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

  async pause(name: string): Promise<Schedule> {
    return await this.#change(
      name,
      "schedule.paused",
      (schedule, now) => schedule.pausedAt === null ? paused(schedule, now) : null,
    );
  }

  async resume(name: string): Promise<Schedule> {
    return await this.#change(
      name,
      "schedule.resumed",
      (schedule, now) =>
        schedule.pausedAt === null ? null : { schedule: resumed(schedule, now), records: [] },
    );
  }

  async run(name: string): Promise<Enqueued | undefined> {
    const { jobs } = this.#options;
    const result = await this.#again(async () => await runNow(await this.get(name), this.#manual()), name);
    return result.job === undefined ? undefined : new Enqueued(result.job, jobs);
  }

  async delete(name: string): Promise<void> {
    const { driver, namespace } = this.#options;
    const schedule = await this.get(name);
    await driver.removeSchedule({ namespace, name: schedule.name });
  }

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

  async backfill(name: string, options: BackfillOptions): Promise<BackfillReport> {
    return await backfill(() => this.get(name), options, this.#manual());
  }

  async history(name: string, { limit = HISTORY_MAX }: { limit?: number } = {}): Promise<TickRecord[]> {
    const { id } = await this.get(name);
    return await this.#options.driver.ticks({ scheduleId: id, limit });
  }

  async declare(definitions: readonly ScheduleDefinition[]): Promise<void> {
    for (const definition of definitions) {
      const spec = await definition.spec();
      await this.#again(() => this.#declare(definition.name, spec), definition.name);
    }
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
