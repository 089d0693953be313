import type { Job } from "./job.ts";
import type { LimitName } from "./limit.ts";

/** How long a job waits until it counts for one priority more, in milliseconds, by queue. Jobs of other queues do not age. */
export type Ageing = ReadonlyMap<string, number>;

/** How many priorities a job has gained by waiting: one for each full step since it could have started. */
export function gainedByAge({ runAt }: Pick<Job, "runAt">, stepMs: number | undefined, now: number): number {
  return stepMs === undefined ? 0 : Math.floor(Math.max(0, now - runAt) / stepMs);
}

/** Whether there may be jobs that age among those who wait at a gate. */
export function mayAge({ target, name }: LimitName, ageing: Ageing | undefined): boolean {
  if (ageing === undefined || ageing.size === 0) return false;
  return target === "type" || ageing.has(name);
}

/** Where a job stands among those of other priorities. */
export interface Standing {
  /** The negative priority for which it counts. */
  rank: number;
  /** Its number in the order of arrival. */
  seq: number;
}

/** Whether the one is before the other: what counts more is, then what came first. */
export function isBefore(one: Standing, other: Standing): boolean {
  return one.rank < other.rank || (one.rank === other.rank && one.seq < other.seq);
}

/**
 * Merges lanes, each of which keeps its own order: again and again the first job of the lane comes whose first job stands
 * before those of the others. Jobs of one priority wait in the order of their arrival, so the first of a lane has waited
 * longest.
 */
export function mergeLanes<T>(lanes: Iterable<T[]>, standing: (job: T) => Standing, limit: number): T[] {
  const left = [...lanes].filter((lane) => lane.length > 0).map((jobs) => {
    const ahead = jobs.toReversed();
    return { ahead, first: standing(ahead.at(-1) as T) };
  });
  const merged: T[] = [];
  while (left.length > 0 && merged.length < limit) {
    const next = left.reduce((best, lane) => isBefore(lane.first, best.first) ? lane : best);
    merged.push(next.ahead.pop() as T);
    const first = next.ahead.at(-1);
    if (first === undefined) left.splice(left.indexOf(next), 1);
    else next.first = standing(first);
  }
  return merged;
}
