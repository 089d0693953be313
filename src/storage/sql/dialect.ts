import type { Script } from "./script.ts";

/** Column types of JSON rows; see {@linkcode Dialect.rows}. */
export type ColumnType = "uuid" | "text" | "integer" | "bigint" | "instant" | "json";

/** The few places where the SQL of the two backends differs, so that the rest can be the same text. */
export interface Dialect {
  /** The table's name, with the schema where there is one. */
  table(name: string): string;
  /** Reads a column that holds an instant as epoch milliseconds. */
  ms(column: string): string;
  /** Turns an expression that holds epoch milliseconds (or null) into a stored instant. */
  instant(expression: string): string;
  /**
   * A FROM item named `alias` with one row for each object in the JSON array that the parameter holds. Columns of type
   * `instant` arrive as epoch milliseconds and are stored instants here; those of type `json` arrive as JSON inside the
   * object and are stored JSON here (a JSON null is a missing value).
   */
  rows(param: string, alias: string, columns: Record<string, ColumnType>): string;
  /** A FROM item named `alias` with one column `value` for each text in the JSON array that the parameter holds. */
  values(param: string, alias: string, type: "uuid" | "text" | "bigint"): string;
  /**
   * `expression` (a JSON column, an id) as text: JSON as it was stored. `lower` and `like` on it know no letters but
   * ASCII ones, so that both backends find the same (PostgreSQL: `collate "C"`).
   */
  text(expression: string): string;
  /** Makes an id parameter comparable with the job's id. */
  uuid(param: string): string;
  /** A scalar of JSON text inside a JSON column, by key, as text. */
  jsonText(column: string, key: string): string;
  /** What is under a key of a JSON column, as JSON text; null when there is nothing. */
  jsonPart(column: string, key: string): string;
  /** True when there is something at a path of keys inside a JSON column. */
  jsonHas(column: string, ...path: string[]): string;
  /** True when the JSON list under a key of a column contains the text in the parameter. */
  jsonListHas(column: string, key: string, param: string): string;
  /** A FROM item named `alias` with one column `value`: the ids of the jobs that the lease row named `lease` lists. */
  leaseJobs(lease: string, alias: string): string;
  /** The end of a SELECT that locks the rows of `alias` until the transaction ends; empty where it has them to itself. */
  lock(alias: string): string;
  /** {@linkcode Dialect.lock} of those rows only that nobody else has locked. */
  lockFree(alias: string): string;
  /**
   * A condition of a DELETE: the row is where one of the places is that a query gives, which begins with
   * `select <place>`. For tables without a key.
   */
  isPlaceIn(query: (place: string) => string): string;
  /** Opens a lease over jobs and gives its id. */
  openLease(lease: { worker: string; expiresAt: number; jobs: string[] }): Script<string>;
  /** Adds jobs to those of a lease; one that was in it before, and has come back, is there once. */
  growLease(leaseId: string, jobs: string[]): Script<void>;
  /** Waits until nobody else decides about these gates; until the transaction ends nobody else does. */
  lockGates(scopes: string[]): Script<void>;
  /**
   * Until the transaction ends limits are not changed by others (`"read"`), or are not even read for a decision
   * (`"change"`).
   */
  lockLimits(to: "read" | "change"): Script<void>;
  /**
   * Until the transaction ends, rows in an order come from an index in that order. A planner that takes a table for a small
   * one would rather sort all of it.
   */
  preferOrder(): Script<void>;
  /** What is added to a FROM so that statements with the same name write one after the other; empty where they do anyway. */
  turns(name: string): string;
  /** Takes that many new places in `ready`, in growing order. */
  seqs(count: number): Script<number[]>;
}

/** The end of a condition: the column is one of the values in the JSON array that the parameter holds. */
export function among(d: Dialect, param: string, type: "uuid" | "text" | "bigint"): string {
  return `in (select value from ${d.values(param, "v", type)})`;
}
