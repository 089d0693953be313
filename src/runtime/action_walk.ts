import type { JobAction } from "../domain/amendment.ts";
import type { Job } from "../domain/job.ts";
import type { Replacement } from "../domain/replacement.ts";
import { FINAL_STATES, type JobState } from "../domain/states.ts";
import { type JobFilter, listOf } from "./job_filter.ts";

/** What the walk of an action must know about it. */
export interface Walked {
  /** What is done: its effects decide which way the walk goes. */
  walk: JobAction | "update";
  /** What is new about the jobs, as far as that decides where they are. */
  place?: Place;
}

/** The part of a replacement that moves jobs among those that wait. */
export type Place = Pick<Replacement, "queue" | "priority" | "runAt" | "options">;

/** When the walk of an action is. */
export interface WalkTime {
  /** An instant before which nothing was done by the action. */
  began: number;
  /** The store's time. */
  now(): number;
}

/** One way through the jobs that match. */
export interface Pass {
  /** Which jobs are listed. */
  filter: JobFilter;
  /** Whether one of them is meant: what the action itself has brought here is not. */
  isMeant(job: Job): boolean;
}

/**
 * The states in the order of the walk: where an action takes jobs to comes before where it takes them from, so that it does not
 * meet them there; and where jobs go by themselves comes after where they come from, so that they are not missed.
 */
const ORDER: Record<Walked["walk"], readonly JobState[]> = {
  cancel: [...FINAL_STATES, "scheduled", "blocked", "available", "running"],
  archive: [...FINAL_STATES, "running", "scheduled", "blocked", "available"],
  delete: [...FINAL_STATES, "scheduled", "blocked", "available", "running"],
  run: [...FINAL_STATES, "running", "available", "blocked", "scheduled"],
  retry: ["available", "running", "blocked", "scheduled", ...FINAL_STATES],
  update: ["available", "blocked", "scheduled", "running", ...FINAL_STATES],
};

/**
 * How an action goes through the jobs that match a filter without keeping in mind which it has met. Lists without states, and
 * those of batches, go by id, which never changes. Others go through the states as jobs would run or have ended, where jobs
 * move while the action works: it knows those that it moved by when and where they are now.
 */
export function passesOf({ walk, place }: Walked, filter: JobFilter, time: WalkTime): Pass[] {
  if (filter.state === undefined || filter.batch !== undefined) return [{ filter, isMeant: () => true }];
  const wanted = new Set(listOf(filter.state));
  // States that there are not are refused by the list.
  const known = ORDER[walk].filter((state) => wanted.delete(state));
  const walked = { ...filter, state: [...known, ...wanted] };
  const isMeant = (job: Job): boolean => !wasTaken(walk, job, time);
  if (place === undefined || !decidesPlace(place)) return [{ filter: walked, isMeant }];
  // Those that are there first: they stay where they are. When the others come there, nobody is looked for there any more.
  return [
    { filter: walked, isMeant: (job) => isMeant(job) && isAt(job, place) },
    { filter: walked, isMeant: (job) => isMeant(job) && !isAt(job, place) },
  ];
}

/** Whether a job was in the hands of the action already, and has moved on. */
function wasTaken(
  walk: Walked["walk"],
  { state, startedAt, finishedAt, runAt }: Job,
  { began, now }: WalkTime,
): boolean {
  const hasStarted = (startedAt ?? 0) >= began;
  // What has run or ended since the action began is in another life than the one that was to be retried.
  if (walk === "retry") return hasStarted || (finishedAt ?? 0) >= began;
  // Let run, and parked at a limit once more; one that waits for others may have a start in the future.
  if (walk === "run") return hasStarted || (state === "blocked" && runAt >= began && runAt <= now());
  return false;
}

function decidesPlace({ queue, priority, runAt, options }: Place): boolean {
  return [queue, priority, runAt, options?.limitKey, options?.limitWeight].some((value) =>
    value !== undefined
  );
}

function isAt(job: Job, { queue, priority, runAt, options }: Place): boolean {
  return (queue ?? job.queue) === job.queue && (priority ?? job.priority) === job.priority &&
    (runAt ?? job.runAt) === job.runAt &&
    isSame(options?.limitKey, job.options.limitKey) && isSame(options?.limitWeight, job.options.limitWeight);
}

/** Null takes an option away; undefined leaves it. */
function isSame<T>(wanted: T | null | undefined, is: T | undefined): boolean {
  return wanted === undefined || (wanted ?? undefined) === is;
}
