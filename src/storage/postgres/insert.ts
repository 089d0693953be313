import type { NewJob } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { holdsKey, uniqueLock } from "../../domain/unique.ts";
import { uniquenessOf } from "../sql/locks.ts";
import { text } from "../sql/row.ts";
import type { Query, Value } from "./connections.ts";
import { instant } from "./dialect.ts";
import { Kinds } from "./kinds.ts";
import type { Names } from "./names.ts";

// The SQL function add_jobs (migrations/postgres) writes the same rows: what changes here changes there, by a new migration.

/**
 * The jobs of {@linkcode insertValues} with their places in `ready`, given in their order. What many jobs have in common is
 * said once: PostgreSQL takes longer to read a list in JSON than to store what it says.
 */
function input(nextSeq: string): string {
  return `
with kind as materialized (
  select * from json_to_recordset($1::json) as k(kind integer, queue_id bigint, type text, priority smallint,
    max_attempts smallint, batch_id uuid)
), ordered as (
  select i.*, k.queue_id, k.type, k.priority, k.max_attempts, k.batch_id
  from rows from (json_to_recordset($2::json) as (i uuid, k integer, c float8, r float8, e float8, p json, o json, u text))
    with ordinality as i(id, kind, created_at, run_at, expire_at, payload, options, unique_lock, n)
  join kind k on k.kind = i.kind order by i.n
), input as materialized (
  select *, case when coalesce(run_at <= created_at, true) then ${nextSeq} end as seq from ordered
)`;
}

function jobRows(more: string): string {
  return `select id, queue_id, type, priority, case when seq is null then 'scheduled' else 'available' end, max_attempts, seq,
    ${instant("created_at")}, ${instant("coalesce(run_at, created_at)")}, ${instant("expire_at")},
    coalesce(payload, 'null'::json), coalesce(options, '{}'::json), unique_lock, batch_id
  from input ${more}`;
}

const JOB_COLUMNS =
  "id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, expire_at, payload, " +
  "options, unique_lock, batch_id";

function dispatch(table: Names["table"], source: string, runAt: string): string {
  return `made_ready as (
  insert into ${table("ready")} (queue_id, rank, seq, job_id, type)
  select queue_id, -priority, seq, id, type from ${source} where seq is not null
), made_scheduled as (
  insert into ${table("scheduled")} (run_at, job_id) select ${runAt}, id from ${source} where seq is null
)`;
}

/** Removed queues are there again when jobs come into them: those named by a `queue_id` of a kind and of the `source`. */
function restore(table: Names["table"], source: string): string {
  return `restored as (
  update ${table("queue")} q set removed_at = null, created_at = (
    select ${instant("min(i.created_at)")} from input i where i.queue_id = q.id)
  where q.removed_at is not null and q.id in (select k.queue_id from kind k)
    and exists (select 1 from ${source} s where s.queue_id = q.id)
)`;
}

/**
 * Adds jobs with their dispatch rows; fails as a whole when anything is in the way of one of them. For the parameters see
 * {@linkcode insertValues}. Gives the lowest place in each lane.
 */
export function insertQuery({ table, nextSeq }: Names): Query {
  return {
    name: "jobd_insert",
    text: `${input(nextSeq)}, added as (
  insert into ${table("job")} (${JOB_COLUMNS}) ${jobRows("")}
), ${dispatch(table, "input", instant("run_at"))}, ${restore(table, "input")}
select queue_id, priority, min(seq) as seq from input where seq is not null group by queue_id, priority`,
  };
}

/**
 * The same, leaving out jobs that something is in the way of, which takes PostgreSQL a third longer. Rows are written in
 * the order of their unique locks, so that two batches with the same keys wait for each other instead of deadlocking.
 * Gives the jobs that were added.
 */
export function insertFreeQuery({ table, nextSeq }: Names): Query {
  return {
    name: "jobd_insert_free",
    text: `${input(nextSeq)}, added as (
  insert into ${table("job")} (${JOB_COLUMNS}) ${jobRows("order by unique_lock, n")}
  on conflict do nothing
  returning id, queue_id, priority, seq, type, run_at
), ${dispatch(table, "added", "run_at")}, ${restore(table, "added")}
select id, queue_id, priority, seq from added`,
  };
}

/** The jobs that may be in the way of some that could not be added. `$1`: their ids; `$2`: their unique locks. */
export function holdersQuery({ table }: Names): Query {
  const columns = "id, state, unique_lock, options ->> 'unique' as unique_options";
  return {
    name: "jobd_holders",
    text: `
select ${columns} from ${
      table("job")
    } where id = any(array(select value::uuid from json_array_elements_text($1::json)))
union
select ${columns} from ${
      table("job")
    } where unique_lock = any(array(select json_array_elements_text($2::json)))`,
  };
}

/**
 * Waits until no other transaction contests the same unique locks. `$1`: the locks. Few numbers stand for all locks, taken in
 * order: the server has room for a limited number of them.
 */
export function turnQuery({ lock }: Names): Query {
  return {
    name: "jobd_turn",
    text: `
with wanted as materialized (
  select distinct hashtextextended(value, 0) & 255 as number from json_array_elements_text($1::json) order by 1
)
select pg_advisory_xact_lock(${lock("unique")} + number) from wanted`,
  };
}

/** A job to be added, with what the database needs to know about it. */
export interface Insertion {
  job: NewJob;
  queueId: number;
  lock: string | null;
}

/** The parameters of {@linkcode insertQuery}. */
export function insertValues(insertions: Insertion[]): Value[] {
  const kinds = new Kinds();
  const rows = insertions.map(({ job, queueId, lock }) => {
    const { type, priority, maxAttempts, options: { batch: batch_id = null } } = job;
    return {
      i: job.id,
      k: kinds.of({ queue_id: queueId, priority, max_attempts: maxAttempts, batch_id, type }),
      c: job.createdAt,
      r: job.runAt === job.createdAt ? undefined : job.runAt,
      e: job.expireAt ?? undefined,
      p: job.payload,
      o: isEmpty(job.options) ? undefined : job.options,
      u: lock ?? undefined,
    };
  });
  return [kinds.text, JSON.stringify(rows)];
}

function isEmpty(options: object): boolean {
  for (const _ in options) return false;
  return true;
}

/** A job with its queue and its unique lock. */
export function insertion(job: NewJob, queueId: number): Insertion {
  return { job, queueId, lock: uniqueLock(job) };
}

/** A job that may be in the way. */
interface Holder {
  id: string;
  state: JobState;
  /** Whether it still has a right to its unique lock. */
  holds: boolean;
}

/** Jobs that may be in the way, by id and by unique lock. */
export class Holders {
  readonly #byKey = new Map<string, Holder>();

  constructor(rows: Record<string, unknown>[]) {
    for (const row of rows) {
      const state = row.state as JobState;
      const holder = { id: text(row.id), state, holds: holdsKey(state, uniquenessOf(row)) };
      this.#byKey.set(holder.id, holder);
      if (row.unique_lock !== null) this.#byKey.set(text(row.unique_lock), holder);
    }
  }

  /** The job that is in the way of this one; undefined when it went away meanwhile. */
  of({ job, lock }: Insertion): Holder | undefined {
    const same = this.#byKey.get(job.id);
    return same !== undefined ? { ...same, holds: true } : lock === null ? undefined : this.#byKey.get(lock);
  }
}
