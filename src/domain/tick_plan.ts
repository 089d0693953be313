import {
  type NewTickRecord,
  type Schedule,
  type ScheduleSpec,
  type ScheduleState,
  type TickRecord,
  tracksJobs,
} from "./schedule.ts";
import type { JobState } from "./states.ts";
import { isFinal } from "./states.ts";
import { tickIdentity, Ticks } from "./ticks.ts";

/** A tick is on time when somebody gets to it within so many milliseconds. */
export const ON_TIME_MS = 60_000;
/** Ticks of one schedule that are decided at once; the others follow at once, so that none holds up the rest. */
export const TICKS_PER_STEP = 100;
/** Missed ticks are counted up to this number. */
const COUNTED_MAX = 1_000;
/** Jobs of one schedule whose ends are waited for at most. */
const OPEN_MAX = 1_000;
/** How soon a tick that waits is looked at again when nobody says that it may start, in milliseconds. */
export const CHECK_MS = 1_000;

/** What the store knows about a job that a schedule waits for; undefined when it does not exist any more. */
export type StateOf = (jobId: string) => JobState | undefined;

/** A tick that takes effect. */
export interface TickStart {
  /** Which. */
  tick: number;
  /** The id that its job has, if there is one. */
  jobId: string;
  /** How long its job waits, in milliseconds. */
  delayMs: number;
}

/** What is to be done about a schedule at this moment. */
export interface TickPlan {
  /** How it stands then; entries of its history are counted when they are written. */
  state: ScheduleState;
  /** When it must be looked at next. */
  nextAt: number | null;
  /** Since when it is paused. */
  pausedAt: number | null;
  /** Why. */
  pauseReason: string | null;
  /** Ticks that take effect: their jobs are made, or they are told. In order. */
  starts: TickStart[];
  /** Jobs to cancel. */
  cancels: string[];
  /** What else the history tells. */
  records: NewTickRecord[];
}

/**
 * Decides what a schedule does now: which of the ticks that are due take effect, which are passed over, and which one waits
 * for a job. The only place where that is decided. Null when there is nothing to do.
 */
export function planTicks(
  schedule: Schedule,
  { now, stateOf }: { now: number; stateOf: StateOf },
): TickPlan | null {
  return new Planner(schedule, now).plan(stateOf);
}

/** The first tick of a schedule that is not paused, after an instant and after all that were decided. */
export function firstTick({ spec, createdAt, state }: Schedule, after: number): number | null {
  return new Ticks(spec, createdAt).next(Math.max(after, state.lastTick ?? -Infinity));
}

/** Notes a job that was made for a schedule. */
export function trackJob(state: ScheduleState, spec: ScheduleSpec, job: { id: string; tick: number }): void {
  state.lastJobId = job.id;
  if (tracksJobs(spec)) state.open = [...state.open, job].slice(-OPEN_MAX);
}

class Planner {
  readonly #schedule: Schedule;
  readonly #now: number;
  readonly #state: ScheduleState;
  readonly #starts: TickStart[] = [];
  readonly #records: NewTickRecord[] = [];
  #cancels: string[] = [];

  constructor(schedule: Schedule, now: number) {
    this.#schedule = schedule;
    this.#now = now;
    this.#state = structuredClone(schedule.state);
  }

