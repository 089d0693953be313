import { joinsBatch } from "./batch.ts";
import { comesAfter } from "./dependency.ts";
import type { NewJob } from "./job.ts";
import { failsOnConflict } from "./unique.ts";

/** Whether a job may be refused for what is in the store: its whole call is then, so it must not take other calls with it. */
export function mayBeRefused(job: NewJob): boolean {
  return failsOnConflict(job) || comesAfter(job) || joinsBatch(job);
}
