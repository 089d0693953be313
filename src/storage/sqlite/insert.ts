import { JobdError } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { holdsKey, isContested, uniqueLock } from "../../domain/unique.ts";
import type { InsertResult } from "../driver.ts";
import { awaitParents, madeOf, withStates } from "../sql/await_parents.ts";
import { gatheredOf, joinGroups } from "../sql/join_groups.ts";
import { insertContested } from "../sql/contest.ts";
import { uniqueColumn, uniquenessOf } from "../sql/locks.ts";
import { int, text } from "../sql/row.ts";
import type { SqlValue } from "../sql/script.ts";
import type { Connection } from "./connection.ts";
import { refuseTwins } from "../twins.ts";
import { sqliteDialect, TAKE_SEQS } from "./dialect.ts";
import { isConstraint } from "./errors.ts";
import { manyRows, pieces } from "./rows.ts";

const COLUMNS =
  "id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, payload, options, " +
  "unique_lock, expire_at";
const INSERT_JOBS = manyRows(13, `insert into job (${COLUMNS}) values`);
const INSERT_FREE_JOB = manyRows(13, `insert into job (${COLUMNS}) values`, "on conflict do nothing");
const INSERT_READY = manyRows(5, "insert into ready (queue_id, rank, seq, job_id, type) values");
const INSERT_SCHEDULED = manyRows(2, "insert into scheduled (run_at, job_id) values");

const HOLDER = `select id, state, ${uniqueColumn(sqliteDialect)} from job j where unique_lock = $1`;

/** A job with its queue and the place that it has if it is available. */
interface Entry {
  job: NewJob;
  queueId: number;
  seq: number | null;
}

/** {@linkcode Driver.insert}, inside a transaction. */
export function insertJobs(c: Connection, jobs: NewJob[]): InsertResult[] {
  refuseTwins(jobs);
  const queueIds = new Map<string, number>();
  const enter = (list: NewJob[]): Entry[] => {
    let seq = int(c.get(TAKE_SEQS, list.length)?.value) - list.length;
    return list.map((job): Entry => {
      seq += 1;
      const queueId = findQueue(c, job, queueIds) ?? createQueue(c, job, queueIds);
      return { job, queueId, seq: job.runAt > job.createdAt ? null : seq };
    });
  };
  if (jobs.some(isContested)) return awaitOthers(c, jobs, contest(c, jobs, enter));
  const results: InsertResult[] = [];
  for (const piece of pieces(enter(jobs))) {
    if (piece.length > 1 && insertAll(c, piece)) results.push(...piece.map(created));
    else for (const entry of piece) results.push(insertFree(c, entry) ?? existingJob(c, entry));
  }
  return awaitOthers(c, jobs, results);
}

/** New jobs that come after others wait for them, and those with a group are gathered. */
function awaitOthers(c: Connection, jobs: NewJob[], results: InsertResult[]): InsertResult[] {
  let states = results;
  const made = madeOf(jobs, results);
  if (made.length > 0) states = withStates(states, c.drive(awaitParents(sqliteDialect, made)));
  const gathered = gatheredOf(jobs, results);
  if (gathered.length > 0) states = withStates(states, c.drive(joinGroups(sqliteDialect, gathered)));
  return states;
}

/** Inserts jobs whose keys may be held. */
function contest(c: Connection, jobs: NewJob[], enter: (jobs: NewJob[]) => Entry[]): InsertResult[] {
  const contenders = jobs.map((job, at) => ({ at, job }));
  // deno-lint-ignore require-yield -- here a statement needs nobody else to run it
  const { results } = c.drive(insertContested(sqliteDialect, contenders, function* (free) {
    const added = new Map<number, InsertResult>();
    for (const [index, entry] of enter(free.map(({ job }) => job)).entries()) {
      const result = insertFree(c, entry);
      if (result !== undefined) added.set(free[index]?.at ?? 0, result);
    }
    return added;
  }));
  return jobs.map((_, at) => results.get(at) as InsertResult);
}

/** Writes new jobs, unless anything is in the way of one of them: then nothing happens. */
function insertAll(c: Connection, entries: Entry[]): boolean {
  try {
    c.run(INSERT_JOBS.text(entries.length), ...entries.flatMap(jobRow));
  } catch (error) {
    if (isConstraint(error)) return false;
    throw error;
  }
  dispatch(c, entries);
  return true;
}

/** Writes a new job; nothing happens when its id or its unique lock is taken. */
function insertFree(c: Connection, entry: Entry): InsertResult | undefined {
  if (c.run(INSERT_FREE_JOB.text(1), ...jobRow(entry)) === 0) return undefined;
  dispatch(c, [entry]);
  return created(entry);
}

function dispatch(c: Connection, entries: Entry[]): void {
  for (const piece of pieces(entries.filter(({ seq }) => seq !== null))) {
    const rows = piece.flatMap(({ job, queueId, seq }) => [queueId, -job.priority, seq, job.id, job.type]);
    c.run(INSERT_READY.text(piece.length), ...rows);
  }
  for (const piece of pieces(entries.filter(({ seq }) => seq === null))) {
    c.run(INSERT_SCHEDULED.text(piece.length), ...piece.flatMap(({ job }) => [job.runAt, job.id]));
  }
}

function jobRow({ job, queueId, seq }: Entry): SqlValue[] {
  return [
    job.id,
    queueId,
    job.type,
    job.priority,
    seq === null ? "scheduled" : "available",
    job.maxAttempts,
    seq,
    job.createdAt,
    job.runAt,
    JSON.stringify(job.payload),
    JSON.stringify(job.options),
    uniqueLock(job),
    job.expireAt,
  ];
}

function created({ job, seq }: Entry): InsertResult {
  return { id: job.id, outcome: "created", state: seq === null ? "scheduled" : "available" };
}

/** The job that has this id, or else the one that holds its unique key; its own, if that one has given it up. */
function existingJob(c: Connection, entry: Entry): InsertResult {
  const { job } = entry;
  const lock = uniqueLock(job);
  const row = c.get("select id, state from job where id = $1", job.id) ??
    (lock === null ? undefined : c.get(HOLDER, lock));
  if (row === undefined) throw new JobdError("internal", `Job ${job.id} was neither inserted nor found`);
  const state = row.state as JobState;
  if (text(row.id) === job.id || holdsKey(state, uniquenessOf(row))) {
    return { id: text(row.id), outcome: "existing", state };
  }
  const [result] = contest(c, [job], () => [entry]);
  return result as InsertResult;
}

function findQueue(c: Connection, job: NewJob, known: Map<string, number>): number | undefined {
  const key = queueKey(job);
  const found = known.get(key);
  if (found !== undefined) return found;
  const row = c.get("select id from queue where namespace = $1 and name = $2", job.namespace, job.queue);
  if (row === undefined) return undefined;
  known.set(key, int(row.id));
  return int(row.id);
}

function createQueue(c: Connection, job: NewJob, known: Map<string, number>): number {
  const { namespace, queue, createdAt } = job;
  const insert = "insert into queue (namespace, name, created_at) values ($1, $2, $3) returning id";
  const id = int(c.get(insert, namespace, queue, createdAt)?.id);
  known.set(queueKey(job), id);
  return id;
}

function queueKey({ namespace, queue }: NewJob): string {
  return `${namespace}\n${queue}`;
}
