import { JobdError } from "../domain/errors.ts";
import { formatInstant, parseInstant } from "../domain/instant.ts";
import type { NewTickRecord, Schedule } from "../domain/schedule.ts";
import { tickEvents } from "../domain/schedule_events.ts";
import { trackJob } from "../domain/tick_plan.ts";
import { tickIdentity, Ticks } from "../domain/ticks.ts";
import type { Driver, InsertResult } from "../storage/driver.ts";
import type { NewJobs } from "./follow_ups.ts";
import type { JobIds } from "./ids.ts";
import { type ScheduledStart, startTicks } from "./scheduled_jobs.ts";

/** Ticks of one backfill at most. */
const BACKFILL_MAX = 10_000;
/** Ticks that are written together. */
const BACKFILL_STEP = 500;

/** Which ticks to make up for. */
export interface BackfillOptions {
  /** From this time on. */
  from: Date | number | string;
  /** Up to this time. @default now */
  to?: Date | number | string;
}

/** What a backfill did. */
export interface BackfillReport {
  /** Ticks in that time. */
  ticks: number;
  /** Jobs that were made; of a schedule without a job, ticks that were told. */
  created: number;
  /** Ticks that had their job already. */
  existing: number;
}

/** What ticks by hand need. */
export interface ManualContext {
  /** The store. */
  driver: Driver;
  /** Makes jobs of requests. */
  newJobs: NewJobs;
  /** Where ids come from. */
  ids: JobIds;
  /** The store's time. */
  now(): number;
  /** Repeats what gives null, because the schedule was changed meanwhile. */
  again<T>(work: () => Promise<T | null>, name: string): Promise<T>;
}

/** Does now what a tick does; null when the schedule was changed meanwhile. */
export async function runNow(
  schedule: Schedule,
  { driver, newJobs, ids, now: time }: ManualContext,
): Promise<{ job?: InsertResult } | null> {
  const now = time();
  const start = { tick: now, jobId: ids.next(now), delayMs: 0 };
  const [started] = await startTicks([{ schedule, start, manual: "run" }], { now, newJobs });
  const { job, record } = started ?? {};
  if (record === undefined) return {};
  if (record.outcome === "failed") {
    throw new JobdError("invalid_request", record.reason ?? "No job can be made");
  }
  const state = structuredClone(schedule.state);
  if (job !== undefined) trackJob(state, schedule.spec, { id: job.id, tick: now });
  const [result] = await commit(driver, schedule, {
    state,
    jobs: job === undefined ? [] : [job],
    records: [record],
  });
  if (result?.applied !== true) return null;
  const [inserted] = result.jobs;
  return inserted === undefined ? {} : { job: inserted };
}

/** Makes the jobs that are missing. */
export async function backfill(
  read: () => Promise<Schedule>,
  { from, to }: BackfillOptions,
  context: ManualContext,
): Promise<BackfillReport> {
  const schedule = await read();
  const now = context.now();
  const first = parseInstant(from, "from");
  const last = to === undefined ? now : parseInstant(to, "to");
  if (last > now || last < first) {
    throw new JobdError(
      "invalid_request",
      `Invalid time: from ${formatInstant(first)} to ${formatInstant(last)} is not a time that has passed`,
      { hint: "Only ticks that have passed can be made up for; the others come by themselves." },
    );
  }
  const ticks = new Ticks(schedule.spec, schedule.createdAt).between(first - 1, last, BACKFILL_MAX + 1);
  if (ticks.length > BACKFILL_MAX) {
    throw new JobdError(
      "invalid_request",
      `Too many ticks: there are more than ${BACKFILL_MAX} in that time`,
      {
        hint: "Do it in several steps.",
      },
    );
  }
  const report = { ticks: ticks.length, created: 0, existing: 0 };
  for (let at = 0; at < ticks.length; at += BACKFILL_STEP) {
    const step = ticks.slice(at, at + BACKFILL_STEP);
    const made = await context.again(async () => await fill(await read(), step, context), schedule.name);
    report.created += made;
    report.existing += step.length - made;
  }
  return report;
}

/** Gives how many jobs were made, or null when the schedule was changed meanwhile. */
async function fill(
  schedule: Schedule,
  ticks: number[],
  { driver, newJobs, now: time }: ManualContext,
): Promise<number | null> {
  const now = time();
  const starts = ticks.map((tick): ScheduledStart => ({
    schedule,
    start: { tick, jobId: tickIdentity(schedule.id, tick).jobId, delayMs: 0 },
    manual: "backfill",
  }));
  const started = await startTicks(starts, { now, newJobs });
  const jobs = started.flatMap(({ job }) => job ?? []);
  const known = new Set((await driver.get(jobs.map(({ id }) => id))).map(({ id }) => id));
  const missing = jobs.filter(({ id }) => !known.has(id));
  const records = started.map(({ record }) => record).filter(({ jobId }) =>
    jobId === undefined || !known.has(jobId)
  );
  if (records.length === 0) return 0;
  const [result] = await commit(driver, schedule, { state: schedule.state, jobs: missing, records });
  if (result?.applied !== true) return null;
  return schedule.spec.job === undefined
    ? records.length
    : result.jobs.filter(({ outcome }) => outcome !== "existing").length;
}

async function commit(
  driver: Driver,
  schedule: Schedule,
  { state, jobs, records }: {
    state: Schedule["state"];
    jobs: Parameters<Driver["insert"]>[0];
    records: NewTickRecord[];
  },
): ReturnType<Driver["commitTicks"]> {
  const { id, version, nextAt, pausedAt, pauseReason } = schedule;
  const set = { state, nextAt, pausedAt, pauseReason };
  const events = tickEvents(schedule, records);
  return await driver.commitTicks([{ id, version, set, jobs, records, events }]);
}
