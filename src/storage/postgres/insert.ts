import type { NewJob } from "../../domain/job.ts";
import { uniqueLock } from "../../domain/request.ts";
import type { JobState } from "../../domain/states.ts";
import { text } from "../sql/row.ts";
import type { Query } from "./connections.ts";
import { instant } from "./dialect.ts";
import type { Names } from "./names.ts";

/**
 * Adds jobs with their dispatch rows. Places in `ready` are given in the order of the jobs; rows are written in the
 * order of their unique locks, so that two batches with the same keys wait for each other instead of deadlocking.
 * `$1`: see {@linkcode insertRows}. Gives the jobs that were added.
 */
export function insertQuery({ table, nextSeq }: Names): Query {
  return {
    name: "jobd_insert",
    text: `
with input as materialized (
  select i.*, case when i.run_at <= i.created_at then ${nextSeq} end as seq
  from json_to_recordset($1::json) as i(n integer, id uuid, queue_id bigint, type text, priority smallint,
    max_attempts smallint, created_at float8, run_at float8, expire_at float8, payload json, options json, unique_lock text)
), added as (
  insert into ${
      table("job")
    } (id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, expire_at,
    payload, options, unique_lock)
  select id, queue_id, type, priority, case when seq is null then 'scheduled' else 'available' end, max_attempts, seq,
    ${instant("created_at")}, ${instant("run_at")}, ${
      instant("expire_at")
    }, coalesce(payload, 'null'::json), options,
    unique_lock
  from input order by unique_lock, n
  on conflict do nothing
  returning id, queue_id, priority, seq, type, run_at
), made_ready as (
  insert into ${table("ready")} (queue_id, rank, seq, job_id, type)
  select queue_id, -priority, seq, id, type from added where seq is not null
), made_scheduled as (
  insert into ${table("scheduled")} (run_at, job_id) select run_at, id from added where seq is null
)
select id, queue_id, priority, seq from added`,
  };
}

/** The jobs that are in the way of some that could not be added. `$1`: their ids; `$2`: their unique locks. */
export function holdersQuery({ table }: Names): Query {
  const columns = "id, state, unique_lock";
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

/** A job to be added, with what the database needs to know about it. */
export interface Insertion {
  job: NewJob;
  queueId: number;
  lock: string | null;
}

/** The parameter of {@linkcode insertQuery}. */
export function insertRows(insertions: Insertion[]): string {
  return JSON.stringify(insertions.map(({ job, queueId, lock }, n) => ({
    n,
    id: job.id,
    queue_id: queueId,
    type: job.type,
    priority: job.priority,
    max_attempts: job.maxAttempts,
    created_at: job.createdAt,
    run_at: job.runAt,
    expire_at: job.expireAt,
    payload: job.payload,
    options: job.options,
    unique_lock: lock,
  })));
}

/** A job with its queue and its unique lock. */
export function insertion(job: NewJob, queueId: number): Insertion {
  return { job, queueId, lock: uniqueLock(job) };
}

/** Jobs that are in the way, by id and by unique lock. */
export class Holders {
  readonly #byKey = new Map<string, { id: string; state: JobState }>();

  constructor(rows: Record<string, unknown>[]) {
    for (const row of rows) {
      const holder = { id: text(row.id), state: row.state as JobState };
      this.#byKey.set(holder.id, holder);
      if (row.unique_lock !== null) this.#byKey.set(text(row.unique_lock), holder);
    }
  }

  /** The job that is in the way of this one; undefined when it went away meanwhile. */
  of({ job, lock }: Insertion): { id: string; state: JobState } | undefined {
    return this.#byKey.get(job.id) ?? (lock === null ? undefined : this.#byKey.get(lock));
  }
}
