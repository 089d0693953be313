import { int } from "../sql/row.ts";
import type { Row } from "../sql/script.ts";

/** A row of `ready`: where to look for it. */
export interface Place {
  /** The queue. */
  queueId: number;
  /** The negative priority. */
  rank: number;
  /** Its number in the order of arrival. */
  seq: number;
}

/** Reads the places from rows with the columns queue_id, priority and seq; those without a seq are left out. */
export function places(rows: Row[]): Place[] {
  return rows.filter((row) => row.seq !== null).map((row) => ({
    queueId: int(row.queue_id),
    rank: -int(row.priority),
    seq: int(row.seq),
  }));
}

/** The place that a row describes: queue, priority and number. */
export function place([queueId, priority, seq]: [number, number, number]): Place {
  return { queueId, rank: -priority, seq };
}
