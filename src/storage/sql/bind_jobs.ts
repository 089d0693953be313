import type { NewJob } from "../../domain/job.ts";
import type { InsertResult } from "../driver.ts";
import { awaitParents, madeOf, withStates } from "./await_parents.ts";
import type { Dialect } from "./dialect.ts";
import { countJoined, type Joined } from "./join_batches.ts";
import { gatheredOf, joinGroups } from "./join_groups.ts";
import type { Script } from "./script.ts";

/**
 * Ties jobs that were inserted just now, in this transaction, to others: those they come after, their batches, and their
 * groups. Groups come last: a member of a batch that is being cancelled takes no place in one.
 */
export function* bindJobs(
  d: Dialect,
  jobs: NewJob[],
  { joined, results }: { joined: Joined; results: InsertResult[] },
): Script<InsertResult[]> {
  const made = madeOf(jobs, results);
  const bound = made.length === 0 ? results : withStates(results, yield* awaitParents(d, made));
  const counted = joined.size === 0
    ? bound
    : withStates(bound, yield* countJoined(d, joined, { jobs, results: bound }));
  const gathered = gatheredOf(jobs, counted);
  return gathered.length === 0 ? counted : withStates(counted, yield* joinGroups(d, gathered));
}
