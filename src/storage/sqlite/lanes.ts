import { int } from "../sql/row.ts";
import type { Row } from "../sql/script.ts";
import type { Connection } from "./connection.ts";

/** The available jobs of one queue with one priority. */
export interface Lane {
  /** The queue. */
  queueId: number;
  /** The negative priority. */
  rank: number;
  /** No job of the lane is before this place. */
  first: number;
  /** The last place that was seen taken. */
  last: number;
}

/**
 * Jumps from lane to lane through the primary key of `ready`, so its cost depends on the number of lanes, not of jobs.
 * Queue and rank travel as one number, because a scalar subquery gives one. Ranks are within two bytes.
 */
function jump(after: string, within = ""): string {
  return `(select queue_id * 65536 + rank + 32768 from ready where (queue_id, rank) > ${after} ${within} ` +
    "order by queue_id, rank limit 1)";
}

/** Columns of a lane that `l.at` names. */
const LANE = "l.at / 65536 as queue_id, l.at % 65536 - 32768 as rank, " +
  ["min", "max"].map((edge) =>
    `(select ${edge}(seq) from ready r where r.queue_id = l.at / 65536 and r.rank = l.at % 65536 - 32768) as ${edge}_seq`
  ).join(", ");

const ALL_LANES = `with recursive l(at) as (select ${jump("(-1, 0)")} ` +
  `union all select ${jump("(l.at / 65536, l.at % 65536 - 32768)")} from l where l.at is not null) ` +
  `select ${LANE} from l join queue q on q.id = l.at / 65536 ` +
  "where q.namespace = $1 and q.paused_at is null";

const QUEUE_LANES = `with recursive l(at) as (select ${jump("($1, -32768)", "and queue_id = $1")} ` +
  `union all select ${jump("($1, l.at % 65536 - 32768)", "and queue_id = $1")} from l where l.at is not null) ` +
  `select ${LANE} from l where l.at is not null`;

/** The lanes of all open queues of a namespace that hold jobs. */
export function lanesOfNamespace(c: Connection, namespace: string): Lane[] {
  return c.all(ALL_LANES, namespace).map(toLane);
}

/** The lanes of one queue that hold jobs, highest priority first. */
export function lanesOfQueue(c: Connection, queueId: number): Lane[] {
  return c.all(QUEUE_LANES, queueId).map(toLane).sort((a, b) => a.rank - b.rank);
}

function toLane(row: Row): Lane {
  return { queueId: int(row.queue_id), rank: int(row.rank), first: int(row.min_seq), last: int(row.max_seq) };
}
