import { JobdError } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { holdsKey, isContested, uniqueLock } from "../../domain/unique.ts";
import type { InsertResult } from "../driver.ts";
import { bindJobs } from "../sql/bind_jobs.ts";
import { insertContested } from "../sql/contest.ts";
import { lockJoined } from "../sql/join_batches.ts";
import { uniqueColumn, uniquenessOf } from "../sql/locks.ts";
import { restoreQueues } from "../sql/removed_queues.ts";
import { int, text } from "../sql/row.ts";
import type { SqlValue } from "../sql/script.ts";
import type { Connection } from "./connection.ts";
import { refuseTwins } from "../twins.ts";
import { sqliteDialect, TAKE_SEQS } from "./dialect.ts";
import { isConstraint } from "./errors.ts";
import { manyRows, pieces } from "./rows.ts";

const COLUMNS =
  "id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, payload, options, " +
  "unique_lock, expire_at, batch_id";
const INSERT_JOBS = manyRows(14, `insert into job (${COLUMNS}) values`);
const INSERT_FREE_JOB = manyRows(14, `insert into job (${COLUMNS}) values`, "on conflict do nothing");
const INSERT_READY = manyRows(5, "insert into ready (queue_id, rank, seq, job_id, type) values");
const INSERT_SCHEDULED = manyRows(2, "insert into scheduled (run_at, job_id) values");

const HOLDER = `select id, state, ${uniqueColumn(sqliteDialect)} from job j where unique_lock = $1`;

/** A job with its queue and the place that it has if it is available. */
interface Entry {
  job: NewJob;
  queueId: number;
  /** Whether its queue was removed, and is there again with the job. */
  restores: boolean;
  seq: number | null;
}

/** A queue as it was found. */
interface FoundQueue {
  id: number;
  removed: boolean;
}

/** {@linkcode Driver.insert}, inside a transaction. */
export function insertJobs(c: Connection, jobs: NewJob[]): InsertResult[] {
  refuseTwins(jobs);
  const joined = c.drive(lockJoined(sqliteDialect, jobs));
  const bind = (results: InsertResult[]) => c.drive(bindJobs(sqliteDialect, jobs, { joined, results }));
  const queues = new Map<string, FoundQueue>();
  const enter = (list: NewJob[]): Entry[] => {
    let seq = int(c.get(TAKE_SEQS, list.length)?.value) - list.length;
    return list.map((job): Entry => {
      seq += 1;
      const queue = findQueue(c, job, queues) ?? createQueue(c, job, queues);
      return { job, queueId: queue.id, restores: queue.removed, seq: job.runAt > job.createdAt ? null : seq };
    });
  };
  if (jobs.some(isContested)) return bind(contest(c, jobs, enter));
  const results: InsertResult[] = [];
  for (const piece of pieces(enter(jobs))) {
    if (piece.length > 1 && insertAll(c, piece)) results.push(...piece.map(created));
    else for (const entry of piece) results.push(insertFree(c, entry) ?? existingJob(c, entry));
  }
  return bind(results);
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
  for (const { job, queueId, restores } of entries) {
    if (restores) c.drive(restoreQueues(sqliteDialect, [queueId], job.createdAt));
  }
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
    job.options.batch ?? null,
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

function findQueue(c: Connection, job: NewJob, known: Map<string, FoundQueue>): FoundQueue | undefined {
  const key = queueKey(job);
  const found = known.get(key);
  if (found !== undefined) return found;
  const select = "select id, removed_at from queue where namespace = $1 and name = $2";
  const row = c.get(select, job.namespace, job.queue);
  if (row === undefined) return undefined;
  const queue = { id: int(row.id), removed: row.removed_at !== null };
  known.set(key, queue);
  return queue;
}

function createQueue(c: Connection, job: NewJob, known: Map<string, FoundQueue>): FoundQueue {
  const { namespace, queue, createdAt } = job;
  const insert = "insert into queue (namespace, name, created_at) values ($1, $2, $3) returning id";
  const made = { id: int(c.get(insert, namespace, queue, createdAt)?.id), removed: false };
  known.set(queueKey(job), made);
  return made;
}

function queueKey({ namespace, queue }: NewJob): string {
  return `${namespace}\n${queue}`;
}
