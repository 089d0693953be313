import { intOrNull, json } from "../sql/row.ts";
import type { Query, Value } from "./connections.ts";
import { ms } from "./dialect.ts";
import type { Gap, Lane } from "./lanes.ts";
import type { Names } from "./names.ts";

/** Unknown lanes that one look finds at most. */
export const FOUND_MAX = 1000;

/**
 * Looks at `ready` without locking anything. `$1`: known lanes with their clean floors; `$2`: the gaps between them;
 * `$3`, if `typed`: the types wanted. Gives one row: a mark and the state of the snapshot for {@linkcode DecidedSeq},
 * when the next scheduled job is due, the lowest row of each known lane, and the lanes found in the gaps, each with its
 * lowest row. The walk through the gaps
 * jumps from lane to lane, and known lanes are left out of it because dead entries at their head would have to be walked.
 */
export function lookQuery({ table, lastSeq }: Names, typed: boolean): Query {
  const filter = typed ? "and r.type = any(array(select json_array_elements_text($3::json)))" : "";
  const next = (after: string, before: string): string => `
    select r.queue_id, r.rank, r.seq from ${table("ready")} r
    where (r.queue_id, r.rank) > (${after}) and (r.queue_id, r.rank) < (${before})
    order by r.queue_id, r.rank, r.seq limit 1`;
  return {
    name: typed ? "jobd_look_typed" : "jobd_look",
    text: `
with recursive mark as materialized (
  select ${lastSeq} as seq
), known as materialized (
  select l.pos, (
    select r.seq from ${table("ready")} r
    where r.queue_id = l.queue_id and r.rank = l.rank and r.seq > l.floor ${filter}
    order by r.seq limit 1
  ) as seq
  from json_to_recordset($1::json) as l(pos integer, queue_id bigint, rank smallint, floor bigint)
), gap as materialized (
  select * from json_to_recordset($2::json) as g(q1 bigint, r1 smallint, q2 bigint, r2 smallint)
), found as (
  select n.queue_id, n.rank, n.seq, g.q2, g.r2 from gap g cross join lateral (${
      next("g.q1, g.r1", "g.q2, g.r2")
    }) n
  union all
  select n.queue_id, n.rank, n.seq, f.q2, f.r2 from found f
  cross join lateral (${next("f.queue_id, f.rank", "f.q2, f.r2")}) n
)
select mark.seq, (select ${ms("run_at")} from ${table("scheduled")} order by run_at limit 1) as next_due_at,
  case when mark.seq >= 0 then pg_current_xact_id() end::text as xid,
  pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
  (select json_agg(json_build_array(pos, seq)) from known) as known,
  (select json_agg(json_build_array(queue_id, rank, seq)) from (
    select queue_id, rank, seq from found limit ${FOUND_MAX}
  ) first) as found
from mark`,
  };
}

/** The parameters of {@linkcode lookQuery}. */
export function lookValues(lanes: Lane[], gaps: Gap[], types: string[] | "all"): Value[] {
  const known = lanes.map((lane, pos) => ({
    pos,
    queue_id: lane.queueId,
    rank: lane.rank,
    floor: lane.clean,
  }));
  const between = gaps.map(({ after, before }) => ({
    q1: after.queueId,
    r1: after.rank,
    q2: before.queueId,
    r2: before.rank,
  }));
  const values = [JSON.stringify(known), JSON.stringify(between)];
  return types === "all" ? values : [...values, JSON.stringify(types)];
}

/** What a look saw. */
export interface Sight {
  /** When the next scheduled job is due; null when there is none. */
  nextDueAt: number | null;
  /** The highest place given before the look. */
  top: number;
  /** The look's transaction. */
  xid: bigint;
  /** All transactions below it have ended, and their rows are seen. */
  xmin: bigint;
  /** The lowest row of each known lane, by position. */
  known: [pos: number, seq: number | null][];
  /** Unknown lanes. */
  found: [queueId: number, rank: number, seq: number][];
}

/** Reads the row of {@linkcode lookQuery}. */
export function readSight(row: Record<string, unknown> | undefined): Sight {
  return {
    nextDueAt: intOrNull(row?.next_due_at),
    top: Number(row?.seq ?? 0),
    xid: BigInt(String(row?.xid ?? 0)),
    xmin: BigInt(String(row?.xmin ?? 0)),
    known: (json(row?.known) ?? []) as Sight["known"],
    found: (json(row?.found) ?? []) as Sight["found"],
  };
}
