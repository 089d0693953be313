import type { NewStat, StatFold, StatRow } from "../domain/stat.ts";

/** What is stored of how many runs ended when, how long they had waited and how long they took. */
export interface StatStore {
  /** Adds to the statistics. */
  addStats(rows: NewStat[]): Promise<void>;
  /** Statistics whose time overlaps that of the query, added up, oldest first; all of one moment of the store. */
  stats(query: StatQuery): Promise<StatRow[]>;
  /**
   * Puts up to `limit` of the oldest rows together, or removes them; gives how many it took. What it takes is counted once
   * at every moment, for every reader, whoever does the same meanwhile and wherever it is cut off: rows that another call
   * has in its hands are passed over.
   */
  foldStats(fold: StatFold, limit: number): Promise<number>;
}

/** Which statistics. */
export interface StatQuery {
  /** The tenant. */
  namespace: string;
  /** From this instant on. */
  from: number;
  /** Up to this instant, without it. */
  to: number;
  /** Only of this queue. */
  queue?: string;
  /** Only of this type. */
  type?: string;
}
