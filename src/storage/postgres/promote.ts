import type { Query } from "./connections.ts";
import { instant, ms } from "./dialect.ts";
import type { Names } from "./names.ts";

/**
 * Makes due jobs available, soonest first. `$1`: now; `$2`: how many. While another session does the same, nothing is
 * done here. Gives one row for each job made available, then one without a seq that says when the next job is due.
 */
export function promoteQuery({ table, lock, nextSeq }: Names): Query {
  return {
    name: "jobd_promote",
    text: `
with turn as materialized (
  select pg_try_advisory_xact_lock(${lock("promote")}) as mine
), due as materialized (
  select s.run_at, s.job_id, s.place from turn cross join lateral (
    select run_at, job_id, ctid as place from ${table("scheduled")}
    where run_at <= ${instant("$1")} order by run_at, job_id limit $2 for update skip locked
  ) s
  where turn.mine
), numbered as materialized (
  select d.job_id, ${nextSeq} as seq from due d
), gone as (
  delete from ${table("scheduled")} where ctid = any(array(select place from due))
), moved as (
  update ${table("job")} j set state = 'available', seq = n.seq
  from numbered n
  where j.id = any(array(select job_id from due)) and j.id = n.job_id and j.state = 'scheduled'
  returning j.id, j.queue_id, j.priority, j.type, j.seq
), made_ready as (
  insert into ${
      table("ready")
    } (queue_id, rank, seq, job_id, type) select queue_id, -priority, seq, id, type from moved
), last as (
  select run_at, job_id from due order by run_at desc, job_id desc limit 1
)
select queue_id, priority, seq, null::float8 as next_due_at from moved
union all
select null, null, null, ${ms("s.run_at")} from (
  select run_at from ${table("scheduled")}
  where (run_at, job_id) > (
    coalesce((select run_at from last), '-infinity'),
    coalesce((select job_id from last), '00000000-0000-0000-0000-000000000000')
  )
  order by run_at, job_id limit 1
) s`,
  };
}
