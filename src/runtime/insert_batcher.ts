import type { NewJob } from "../domain/job.ts";
import type { Driver, InsertResult } from "../storage/driver.ts";
import { Batcher } from "./batcher.ts";

/** Jobs in one insert when calls are gathered. */
const INSERT_WEIGHT = 1_000;

/** Gathers calls into few, large inserts. */
export function insertBatcher(driver: Driver, lanes: number): Batcher<NewJob[], InsertResult[]> {
  return new Batcher({
    maxWeight: INSERT_WEIGHT,
    lanes,
    weigh: (jobs) => jobs.length,
    flush: async (groups) => {
      const results = await driver.insert(groups.flat());
      let at = 0;
      return groups.map((jobs) => results.slice(at, at += jobs.length));
    },
  });
}
