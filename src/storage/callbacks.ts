import type { NewJob } from "../domain/job.ts";
import type { InsertResult, ToldBatches } from "./driver.ts";

/** Callbacks with what became of each. */
export function withResults(jobs: NewJob[], results: InsertResult[]): ToldBatches["callbacks"] {
  return jobs.map((job, at) => ({ job, result: results[at] as InsertResult }));
}
