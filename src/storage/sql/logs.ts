import type { LogChunk } from "../../domain/job.ts";
import type { LogBatch, LogQuery } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { Params, run, type Script } from "./script.ts";

/** A condition: the attempt that row `r` names is running. */
function live(d: Dialect): string {
  return `exists (select 1 from ${d.table("job")} j ` +
    "where j.id = r.job_id and j.attempt = r.log_attempt and j.state = 'running')";
}

/** {@linkcode Driver.appendLogs}. */
export function* appendLogs(d: Dialect, batches: LogBatch[]): Script<void> {
  const chunks = batches.flatMap(({ id, attempt, chunks }) =>
    chunks.map(({ seq, at, stream, offset, text }) => ({
      job_id: id,
      log_attempt: attempt,
      log_seq: seq,
      logged_at: at,
      stream,
      start_at: offset,
      text,
    }))
  );
  if (chunks.length > 0) yield* insertChunks(d, chunks);
  const drops = batches.flatMap(({ id, attempt, drop }) =>
    drop === undefined ? [] : [{ job_id: id, log_attempt: attempt, drop_from: drop.from, drop_to: drop.to }]
  );
  if (drops.length > 0) yield* dropChunks(d, drops);
}

function* insertChunks(d: Dialect, chunks: unknown[]): Script<void> {
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    log_attempt: "integer",
    log_seq: "integer",
    logged_at: "instant",
    stream: "text",
    start_at: "bigint",
    text: "text",
  });
  yield* run(
    `insert into ${d.table("job_log")} (job_id, attempt, seq, at, stream, start_at, text) ` +
      `select r.job_id, r.log_attempt, r.log_seq, r.logged_at, r.stream, r.start_at, r.text from ${rows} ` +
      `where ${live(d)} on conflict (job_id, attempt, seq) do nothing`,
    [JSON.stringify(chunks)],
  );
}

function* dropChunks(d: Dialect, drops: unknown[]): Script<void> {
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    log_attempt: "integer",
    drop_from: "integer",
    drop_to: "integer",
  });
  yield* run(
    `delete from ${d.table("job_log")} where (job_id, attempt, seq) in (` +
      `select l.job_id, l.attempt, l.seq from ${rows} join ${d.table("job_log")} l on l.job_id = r.job_id ` +
      `and l.attempt = r.log_attempt and l.seq >= r.drop_from and l.seq < r.drop_to where ${live(d)})`,
    [JSON.stringify(drops)],
  );
}

/** {@linkcode Driver.logs}. */
export function* logs(d: Dialect, query: LogQuery): Script<LogChunk[]> {
  const params = new Params();
  let where = `job_id = ${d.uuid(params.add(query.jobId))}`;
  if (query.after !== undefined) {
    where += ` and (attempt, seq) > (${params.add(query.after.attempt)}, ${params.add(query.after.seq)})`;
  }
  const rows = yield* run(
    `select attempt, seq, ${d.ms("at")} as logged_at, stream, start_at, text from ${d.table("job_log")} ` +
      `where ${where} order by attempt, seq limit ${params.add(query.limit)}`,
    params.values,
  );
  return rows.map((row) => ({
    attempt: int(row.attempt),
    seq: int(row.seq),
    at: int(row.logged_at),
    stream: row.stream as LogChunk["stream"],
    offset: int(row.start_at),
    text: text(row.text),
  }));
}
