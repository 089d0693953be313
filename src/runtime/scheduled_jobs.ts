import { JobdError, messageOf } from "../domain/errors.ts";
import type { NewJob } from "../domain/job.ts";
import { type NewTickRecord, type Schedule, tracksJobs } from "../domain/schedule.ts";
import type { TickStart } from "../domain/tick_plan.ts";
import type { NewJobs } from "./follow_ups.ts";

/** A tick that takes effect, of which schedule. */
export interface ScheduledStart {
  /** The schedule. */
  schedule: Schedule;
  /** The tick. */
  start: TickStart;
  /** Asked for by hand. */
  manual?: "run" | "backfill";
}

/** What comes of a tick: its job, if there is one, and what the history tells. */
export interface StartedTick {
  /** The job; absent when the schedule has none, or when none can be made. */
  job?: NewJob;
  /** The entry. */
  record: NewTickRecord;
}

/** A request that cannot be, or a key for its encryption that is not here. */
const UNMAKEABLE = ["invalid_request", "invalid_config", "key_missing"];

/** Makes the jobs of ticks. One that cannot be made, because another release wrote its schedule or a key is missing, keeps none from the others. */
export async function startTicks(
  starts: readonly ScheduledStart[],
  { now, newJobs }: { now: number; newJobs: NewJobs },
): Promise<StartedTick[]> {
  const wanted = starts.filter(({ schedule }) => schedule.spec.job !== undefined);
  const made = new Map<ScheduledStart, NewJob | string>();
  try {
    const jobs = await newJobs(wanted.map(requestOf));
    for (const [index, start] of wanted.entries()) made.set(start, jobs[index] as NewJob);
  } catch (error) {
    if (!(error instanceof JobdError) || !UNMAKEABLE.includes(error.code)) throw error;
    for (const start of wanted) made.set(start, await oneJob(start, newJobs));
  }
  return starts.map((start) => started(start, made.get(start), now));
}

function requestOf(
  { schedule, start }: ScheduledStart,
): NonNullable<Schedule["spec"]["job"]> & { id: string } {
  return { ...schedule.spec.job, id: start.jobId };
}

/** The job, or why there is none. */
async function oneJob(start: ScheduledStart, newJobs: NewJobs): Promise<NewJob | string> {
  try {
    const [job] = await newJobs([requestOf(start)]);
    return job as NewJob;
  } catch (error) {
    return messageOf(error);
  }
}

function started(
  { schedule, start: { tick, delayMs }, manual }: ScheduledStart,
  job: NewJob | string | undefined,
  now: number,
): StartedTick {
  const entry = { tick, at: now, ...(manual === undefined ? {} : { manual }) };
  if (job === undefined) return { record: { ...entry, outcome: "emitted" } };
  if (typeof job === "string") return { record: { ...entry, outcome: "failed", reason: job } };
  const { name, spec } = schedule;
  return {
    job: {
      ...job,
      runAt: delayMs === 0 ? job.runAt : Math.max(job.runAt, tick + delayMs),
      options: { ...job.options, schedule: { name, tick, ...(tracksJobs(spec) ? { watched: true } : {}) } },
    },
    record: { ...entry, outcome: "started", jobId: job.id },
  };
}
