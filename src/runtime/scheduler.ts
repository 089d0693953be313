import type { Clock } from "../domain/clock.ts";
import { JobdError, messageOf } from "../domain/errors.ts";
import { changeEvent, tickEvents } from "../domain/schedule_events.ts";
import type { Job } from "../domain/job.ts";
import type { Schedule } from "../domain/schedule.ts";
import { planTicks, type TickPlan } from "../domain/tick_plan.ts";
import type { Driver, DueSchedules, TickCommit, TickCommitResult } from "../storage/driver.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { Logger } from "./logger.ts";
import { Loop } from "./loop.ts";
import { type ScheduledStart, startTicks } from "./scheduled_jobs.ts";

/** Schedules that are looked at together. */
const BATCH = 500;
/** Jobs and schedules that are written together. */
const WEIGHT_MAX = 1_000;
/** Longest sleep where wake-ups of other processes arrive, in milliseconds: the store's clock may be set. */
const LOOK_MS = 10_000;
/** Wake-ups tell of much else, on a busy store all the time: they make it look no more often than this, in milliseconds. */
const WAKE_MS = 100;
/** How long somebody else is left to write what he decided first, in milliseconds. */
const YIELD_MS = 20;
/** A schedule whose ticks cannot be written is left alone for so long, in milliseconds. */
const POSTPONE_MS = 10_000;

/** Options of {@linkcode Scheduler}. */
export interface SchedulerOptions {
  /** The store. */
  driver: Driver;
  /** The tenant whose schedules it looks after. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** Reads the store's time again, where nobody else does; called before each look. */
  refreshTime?(): Promise<void>;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Cancels jobs, running ones too. */
  cancel(jobIds: string[]): Promise<unknown>;
  /** Longest sleep in milliseconds at this moment; Infinity to sleep until the next tick or wake-up. */
  longestMs(): number;
  /** Where trouble is said. */
  log: Logger;
}

/** How long a scheduler of a daemon sleeps at most: it must look by itself where nobody can wake it. */
export function longestSleep(told: boolean, pollIntervalMs: number): number {
  return told ? Math.max(LOOK_MS, pollIntervalMs) : pollIntervalMs;
}

