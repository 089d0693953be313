import type { Execution } from "../../domain/job.ts";
import type { Page } from "../driver.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { outcome, speaksForAttempt } from "./history.ts";
import { int, text, toExecution } from "./row.ts";
import { Params, run, type Script } from "./script.ts";
import { type Key, type Piece, type Source, walk } from "./walk.ts";

/** Rows that one page of all executions looks at, in each of the two tables. */
const PAGE_BOUND = 5_000;

function storedColumns(d: Dialect): string {
  return `e.job_id as job_id, e.attempt as attempt, e.worker as worker, ${
    d.ms("e.started_at")
  } as started_at, ` +
    `${d.ms("e.finished_at")} as finished_at, e.outcome as outcome, ${d.text("e.error")} as error`;
}

function latestColumns(d: Dialect): string {
  return `j.id as job_id, j.attempt as attempt, j.worker as worker, ${d.ms("j.started_at")} as started_at, ` +
    `${d.ms("j.finished_at")} as finished_at, ${outcome(d)} as outcome, ` +
    // While it runs, the job's error is that of an earlier attempt; a completed attempt has none.
    `case when j.state in ('running', 'completed') then null else ${d.text("j.error")} end as error`;
}

/** {@linkcode Driver.executions}. */
export function* executions(d: Dialect, jobId: string): Script<Execution[]> {
  const rows = yield* run(
    `select * from (select ${storedColumns(d)} from ${d.table("execution")} e where e.job_id = ${
      d.uuid("$1")
    } ` +
      `union all select ${latestColumns(d)} from ${d.table("job")} j ` +
      `where j.id = ${d.uuid("$1")} and ${speaksForAttempt(d)}) a order by attempt`,
    [jobId],
  );
  return rows.map(toExecution);
}

/**
 * {@linkcode Driver.listExecutions}: jobs newest first, attempts of a job latest first. Two walks in the same order,
 * over the history and over the job rows, are merged as far as both have looked.
 */
export function* listExecutions(
  d: Dialect,
  query: { namespace: string; limit: number; cursor?: string },
): Script<Page<Execution>> {
  const after = readCursor(query.cursor).key;
  const job = `${d.table("job")} j`;
  const queue = `join ${d.table("queue")} q on q.id = j.queue_id`;
  const stored: Source = {
    from: `${d.table("execution")} e`,
    join: `join ${job} on j.id = e.job_id ${queue}`,
    key: [{ name: "e.job_id", type: "uuid" }, { name: "e.attempt", type: "number" }],
    order: "desc",
  };
  const latest: Source = { from: job, join: queue, key: [{ name: "j.id", type: "uuid" }], order: "desc" };
  const piece = function* (source: Source, from: Key | null, columns: string, filter: string): Script<Piece> {
    const params = new Params();
    const filters = [`q.namespace = ${params.add(query.namespace)}`, filter];
    return yield* walk(d, source, {
      columns,
      after: from,
      filters,
      params,
      limit: query.limit,
      bound: PAGE_BOUND,
    });
  };
  const history = yield* piece(stored, after, storedColumns(d), "1 = 1");
  // The latest attempt of a job is above all its others, so a job that the cursor names was passed already.
  const jobs = yield* piece(
    latest,
    after === null ? null : after.slice(0, 1),
    latestColumns(d),
    speaksForAttempt(d),
  );
  return merge(history, jobs, query.limit);
}

function merge(history: Piece, jobs: Piece, limit: number): Page<Execution> {
  // A job row at the end of its walk was looked at, so everything down to its attempt 0 is known from that side.
  const horizon = highest(history.end, jobs.end === null ? null : [...jobs.end, 0]);
  const rows = [...history.rows, ...jobs.rows].map((row) => ({
    row,
    key: [text(row.job_id), int(row.attempt)] as Key,
  }));
  rows.sort((a, b) => compare(b.key, a.key));
  const known = rows.filter(({ key }) => horizon === null || compare(key, horizon) >= 0);
  const items = known.slice(0, limit);
  const end = known.length > limit ? items.at(-1)?.key ?? null : horizon;
  const page = { items: items.map(({ row }) => toExecution(row)) };
  return end === null ? page : { ...page, nextCursor: writeCursor({ part: 0, key: end }) };
}

function highest(a: Key | null, b: Key | null): Key | null {
  if (a === null || b === null) return a ?? b;
  return compare(a, b) >= 0 ? a : b;
}

function compare([idA = "", attemptA = 0]: Key, [idB = "", attemptB = 0]: Key): number {
  return idA === idB ? Number(attemptA) - Number(attemptB) : idA < idB ? -1 : 1;
}
