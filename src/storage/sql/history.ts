import type { Dialect } from "./dialect.ts";
import { run, type Script } from "./script.ts";

/** How the latest attempt ended, read from its job row: `job j`. */
export function outcome(d: Dialect): string {
  const lost = `${d.jsonText("j.error", "code")} in ('worker_lost', 'interrupted')`;
  return `case when j.state <> 'dead' then j.state when ${lost} then 'lost' else 'failed' end`;
}

/** The job row speaks for its latest attempt unless that one ended without ending the job. */
export function speaksForAttempt(d: Dialect): string {
  return "j.attempt > 0 and not exists (" +
    `select 1 from ${d.table("execution")} x where x.job_id = j.id and x.attempt = j.attempt)`;
}

/** A SELECT, open for further conditions, of rows of `execution` for the attempts that ended final jobs. */
export function latestAttempts(d: Dialect): string {
  return `select j.id, j.attempt, j.worker, j.started_at, j.finished_at, ${outcome(d)}, j.error ` +
    `from ${d.table("job")} j where ${speaksForAttempt(d)} and j.finished_at is not null`;
}

/** Removes what the other tables hold about jobs that are deleted. */
export function* removeHistory(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  for (const table of ["execution", "job_log"]) {
    yield* run(
      `delete from ${d.table(table)} where job_id in (select value from ${d.values("$1", "v", "uuid")})`,
      [JSON.stringify(ids)],
    );
  }
}
