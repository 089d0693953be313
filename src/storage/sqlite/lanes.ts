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
  /** Its name in memory. */
  key: string;
}

/**
 * Jumps from lane to lane through the primary key of `ready`, so its cost depends on the number of lanes, not of jobs.
 * Queue and rank travel as one number, because a scalar subquery gives one. Ranks are within two bytes.
 */
function jump(after: string, within = ""): string {
  // Behind the last place of the lane: a comparison of queue and rank alone would pass all jobs of the lane.
  return `(select queue_id * 65536 + rank + 32768 from ready ` +
    `where (queue_id, rank, seq) > (${after}, ${Number.MAX_SAFE_INTEGER}) ${within} ` +
    "order by queue_id, rank, seq limit 1)";
}

/** Queue and rank of the lane that `l.at` names. */
const QUEUE = "l.at / 65536";
const RANK = "l.at % 65536 - 32768";
const LANE = `${QUEUE} as queue_id, ${RANK} as rank, ${edge("asc")} as first, ${edge("desc")} as last`;

function edge(order: "asc" | "desc"): string {
  return `(select seq from ready where queue_id = ${QUEUE} and rank = ${RANK} order by seq ${order} limit 1)`;
}

const ALL_LANES = `with recursive l(at) as (select ${jump("-1, 0")} ` +
  `union all select ${jump(`${QUEUE}, ${RANK}`)} from l where l.at is not null) ` +
  `select ${LANE} from l join queue q on q.id = ${QUEUE} where q.namespace = $1 and q.paused_at is null`;

const WITHIN = "and queue_id = $1";
const QUEUE_LANES = `with recursive l(at) as (select ${jump("$1, -32768", WITHIN)} ` +
  `union all select ${jump(`$1, ${RANK}`, WITHIN)} from l where l.at is not null) ` +
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
  const queueId = int(row.queue_id);
  const rank = int(row.rank);
  return { queueId, rank, first: int(row.first), last: int(row.last), key: `${queueId} ${rank}` };
}
