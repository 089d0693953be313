import { conflictError } from "../domain/contest.ts";
import type { NewJob } from "../domain/job.ts";
import { failsOnConflict, uniqueLock } from "../domain/unique.ts";

/** Refuses jobs of which one must be the only one with its unique key, and another one of the same call has it too. */
export function refuseTwins(jobs: readonly NewJob[]): void {
  if (!jobs.some(failsOnConflict)) return;
  const first = new Map<string, NewJob>();
  for (const job of jobs) {
    const lock = uniqueLock(job);
    if (lock === null) continue;
    const twin = first.get(lock);
    if (twin === undefined) first.set(lock, job);
    else if (failsOnConflict(job) && twin.id !== job.id) {
      throw conflictError(job, {
        id: twin.id,
        state: twin.runAt > twin.createdAt ? "scheduled" : "available",
      });
    }
  }
}
