import { canonicalJson } from "./canonical.ts";
import type { Json } from "./json.ts";
import { freshState, type NewTickRecord, type Schedule, type ScheduleSpec } from "./schedule.ts";
import { firstTick } from "./tick_plan.ts";

/** What decides about the ticks of a rule. */
const TIMES = ["cron", "timezone", "everyMs", "anchorAt", "startAt", "endAt"] as const;

/** A schedule as it is after a change, with what its history tells about that. */
export interface ChangedSchedule {
  /** As it is to be written. */
  schedule: Schedule;
  /** Entries for its history. */
  records: NewTickRecord[];
}

/** A schedule that was just made. */
export function newSchedule(
  given: Pick<Schedule, "id" | "namespace" | "name" | "spec" | "source"> & { paused?: boolean },
  now: number,
): Schedule {
  const { paused = false, ...own } = given;
  const schedule: Schedule = {
    ...own,
    declared: own.source === "code" ? own.spec : null,
    revision: 1,
    version: 1,
    pausedAt: paused ? now : null,
    pauseReason: null,
    createdAt: now,
    updatedAt: now,
    nextAt: null,
    state: freshState(),
  };
  return paused ? schedule : goingOn(schedule, now);
}

/**
 * A schedule with another rule. While the times stay the same, the next tick does too. Else it goes on with the first tick
 * of the new times after this moment and after all ticks that were decided: nothing is made up for, and nothing comes twice.
 */
export function withSpec(schedule: Schedule, spec: ScheduleSpec, now: number): Schedule {
  const changed = { ...schedule, spec, revision: schedule.revision + 1, updatedAt: now };
  const same = TIMES.every((key) => schedule.spec[key] === spec[key]);
  return same || schedule.pausedAt !== null ? changed : goingOn(changed, now);
}

/** Without ticks from now on. A tick that waits for a job is given up. */
export function paused(schedule: Schedule, now: number): ChangedSchedule {
  const { waiting } = schedule.state;
  return {
    schedule: {
      ...schedule,
      pausedAt: now,
      pauseReason: null,
      nextAt: null,
      state: { ...schedule.state, nextTick: null, waiting: null },
    },
    records: waiting === null ? [] : [{ tick: waiting, at: now, outcome: "skipped", reason: "paused" }],
  };
}

/** With ticks again, from the next one on: those that came during the pause are not made up for. Failures are forgotten. */
export function resumed(schedule: Schedule, now: number): Schedule {
  const state = { ...schedule.state, failures: 0, open: [] };
  return goingOn({ ...schedule, pausedAt: null, pauseReason: null, state }, now);
}

/**
 * A schedule as it is when a definition in a program says this. What an operator has changed stays as it is; all else
 * follows the definition. Null when there is nothing to change.
 */
export function reconciled(schedule: Schedule, declared: ScheduleSpec, now: number): Schedule | null {
  if (schedule.declared !== null && equal(schedule.declared, declared)) return null;
  const spec = schedule.declared === null
    ? schedule.spec
    : merged({ before: schedule.declared, after: declared, own: schedule.spec });
  const adopted = { ...schedule, declared };
  return equal(spec, schedule.spec) ? adopted : withSpec(adopted, spec, now);
}

/** Whether an operator has changed what a definition said. */
export function isOverridden({ declared, spec }: Schedule): boolean {
  return declared !== null && !equal(declared, spec);
}

function goingOn(schedule: Schedule, now: number): Schedule {
  const nextTick = firstTick(schedule, now);
  const { waiting } = schedule.state;
  const nextAt = waiting === null ? nextTick : Math.min(nextTick ?? Infinity, now);
  return { ...schedule, nextAt, state: { ...schedule.state, nextTick } };
}

/** Groups of fields that mean something only together. */
const TOGETHER: readonly (readonly (keyof ScheduleSpec)[])[] = [
  ["cron", "timezone", "everyMs", "anchorAt"],
  ["startAt"],
  ["endAt"],
  ["jitterMs"],
  ["missed", "windowMs"],
  ["overlap"],
  ["pauseAfterFailures"],
  ["job"],
  ["description"],
];

/** Of each group what the definition says now, unless it is not what the definition said before: then somebody else's word. */
function merged(
  { before, after, own }: Record<"before" | "after" | "own", ScheduleSpec>,
): ScheduleSpec {
  const spec: Record<string, unknown> = {};
  for (const keys of TOGETHER) {
    const untouched = keys.every((key) => equal(before[key], own[key]));
    const from = untouched ? after : own;
    for (const key of keys) if (from[key] !== undefined) spec[key] = from[key];
  }
  return spec as unknown as ScheduleSpec;
}

function equal(a: unknown, b: unknown): boolean {
  return canonicalJson((a ?? null) as Json) === canonicalJson((b ?? null) as Json);
}
