import type { FailureRecord, Job, JobOptions } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { ClaimRequest } from "../driver.ts";
import { json, text, textOrNull } from "../sql/row.ts";
import type { Query, Value } from "./connections.ts";
import { instant, ms } from "./dialect.ts";
import type { Lane } from "./lanes.ts";
import type { Names } from "./names.ts";
import { type Place, place } from "./place.ts";
import type { QueueName } from "../driver.ts";

const COLUMNS = [
  "id",
  "queue_id",
  "type",
  "priority",
  "attempt",
  "failures",
  "releases",
  "max_attempts",
  `${ms("created_at")} as created_at`,
  `${ms("run_at")} as run_at`,
  `${ms("expire_at")} as expire_at`,
  `${ms("cancel_requested_at")} as cancel_requested_at`,
  "lease_id",
  "payload",
  "options",
  "progress",
  "result",
  "error",
  "seq",
];

/** Lanes of open queues. The shared lock lets a pause wait until no claim that knows nothing of it is under way. */
function openLanes({ table, lock }: Names, columns: string): string {
  return `barrier as materialized (
  select pg_advisory_xact_lock_shared(${lock("claims")})
), lane as materialized (
  select l.*
  from barrier
  cross join json_to_recordset($1::json) as l(${columns})
  where (select q.paused_at is null from ${table("queue")} q where q.id = l.queue_id)
  order by l.pos
)`;
}

/**
 * Takes what was picked. Rows of `ready` are locked while they are picked, so nothing else can move their jobs; they are
 * deleted by their address, jobs are found through an array, and queues one by one, so that no plan can come to read a
 * whole table.
 */
function start({ table }: Names, returning: string[]): string {
  return `taken as (
  delete from ${table("ready")} where ctid = any(array(select place from picked))
), opened as (
  insert into ${table("lease")} (worker, expires_at, jobs)
  select $3, ${instant("$4")}, array_agg(job_id order by pos, seq) from picked having count(*) > 0
  returning id
)
update ${table("job")} j set state = 'running', attempt = j.attempt + 1, started_at = ${
    instant("$5")
  }, worker = $3,
  lease_id = (select id from opened)
where j.id = any(array(select job_id from picked)) and j.state = 'available'
returning ${returning.join(", ")}`;
}

/** Some rows of a lane, in order; `$6`, if `typed`: the types wanted. */
function rowsOf(
  { table }: Names,
  { typed, columns, limit }: { typed: boolean; columns: string; limit: string },
): string {
  const filter = typed ? "and r.type = any(array(select json_array_elements_text($6::json)))" : "";
  return `select ${columns} from ${table("ready")} r
    where r.queue_id = lane.queue_id and r.rank = lane.rank and r.seq > lane.floor ${filter}
    order by r.seq limit ${limit}`;
}

const PICKED = "r.seq, r.job_id, r.ctid as place";

/**
 * Starts jobs from the first lanes that have some. `$1`: lanes in order, with the floor above which to look; `$2`: how
 * many; `$3`: worker; `$4`: end of the lease; `$5`: now; `$6`, if `typed`: the types wanted. Gives the started jobs, in any
 * order, each with the place that it had.
 */
export function claimQuery(names: Names, typed: boolean): Query {
  return {
    name: typed ? "jobd_claim_typed" : "jobd_claim",
    text: `
with ${
      openLanes(names, "pos integer, queue_id bigint, rank smallint, floor bigint")
    }, picked as materialized (
  select lane.pos, p.seq, p.job_id, p.place
  from lane cross join lateral (
    ${rowsOf(names, { typed, columns: PICKED, limit: "$2" })} for update skip locked
  ) p
  limit $2
), ${start(names, COLUMNS)}`,
  };
}

/**
 * {@linkcode claimQuery} where jobs of some lanes age: how many each lane gives is found out first, without a lock, by
 * merging the first jobs of all of them (`mergeLanes`; a job does not stand before the one before it in its lane). `$1`
 * says of each lane too in which tier it is and in how many milliseconds its jobs gain a priority. Gives besides, with each
 * job, the positions of lanes that had nothing.
 */
