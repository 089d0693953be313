import { JobdError } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import { uniqueLock } from "../../domain/request.ts";
import type { JobState } from "../../domain/states.ts";
import type { InsertResult } from "../driver.ts";
import { int, text } from "../sql/row.ts";
import type { Connection } from "./connection.ts";
import { TAKE_SEQS } from "./dialect.ts";

const INSERT_JOB =
  "insert into job (id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, payload, " +
  "options, unique_lock, expire_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing";
const INSERT_READY = "insert into ready (queue_id, rank, seq, job_id, type) values ($1, $2, $3, $4, $5)";
const INSERT_SCHEDULED = "insert into scheduled (run_at, job_id) values ($1, $2)";

/** {@linkcode Driver.insert}, inside a transaction. One prepared statement a row is faster here than JSON rows. */
export function insertJobs(c: Connection, jobs: NewJob[]): InsertResult[] {
  const queueIds = new Map<string, number>();
  let seq = int(c.get(TAKE_SEQS, jobs.length)?.value) - jobs.length;
  return jobs.map((job) => {
    seq += 1;
    const queueId = findQueue(c, job, queueIds) ?? createQueue(c, job, queueIds);
    return insertJob(c, job, { queueId, seq }) ?? existingJob(c, job);
  });
}

/** The job that has this id, or else the one that holds its unique lock. */
function existingJob(c: Connection, job: NewJob): InsertResult {
  const lock = uniqueLock(job);
  const row = c.get("select id, state from job where id = $1", job.id) ??
    (lock === null ? undefined : c.get("select id, state from job where unique_lock = $1", lock));
  if (row === undefined) throw new JobdError("internal", `Job ${job.id} was neither inserted nor found`);
  return { id: text(row.id), outcome: "existing", state: row.state as JobState };
}

/** Writes a new job; nothing happens when its id or its unique lock is taken. */
function insertJob(
  c: Connection,
  job: NewJob,
  place: { queueId: number; seq: number },
): InsertResult | undefined {
  const { id, type, priority, createdAt, runAt } = job;
  const { queueId, seq } = place;
  const state = runAt > createdAt ? "scheduled" : "available";
  const inserted = c.run(
    INSERT_JOB,
    id,
    queueId,
    type,
    priority,
    state,
    job.maxAttempts,
    state === "available" ? seq : null,
    createdAt,
    runAt,
    JSON.stringify(job.payload),
    JSON.stringify(job.options),
    uniqueLock(job),
    job.expireAt,
  );
  if (inserted === 0) return undefined;
  if (state === "available") c.run(INSERT_READY, queueId, -priority, seq, id, type);
  else c.run(INSERT_SCHEDULED, runAt, id);
  return { id, outcome: "created", state };
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