/**
 * Turns ticks into jobs. Every node runs one: each decision is written only if its schedule still is as it was read, so
 * there is no leader to lose, and a tick of which nobody knows whether it was written is decided again.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #loop: Loop;
  readonly #ended = new Set<string>();
  #lookedAt = -Infinity;
  #cancelWake: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#loop = new Loop({ name: "Scheduling ticks", clock, log, step: () => this.#step() });
  }

  /** Starts. */
  start(): void {
    this.#loop.start();
  }

  /** Looks soon: a schedule may have changed. */
  wake(): void {
    const { clock } = this.#options;
    const restMs = this.#lookedAt + WAKE_MS - clock.monotonic();
    if (restMs <= 0) return this.#loop.wake();
    this.#cancelWake ??= clock.after(restMs, () => {
      this.#cancelWake = undefined;
      this.#loop.wake();
    });
  }

  /** An attempt of a job has ended: a tick may wait for that. */
  ended({ options: { schedule } }: Pick<Job, "options">): void {
    if (schedule?.watched !== true) return;
    this.#ended.add(schedule.name);
    this.#loop.wake();
  }

  /** Stops after what is under way. */
  async stop(): Promise<void> {
    this.#cancelWake?.();
    // Whoever still wakes it wakes nobody, and leaves no timer behind.
    this.#lookedAt = -Infinity;
    await this.#loop.stop();
  }

  async #step(): Promise<number> {
    const { driver, namespace, now, longestMs } = this.#options;
    await this.#options.refreshTime?.();
    await this.#lookAtEnded();
    this.#lookedAt = this.#options.clock.monotonic();
    const due = await driver.dueSchedules({ namespace, now: now(), limit: BATCH });
    if (due.schedules.length > 0) return await this.#decide(due) > 0 ? 0 : YIELD_MS;
    if (this.#ended.size > 0) return 0;
    return due.nextAt === null ? longestMs() : Math.min(longestMs(), Math.max(0, due.nextAt - now()));
  }

  async #lookAtEnded(): Promise<void> {
    const { driver, namespace, now } = this.#options;
    const names = [...this.#ended].slice(0, BATCH);
    if (names.length === 0) return;
    for (const name of names) this.#ended.delete(name);
    try {
      await this.#decide(await driver.dueSchedules({ namespace, now: now(), limit: BATCH, names }));
    } catch (error) {
      for (const name of names) this.#ended.add(name);
      throw error;
    }
  }

  /** Decides about schedules and writes that; gives how many were written. */
  async #decide({ schedules, jobs }: DueSchedules): Promise<number> {
    const { now: time, newJobs, cancel } = this.#options;
    const now = time();
    const states = new Map(jobs.map(({ id, state }) => [id, state]));
    const plans = schedules.flatMap((schedule) => {
      const plan = this.#plan(schedule, now, (id) => states.get(id));
      return plan === null ? [] : [{ schedule, plan }];
    });
    const cancels = plans.flatMap(({ plan }) => plan.cancels);
    if (cancels.length > 0) await cancel(cancels);
    const starts = plans.flatMap(({ schedule, plan }) =>
      plan.starts.map((start): ScheduledStart => ({ schedule, start }))
    );
    const started = await startTicks(starts, { now, newJobs });
    let at = 0;
    const decisions = plans.map(({ schedule, plan }): Decision => {
      const own = started.slice(at, at += plan.starts.length);
      const records = [...plan.records, ...own.map(({ record }) => record)].sort((a, b) => a.tick - b.tick);
      return {
        schedule,
        commit: commitOf(schedule, plan, { now, records, jobs: own.flatMap(({ job }) => job ?? []) }),
      };
    });
    let written = 0;
    for (const group of groups(decisions)) written += await this.#write(group);
    return written;
  }

  /** A rule that another release wrote, and that this one cannot read, must not hold up the others. */
  #plan(schedule: Schedule, now: number, stateOf: (id: string) => Job["state"] | undefined): TickPlan | null {
    try {
      return planTicks(schedule, { now, stateOf });
    } catch (error) {
      this.#complain("The ticks of a schedule cannot be decided", schedule, error);
      return postponed(schedule, now);
    }
  }

  /** What cannot be written together is written one by one; what cannot be written at all is put off. */
  async #write(decisions: Decision[]): Promise<number> {
    const { driver, now } = this.#options;
    try {
      return applied(await driver.commitTicks(decisions.map(({ commit }) => commit)));
    } catch (error) {
      if (error instanceof JobdError && error.code === "store_unavailable") throw error;
      const [only, ...others] = decisions;
      if (only !== undefined && others.length === 0) {
        this.#complain("The tick of a schedule cannot be written; it is tried again", only.schedule, error);
        return applied(await driver.commitTicks([commitOf(only.schedule, postponed(only.schedule, now()))]));
      }
    }
    let written = 0;
    for (const decision of decisions) written += await this.#write([decision]);
    return written;
  }

  #complain(what: string, { name: schedule }: Schedule, error: unknown): void {
    this.#options.log.error(what, { schedule, error: messageOf(error) });
  }
}

/** What is to be written about a schedule. */
interface Decision {
  schedule: Schedule;
  commit: TickCommit;
}

function commitOf(
  schedule: Schedule,
  plan: TickPlan,
  { now, records, jobs }: { now: number } & Pick<TickCommit, "records" | "jobs"> = {
    now: 0,
    records: [],
    jobs: [],
  },
): TickCommit {
  const { id, version } = schedule;
  const { state, nextAt, pausedAt, pauseReason } = plan;
  const events = tickEvents(schedule, records);
  if (pausedAt !== null && schedule.pausedAt === null) {
    events.push(changeEvent("schedule.paused", schedule, { at: now, reason: pauseReason }));
  }
  return { id, version, set: { state, nextAt, pausedAt, pauseReason }, jobs, records, events };
}

/** Everything stays as it is, and is looked at again a while later. */
function postponed({ state, pausedAt, pauseReason }: Schedule, now: number): TickPlan {
  return { state, pausedAt, pauseReason, nextAt: now + POSTPONE_MS, starts: [], cancels: [], records: [] };
}

/** Parts that are not too large for one transaction. */
function* groups(decisions: readonly Decision[]): Generator<Decision[]> {
  let group: Decision[] = [];
  let weight = 0;
  for (const decision of decisions) {
    const own = 1 + decision.commit.jobs.length;
    if (group.length > 0 && weight + own > WEIGHT_MAX) {
      yield group;
      [group, weight] = [[], 0];
    }
    group.push(decision);
    weight += own;
  }
  if (group.length > 0) yield group;
}

function applied(results: readonly TickCommitResult[]): number {
  return results.filter((result) => result.applied).length;
}