export function ageingClaimQuery(names: Names, typed: boolean): Query {
  const { table } = names;
  const columns = "pos integer, tier integer, queue_id bigint, rank smallint, floor bigint, step bigint";
  const gained = `(select floor(greatest($5::float8 - ${ms("j.run_at")}, 0) / lane.step)::bigint
        from ${table("job")} j where j.id = r.job_id)`;
  const standing = `r.seq, lane.rank - case when lane.step is null then 0 else ${gained} end as rank`;
  return {
    name: typed ? "jobd_claim_ageing_typed" : "jobd_claim_ageing",
    text: `
with ${openLanes(names, columns)}, head as materialized (
  select lane.pos, lane.tier, h.seq, max(array[h.rank, h.seq]) over (partition by lane.pos order by h.seq) as standing
  from lane cross join lateral (
    ${rowsOf(names, { typed, columns: standing, limit: "$2" })}
  ) h
), share as materialized (
  select pos, count(*) as jobs
  from (select pos from head order by tier, standing, pos, seq limit $2) first group by pos
), picked as materialized (
  select lane.pos, p.seq, p.job_id, p.place
  from lane join share on share.pos = lane.pos cross join lateral (
    ${rowsOf(names, { typed, columns: PICKED, limit: "share.jobs" })} for update skip locked
  ) p
), ${
      start(names, [
        ...COLUMNS,
        "(select json_agg(pos) from lane where not exists (select 1 from head where head.pos = lane.pos)) as dry",
      ])
    }`,
  };
}

/** Which lanes come before others, and in how many milliseconds their jobs gain a priority. */
export type LaneTerms = (lane: Lane) => { tier: number; step: number | null };

/** The parameters of {@linkcode claimQuery}, or with terms of {@linkcode ageingClaimQuery}. */
export function claimValues(request: ClaimRequest, lanes: Lane[], terms?: LaneTerms): Value[] {
  const rows = lanes.map((lane, pos) => ({
    pos,
    queue_id: lane.queueId,
    rank: lane.rank,
    floor: lane.claimed,
    ...terms?.(lane),
  }));
  const values = [JSON.stringify(rows), request.limit, request.worker, request.expiresAt, request.now];
  return request.types === "all" ? values : [...values, JSON.stringify(request.types)];
}

/** The place that a row of {@linkcode claimQuery} had. */
export function readPlace(row: unknown[]): Place {
  return place([row[1] as number, row[3] as number, row[18] as number]);
}

/** The positions of lanes that had nothing, by rows of {@linkcode ageingClaimQuery}. */
export function readDry(rows: unknown[][]): number[] {
  return (json(rows[0]?.[19] ?? null) ?? []) as number[];
}

/** Reads one row of {@linkcode claimQuery}. */
export function readStarted(
  row: unknown[],
  request: ClaimRequest,
  nameOf: (queueId: number) => QueueName | undefined,
): Job {
  return {
    id: row[0] as string,
    namespace: request.namespace,
    queue: nameOf(row[1] as number)?.name ?? "",
    type: text(row[2]),
    priority: row[3] as number,
    state: "running",
    payload: json(row[13]),
    attempt: row[4] as number,
    failures: row[5] as number,
    releases: row[6] as number,
    maxAttempts: row[7] as number,
    createdAt: row[8] as number,
    runAt: row[9] as number,
    startedAt: request.now,
    finishedAt: null,
    expireAt: row[10] as number | null,
    cancelRequestedAt: row[11] as number | null,
    worker: request.worker,
    leaseId: textOrNull(row[12]),
    waitingFor: null,
    gathering: false,
    options: json(row[14]) as JobOptions,
    progress: json(row[15]),
    result: json(row[16]) as Json,
    error: json(row[17]) as FailureRecord | null,
  };
}
