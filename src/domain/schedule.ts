import type { JobRequest } from "./request.ts";

/** What happens with ticks that came while nobody could act on them. */
export const MISSED_POLICIES = ["skip", "latest", "all"] as const;
/** One of {@linkcode MISSED_POLICIES}. */
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** What a tick does while the job of an earlier one has not ended. */
export const OVERLAP_POLICIES = ["allow", "skip", "queue", "cancel"] as const;
/** One of {@linkcode OVERLAP_POLICIES}. */
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** The job of each tick: a request without what the tick itself brings. */
export type ScheduledJob = Omit<JobRequest, "id" | "namespace" | "delay" | "runAt" | "after">;

/** A recurring rule as it is stored. Instants are epoch milliseconds. */
export interface ScheduleSpec {
  /** When, as a cron expression; or `everyMs`. */
  cron?: string;
  /** The IANA zone whose clocks the expression is about. */
  timezone?: string;
  /** When, as a period in milliseconds. */
  everyMs?: number;
  /** One of the ticks of a period, from which the others are counted in both directions; without it the start or the creation. */
  anchorAt?: number;
  /** No tick before it. */
  startAt?: number;
  /** No tick after it. */
  endAt?: number;
  /** The job of a tick starts up to so many milliseconds after it. */
  jitterMs?: number;
  /** See {@linkcode MISSED_POLICIES}. */
  missed: MissedPolicy;
  /** Missed ticks that are older than this are not made up for, in milliseconds. */
  windowMs?: number;
  /** See {@linkcode OVERLAP_POLICIES}. */
  overlap: OverlapPolicy;
  /** After so many jobs in a row that have failed for good the schedule is paused. */
  pauseAfterFailures?: number;
  /** What a tick enqueues; without it a tick is only told as an event. */
  job?: ScheduledJob;
  /** For people. */
  description?: string;
}

/** How a schedule stands. */
export interface ScheduleState {
  /** The next tick that is to be decided; null when there is none, or while it is paused. */
  nextTick: number | null;
  /** The latest tick that was decided. */
  lastTick: number | null;
  /** Entries of its history so far, those that are not kept any more included. */
  entries: number;
  /** The latest job. */
  lastJobId: string | null;
  /** A tick whose job waits for the end of an earlier one. */
  waiting: number | null;
  /** Jobs whose ends count and have not been counted, oldest first; empty where no setting asks for them. */
  open: { id: string; tick: number }[];
  /** Jobs in a row that have failed for good. */
  failures: number;
}

/** A schedule as it is stored. */
export interface Schedule {
  /** Made with it, and part of the ids of its jobs: another schedule with the same name later has another one. */
  id: string;
  /** The tenant. */
  namespace: string;
  /** Unique in the namespace. */
  name: string;
  /** The rule. */
  spec: ScheduleSpec;
  /** Whether a definition in a program has made it, or an operator. */
  source: "code" | "operator";
  /** What the definition said when it was last seen; null when there is none. */
  declared: ScheduleSpec | null;
  /** Grows with each change of the rule. */
  revision: number;
  /** Grows with each write: what was read before is outdated. */
  version: number;
  /** Since when it has no ticks; null when it is not paused. */
  pausedAt: number | null;
  /** Why it was paused, if that was not an operator. */
  pauseReason: string | null;
  /** When it was made. */
  createdAt: number;
  /** When the rule was changed last. */
  updatedAt: number;
  /** When it must be looked at; null for never. */
  nextAt: number | null;
  /** How it stands. */
  state: ScheduleState;
}

/** What became of a tick. */
export type TickOutcome =
  /** Its job exists. */
  | "started"
  /** It was told; there is no job. */
  | "emitted"
  /** It had no effect, because of an earlier job or of a pause. */
  | "skipped"
  /** It came while nobody could act on it, and was not made up for. */
  | "missed"
  /** Its job could not be made. */
  | "failed";

/** An entry of a schedule's history. */
export interface TickRecord {
  /** Its number, from 1 on. */
  number: number;
  /** The tick, epoch milliseconds; of several the first. */
  tick: number;
  /** Of several ticks the last one. */
  until?: number;
  /** Of several ticks how many; of very many at least so many. */
  count?: number;
  /** When it was decided. */
  at: number;
  /** What became of it. */
  outcome: TickOutcome;
  /** Why, in a word or a sentence. */
  reason?: string;
  /** Its job. */
  jobId?: string;
  /** Asked for by hand: not a tick of the rule. */
  manual?: "run" | "backfill";
}

/** An entry that has no number yet. */
export type NewTickRecord = Omit<TickRecord, "number">;

/** Entries of a schedule's history that are kept. */
export const HISTORY_MAX = 100;

/** Whether it goes on by itself. */
export function statusOf({ pausedAt, state, nextAt }: Schedule): "active" | "paused" | "ended" {
  if (pausedAt !== null) return "paused";
  return state.nextTick === null && nextAt === null ? "ended" : "active";
}

/** Whether the ends of its jobs matter to it. */
export function tracksJobs({ overlap, pauseAfterFailures }: ScheduleSpec): boolean {
  return overlap !== "allow" || pauseAfterFailures !== undefined;
}

/** The state of a schedule that has done nothing yet. */
export function freshState(): ScheduleState {
  return {
    nextTick: null,
    lastTick: null,
    entries: 0,
    lastJobId: null,
    waiting: null,
    open: [],
    failures: 0,
  };
}

/** Gives entries their numbers, after those that are there. */
export function numbered(
  state: ScheduleState,
  records: readonly NewTickRecord[],
): { state: ScheduleState; records: TickRecord[] } {
  return {
    state: { ...state, entries: state.entries + records.length },
    records: records.map((record, index) => ({ number: state.entries + 1 + index, ...record })),
  };
}

/**
 * An entry as it is when its job was inserted: that job, or one that stood in its place. A job that was there already,
 * because it has the same unique key, means that the tick itself had no effect.
 */
export function recordOfJob(
  record: NewTickRecord,
  inserted: ReadonlyMap<string, { id: string; outcome: string }>,
): NewTickRecord {
  const job = record.jobId === undefined ? undefined : inserted.get(record.jobId);
  if (job === undefined) return record;
  return job.outcome !== "existing" || job.id === record.jobId
    ? { ...record, jobId: job.id }
    : { ...record, jobId: job.id, outcome: "skipped", reason: "unique" };
}
