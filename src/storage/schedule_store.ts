import type { NewEvent } from "../domain/event.ts";
import type { NewJob } from "../domain/job.ts";
import type { NewTickRecord, Schedule, TickRecord } from "../domain/schedule.ts";
import type { JobState } from "../domain/states.ts";
import type { InsertResult } from "./driver.ts";

/**
 * The part of a {@linkcode Driver} that keeps schedules. What a tick does is decided by `planTicks` in domain/tick_plan.ts;
 * here it is written, all of it or nothing, and only if the schedule still is as it was read: so of any number of
 * schedulers that decide about the same tick, one writes it.
 */
export interface ScheduleStore {
  /**
   * Writes a schedule: a new one when `seen` is null, else in place of the one with this id and version, whose version
   * grows by one. False when there is one with this name already, or when it has been changed or removed meanwhile.
   */
  saveSchedule(save: ScheduleSave): Promise<boolean>;
  /** Removes a schedule and its history; false when there is none. Its jobs stay. */
  removeSchedule(name: ScheduleName): Promise<boolean>;
  /** Schedules by name: those named, or a page of all. */
  schedules(query: ScheduleQuery): Promise<Schedule[]>;
  /** Schedules that must be looked at by now, soonest first, or those that are named, with the jobs they wait for. */
  dueSchedules(query: DueQuery): Promise<DueSchedules>;
  /**
   * Writes what was decided about schedules, each of them only if it has the version that was read: how it stands, its
   * jobs as by {@linkcode Driver.insert}, its history, its events. All that is written together is written or none.
   * Answers in the order of the commits.
   */
  commitTicks(commits: TickCommit[]): Promise<TickCommitResult[]>;
  /** The history of a schedule, newest first; `before` a number goes on. */
  ticks(query: { scheduleId: string; before?: number; limit: number }): Promise<TickRecord[]>;
}

/** A schedule to be written. */
export interface ScheduleSave {
  /** As it is from then on. */
  schedule: Schedule;
  /** The version that was read; null for a new one. */
  seen: number | null;
  /** Entries for its history. */
  records: NewTickRecord[];
  /** Events to be stored with it. */
  events: NewEvent[];
}

/** Which schedule. */
export type ScheduleName = Pick<Schedule, "namespace" | "name">;

/** Which schedules. */
export interface ScheduleQuery {
  /** The tenant. */
  namespace: string;
  /** Only these. */
  names?: string[];
  /** Only those whose names come after this one. */
  after?: string;
  /** At most so many. */
  limit: number;
}

/** Which schedules to look at. */
export interface DueQuery {
  /** The tenant. */
  namespace: string;
  /** The store's time. */
  now: number;
  /** At most so many. */
  limit: number;
  /** These, whether they are due or not. */
  names?: string[];
}

/** See {@linkcode ScheduleStore.dueSchedules}. */
export interface DueSchedules {
  /** The schedules. */
  schedules: Schedule[];
  /** The states of their open jobs; those that are gone are absent. */
  jobs: { id: string; state: JobState }[];
  /** When the first one that is not due must be looked at; null for never, or when there are more that are due. */
  nextAt: number | null;
}

/** What was decided about one schedule. */
export interface TickCommit {
  /** The schedule's id. */
  id: string;
  /** The version that was read. */
  version: number;
  /** How it stands from then on; entries are counted when they are written. */
  set: Pick<Schedule, "state" | "nextAt" | "pausedAt" | "pauseReason">;
  /** Jobs to insert. */
  jobs: NewJob[];
  /** Entries for its history; those that name one of the jobs get the id of the job that then exists. */
  records: NewTickRecord[];
  /** Events to be stored with it. */
  events: NewEvent[];
}

/** What became of a commit. */
export interface TickCommitResult {
  /** False when the schedule was not as it had been read: nothing of this commit was written. */
  applied: boolean;
  /** One for each of its jobs. */
  jobs: InsertResult[];
}