  plan(stateOf: StateOf): TickPlan | null {
    const { pausedAt, spec } = this.#schedule;
    const counted = this.#count(stateOf);
    if (pausedAt !== null) return counted ? this.#done() : null;
    const { pauseAfterFailures = Infinity } = spec;
    if (this.#state.failures >= pauseAfterFailures) return this.#pause();
    const woken = this.#startWaiting();
    const due = this.#decideDue();
    const look = this.#schedule.nextAt !== null && this.#schedule.nextAt <= this.#now;
    return counted || woken || due || look ? this.#done() : null;
  }

  /** Takes the jobs that have ended off the list; gives whether there were any. */
  #count(stateOf: StateOf): boolean {
    const before = this.#state.open.length;
    this.#state.open = this.#state.open.filter(({ id }) => {
      const state = stateOf(id);
      if (state === "completed") this.#state.failures = 0;
      if (state === "dead" || state === "expired") this.#state.failures++;
      return state !== undefined && !isFinal(state);
    });
    return this.#state.open.length < before;
  }

  #pause(): TickPlan {
    const { failures, waiting } = this.#state;
    if (waiting !== null) this.#record(waiting, "skipped", "paused");
    this.#state.waiting = null;
    this.#state.nextTick = null;
    const reason = failures === 1
      ? "a job has failed for good"
      : `${failures} jobs in a row have failed for good`;
    return { ...this.#done(), nextAt: null, pausedAt: this.#now, pauseReason: reason };
  }

  #startWaiting(): boolean {
    const { waiting, open } = this.#state;
    if (waiting === null || open.length > 0) return false;
    this.#state.waiting = null;
    this.#start(waiting);
    return true;
  }

  #decideDue(): boolean {
    const { nextTick } = this.#state;
    if (nextTick === null || nextTick > this.#now) return false;
    const { spec, createdAt } = this.#schedule;
    const ticks = new Ticks(spec, createdAt);
    for (const tick of this.#select(ticks, nextTick)) this.#decide(tick);
    this.#state.nextTick = ticks.next(this.#state.lastTick ?? nextTick);
    return true;
  }

  /** Of the ticks that are due those that the rule for missed ones lets through. */
  #select(ticks: Ticks, first: number): number[] {
    const { missed, windowMs = Infinity } = this.#schedule.spec;
    const now = this.#now;
    const reachMs = missed === "skip" ? ON_TIME_MS : windowMs;
    if (missed === "all") {
      const from = now - reachMs <= first ? first : ticks.next(now - reachMs - 1);
      if (from === null || from > now) {
        this.#miss(ticks, first, ticks.latest(first, now));
        return [];
      }
      if (from > first) this.#miss(ticks, first, ticks.latest(first, from - 1));
      return [from, ...ticks.between(from, now, TICKS_PER_STEP - 1)];
    }
    const last = ticks.latest(first, now);
    if (now - last > reachMs) {
      this.#miss(ticks, first, last);
      return [];
    }
    if (last > first) this.#miss(ticks, first, ticks.latest(first, last - 1));
    return [last];
  }

  #miss(ticks: Ticks, first: number, last: number): void {
    this.#state.lastTick = last;
    const count = 1 + ticks.between(first, last, COUNTED_MAX - 1).length;
    this.#records.push({
      tick: first,
      at: this.#now,
      outcome: "missed",
      ...(count > 1 ? { until: last, count } : {}),
    });
  }

  /** Lets a tick take effect, or passes it over because of an earlier job. */
  #decide(tick: number): void {
    this.#state.lastTick = tick;
    const { job, overlap } = this.#schedule.spec;
    const { open, waiting } = this.#state;
    if (job === undefined || open.length === 0 || overlap === "allow") return this.#start(tick);
    if (overlap === "skip" || (overlap === "queue" && waiting !== null)) {
      return this.#record(tick, "skipped", "overlap");
    }
    if (overlap === "cancel") {
      if (waiting !== null) this.#record(waiting, "skipped", "overlap");
      this.#cancels = open.map(({ id }) => id);
    }
    this.#state.waiting = tick;
  }

  #start(tick: number): void {
    const { id, spec } = this.#schedule;
    const start = { tick, ...tickIdentity(id, tick, spec.jitterMs) };
    this.#starts.push(start);
    if (spec.job !== undefined) trackJob(this.#state, spec, { id: start.jobId, tick });
  }

  #record(tick: number, outcome: TickRecord["outcome"], reason: string): void {
    this.#records.push({ tick, at: this.#now, outcome, reason });
  }

  #done(): TickPlan {
    const { pausedAt, pauseReason } = this.#schedule;
    const { nextTick, waiting } = this.#state;
    const times = [
      ...(nextTick === null ? [] : [nextTick]),
      ...(waiting === null ? [] : [this.#now + CHECK_MS]),
    ];
    return {
      state: this.#state,
      nextAt: times.length === 0 ? null : Math.min(...times),
      pausedAt,
      pauseReason,
      starts: this.#starts,
      cancels: this.#cancels,
      records: this.#records,
    };
  }
}
