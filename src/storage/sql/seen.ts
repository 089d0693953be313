import { type Amendment, ARCHIVED } from "../../domain/amendment.ts";
import type { FailureRecord } from "../../domain/job.ts";
import type { ColumnType, Dialect } from "./dialect.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** Takes the dispatch rows of waiting jobs that still are as they were seen; gives those that are ours now. */
export function* own(d: Dialect, waiting: Amendment[]): Script<Amendment[]> {
  const owned = new Set<string>();
  const keys = { available: "queue_id, rank, seq", scheduled: "run_at, job_id" } as const;
  const columns = { available: "j.queue_id, -j.priority, j.seq", scheduled: "j.run_at, j.id" } as const;
  for (const state of ["available", "scheduled"] as const) {
    const seen = waiting.filter(({ from }) => from === state);
    if (seen.length === 0) continue;
    const rows = yield* run(
      `delete from ${d.table(state === "available" ? "ready" : "scheduled")} where (${keys[state]}) in (` +
        `select ${columns[state]} from ${seenRows(d)} join ${d.table("job")} j ` +
        `on j.id = r.job_id and j.attempt = r.seen_attempt and j.state = r.seen_state) returning job_id`,
      [seenJson(seen)],
    );
    for (const row of rows) owned.add(text(row.job_id));
  }
  for (const id of yield* ownParked(d, waiting.filter(({ from }) => from === "blocked"))) owned.add(id);
  return waiting.filter(({ id }) => owned.has(id));
}

function* ownParked(d: Dialect, seen: Amendment[]): Script<string[]> {
  if (seen.length === 0) return [];
  const rows = yield* run(
    `delete from ${d.table("parked")} where job_id in (select j.id from ${seenRows(d)} join ${
      d.table("job")
    } j ` +
      "on j.id = r.job_id and j.attempt = r.seen_attempt and j.state = r.seen_state) returning job_id",
    [seenJson(seen)],
  );
  return rows.map((row) => text(row.job_id));
}

/** Amendments as rows `r`: the job, how it was seen, when the change is made, the error that it leaves, and more columns. */
export function seenRows(d: Dialect, more: Record<string, ColumnType> = {}): string {
  return d.rows("$1", "r", {
    job_id: "uuid",
    seen_state: "text",
    seen_attempt: "integer",
    amended_at: "instant",
    amend_error: "json",
    amend_result: "json",
    ...more,
  });
}

/** The parameter that {@linkcode seenRows} reads. */
export function seenJson(
  amendments: Amendment[],
  more: (amendment: Amendment) => object = () => ({}),
): string {
  return JSON.stringify(amendments.map((amendment) => {
    const { id, from, attempt, at, change } = amendment;
    return {
      job_id: id,
      seen_state: from,
      seen_attempt: attempt,
      amended_at: at,
      amend_error: changeError(change),
      amend_result: change.kind === "complete" ? change.result : null,
      ...more(amendment),
    };
  }));
}

function changeError(change: Amendment["change"]): FailureRecord | null {
  if (change.kind === "fail") return change.error;
  if (change.kind === "cancel") return { code: "cancelled", message: change.reason };
  if (change.kind === "expire") {
    return { code: "expired", message: "The job was not finished before its deadline" };
  }
  return change.kind === "archive" ? ARCHIVED : null;
}

/** Updates jobs that still are as they were seen; gives their ids. */
export function* update(d: Dialect, seen: Amendment[], set: string): Script<string[]> {
  if (seen.length === 0) return [];
  const rows = yield* run(
    `update ${d.table("job")} as j set ${set} from ${seenRows(d)} ` +
      "where j.id = r.job_id and j.state = r.seen_state and j.attempt = r.seen_attempt returning id",
    [seenJson(seen)],
  );
  return rows.map((row) => text(row.id));
}
