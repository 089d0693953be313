import type { TickCommit, TickCommitResult } from "../schedule_store.ts";
import { advanceSchedules, commitResults, jobsById, recordTicks } from "../sql/commit_ticks.ts";
import type { Connections } from "./connections.ts";
import { postgresDialect } from "./dialect.ts";
import type { Inserted, Inserter } from "./inserter.ts";
import type { Names } from "./names.ts";
import { drive } from "./scripts.ts";

/** Answers to commits and what they mean for others. */
export interface CommittedTicks extends Omit<Inserted, "results"> {
  /** One for each commit. */
  results: TickCommitResult[];
  /** Whether events were stored. */
  told: boolean;
}

/** {@linkcode ScheduleStore.commitTicks}, in one transaction; queues are created before it. */
export async function commitTicks(
  { connections, names, inserter }: { connections: Connections; names: Names; inserter: Inserter },
  commits: TickCommit[],
): Promise<CommittedTicks> {
  const dialect = postgresDialect(names);
  const prepared = await inserter.prepare(commits.flatMap(({ jobs }) => jobs));
  return await connections.transaction(async (run) => {
    const applied = await drive(run, advanceSchedules(dialect, commits));
    const written = commits.filter((_, at) => applied.has(at));
    const wanted = new Set(written.flatMap(({ jobs }) => jobs));
    const entries = prepared.filter(({ job }) => wanted.has(job));
    const { results, ...effects } = await inserter.insertWithin(run, entries);
    const inserted = jobsById(entries.map(({ job }) => job), results);
    await drive(run, recordTicks(dialect, written, inserted));
    return {
      ...effects,
      results: commitResults(commits, applied, inserted),
      told: written.some(({ events }) => events.length > 0),
    };
  });
}
