import type { Execution } from "../../domain/job.ts";
import { among, type Dialect } from "./dialect.ts";
import { run, type Script } from "./script.ts";

/** Keeps attempts in the history; those that are there stay as they are. */
export function* keepExecutions(d: Dialect, executions: Execution[]): Script<void> {
  if (executions.length === 0) return;
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    attempt: "integer",
    worker: "text",
    started_at: "instant",
    finished_at: "instant",
    outcome: "text",
    error: "json",
  });
  yield* run(
    `insert into ${d.table("execution")} ` +
      "(job_id, attempt, worker, started_at, finished_at, outcome, error) " +
      `select r.job_id, r.attempt, r.worker, r.started_at, r.finished_at, r.outcome, r.error from ${rows} ` +
      "where true on conflict (job_id, attempt) do nothing",
    [JSON.stringify(executions.map(({ jobId, attempt, worker, startedAt, finishedAt, outcome, error }) => ({
      job_id: jobId,
      attempt,
      worker,
      started_at: startedAt,
      finished_at: finishedAt,
      outcome,
      error,
    })))],
  );
}

/** Removes what the other tables hold about jobs that are deleted. */
export function* removeHistory(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  for (const table of ["execution", "job_log", "step", "job_wait", "group_member"]) {
    yield* run(
      `delete from ${d.table(table)} where job_id ${among(d, "$1", "uuid")}`,
      [JSON.stringify(ids)],
    );
  }
}
