import { numbered, recordOfJob } from "../../domain/schedule.ts";
import type { InsertResult } from "../driver.ts";
import type { TickCommit, TickCommitResult } from "../schedule_store.ts";
import { among, type Dialect } from "./dialect.ts";
import { publish } from "./events.ts";
import { int, text } from "./row.ts";
import { run, type Script } from "./script.ts";
import { writeTicks } from "./schedules.ts";

// A commit of ticks in two halves, because each backend inserts jobs in its own way, between the two.

/** Takes the schedules that still are as they were read, and writes how they stand; gives the places of their commits. */
export function* advanceSchedules(d: Dialect, commits: TickCommit[]): Script<Set<number>> {
  const ids = JSON.stringify(commits.map(({ id }) => id));
  // Those that somebody else is about to write are his.
  const locked = yield* run(
    `select s.id as id, s.version as version from ${d.table("schedule")} s where s.id ${
      among(d, "$1", "text")
    } order by s.id ${d.lockFree("s")}`,
    [ids],
  );
  const versions = new Map(locked.map((row) => [text(row.id), int(row.version)]));
  const applied = commits.flatMap((commit, at) =>
    versions.get(commit.id) === commit.version && versions.delete(commit.id) ? [at] : []
  );
  if (applied.length > 0) yield* write(d, applied.flatMap((at) => commits[at] ?? []));
  return new Set(applied);
}

function* write(d: Dialect, commits: TickCommit[]): Script<void> {
  const shape = { i: "text", n: "instant", p: "instant", r: "text", s: "json" } as const;
  yield* run(
    `update ${d.table("schedule")} set version = version + 1, next_at = r.n, paused_at = r.p, ` +
      `pause_reason = r.r, state = r.s from ${d.rows("$1", "r", shape)} where id = r.i`,
    [JSON.stringify(commits.map(({ id, set, records }) => ({
      i: id,
      n: set.nextAt,
      p: set.pausedAt,
      r: set.pauseReason,
      s: numbered(set.state, records).state,
    })))],
  );
}

/** Writes histories and events of commits whose jobs are inserted. */
export function* recordTicks(d: Dialect, commits: TickCommit[], inserted: JobsById): Script<void> {
  yield* writeTicks(
    d,
    commits.flatMap(({ id, set, records }) =>
      numbered(set.state, records.map((record) => recordOfJob(record, inserted))).records
        .map((record) => ({ scheduleId: id, record }))
    ),
  );
  // Last, because writers of events take turns until they have committed.
  yield* publish(d, commits.flatMap(({ events }) => events));
}

/** What became of jobs, by the ids they were given. */
export type JobsById = ReadonlyMap<string, InsertResult>;

/** What became of jobs, by the ids they were given. */
export function jobsById(jobs: readonly { id: string }[], results: readonly InsertResult[]): JobsById {
  return new Map(jobs.flatMap(({ id }, at) => {
    const result = results[at];
    return result === undefined ? [] : [[id, result] as const];
  }));
}

/** The answer to commits. */
export function commitResults(
  commits: readonly TickCommit[],
  applied: ReadonlySet<number>,
  inserted: JobsById,
): TickCommitResult[] {
  return commits.map(({ jobs }, at) =>
    applied.has(at)
      ? { applied: true, jobs: jobs.flatMap(({ id }) => inserted.get(id) ?? []) }
      : { applied: false, jobs: [] }
  );
}
