import type { TickCommit, TickCommitResult } from "../schedule_store.ts";
import { advanceSchedules, commitResults, jobsById, recordTicks } from "../sql/commit_ticks.ts";
import type { Connection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";
import { insertJobs } from "./insert.ts";

/** {@linkcode ScheduleStore.commitTicks}, inside a transaction. */
export function commitTicks(c: Connection, commits: TickCommit[]): TickCommitResult[] {
  const applied = c.drive(advanceSchedules(sqliteDialect, commits));
  const written = commits.filter((_, at) => applied.has(at));
  const jobs = written.flatMap((commit) => commit.jobs);
  const inserted = jobsById(jobs, jobs.length === 0 ? [] : insertJobs(c, jobs));
  c.drive(recordTicks(sqliteDialect, written, inserted));
  return commitResults(commits, applied, inserted);
}
