import { latestExecution } from "../../domain/execution.ts";
import type { Execution } from "../../domain/job.ts";
import type { Page } from "../driver.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { jobColumns, jobTables, toExecution, toJob } from "./row.ts";
import { Params, run, type Script } from "./script.ts";
import { newestJobs } from "./sources.ts";
import { type Key, type Source, walk } from "./walk.ts";

/** Rows that one page of all executions looks at, in each of the two tables. */
const PAGE_BOUND = 5_000;

/** Columns of `execution e`. */
function columns(d: Dialect): string {
  return "e.job_id as job_id, e.attempt as attempt, e.worker as worker, " +
    `${d.ms("e.started_at")} as started_at, ${d.ms("e.finished_at")} as finished_at, ` +
    `e.outcome as outcome, ${d.text("e.error")} as error`;
}

/** Columns of a job that tell its latest attempt, for {@linkcode latestExecution}. */
function latestColumns(d: Dialect): string {
  return jobColumns(d, ["payload", "options", "progress", "result"]);
}

/** A condition: the latest attempt of `job j` is not in the history, so the job row speaks for it. */
function notKept(d: Dialect): string {
  return `j.attempt > 0 and not exists (` +
    `select 1 from ${d.table("execution")} x where x.job_id = j.id and x.attempt = j.attempt)`;
}

/** {@linkcode Driver.executions}. */
export function* executions(d: Dialect, jobId: string): Script<Execution[]> {
  const kept = yield* run(
    `select ${columns(d)} from ${d.table("execution")} e where e.job_id = ${d.uuid("$1")} order by e.attempt`,
    [jobId],
  );
  const latest = yield* run(
    `select ${latestColumns(d)} from ${jobTables(d)} where j.id = ${d.uuid("$1")} and ${notKept(d)}`,
    [jobId],
  );
  return [...kept.map(toExecution), ...latest.flatMap((row) => latestExecution(toJob(row)) ?? [])];
}

/** Executions that one walk found, and how far it has looked. */
interface Found {
  items: Execution[];
  end: Key | null;
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
  const kept = yield* keptPart(d, query, after);
  const latest = yield* latestPart(d, query, after);
  const horizon = nearer(kept.end, latest.end);
  const known = [...kept.items, ...latest.items]
    .filter((execution) => horizon === null || compare(keyOf(execution), horizon) >= 0)
    .sort((a, b) => compare(keyOf(b), keyOf(a)));
  const items = known.slice(0, query.limit);
  const last = items.at(-1);
  const end = known.length > items.length && last !== undefined ? keyOf(last) : horizon;
  return end === null ? { items } : { items, nextCursor: writeCursor({ part: 0, key: end }) };
}

interface PartQuery {
  namespace: string;
  limit: number;
}

function* keptPart(d: Dialect, { namespace, limit }: PartQuery, after: Key | null): Script<Found> {
  const source: Source = {
    from: `${d.table("execution")} e`,
    join: `join ${d.table("job")} j on j.id = e.job_id join ${d.table("queue")} q on q.id = j.queue_id`,
    key: [{ name: "e.job_id", type: "uuid" }, { name: "e.attempt", type: "number" }],
    order: "desc",
  };
  const params = new Params();
  const filters = [`q.namespace = ${params.add(namespace)}`];
  const options = { columns: columns(d), after, filters, params, limit, bound: PAGE_BOUND };
  const { rows, end } = yield* walk(d, source, options);
  return { items: rows.map(toExecution), end };
}

/** The latest attempt of a job is above all its others, so a job that the cursor names has been passed already. */
function* latestPart(d: Dialect, { namespace, limit }: PartQuery, cursor: Key | null): Script<Found> {
  const after = cursor === null ? null : cursor.slice(0, 1);
  const params = new Params();
  const filters = [`q.namespace = ${params.add(namespace)}`, notKept(d)];
  const options = { columns: latestColumns(d), after, filters, params, limit, bound: PAGE_BOUND };
  const { rows, end } = yield* walk(d, newestJobs(d), options);
  const items = rows.flatMap((row) => latestExecution(toJob(row)) ?? []);
  return { items, end: end === null ? null : [...end, 0] };
}

function keyOf({ jobId, attempt }: Execution): Key {
  return [jobId, attempt];
}

/** Of two places in a descending walk the one that comes first; null is its end. */
function nearer(a: Key | null, b: Key | null): Key | null {
  if (a === null || b === null) return a ?? b;
  return compare(a, b) >= 0 ? a : b;
}

function compare([idA = "", attemptA = 0]: Key, [idB = "", attemptB = 0]: Key): number {
  return idA === idB ? Number(attemptA) - Number(attemptB) : idA < idB ? -1 : 1;
}
