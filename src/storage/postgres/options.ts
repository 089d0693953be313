import type { System } from "../../domain/clock.ts";

/** Options of {@linkcode openPostgres}. */
export interface PostgresOptions extends Partial<System> {
  /** A direct connection for LISTEN and session locks when the main one is a pooler. @default the store's URL */
  listenUrl?: string;
  /** Whether statements are prepared; false behind a pooler in transaction mode. @default true */
  preparedStatements?: boolean;
  /** Whether others are told what happened here; the probes of a listener stay. @default true */
  notify?: boolean;
  /** The schema that holds the tables: up to 41 of `a-z 0-9 _`. @default "jobd" */
  schema?: string;
  /** Connections at most, besides the one that listens and the one that renews leases. @default 4 */
  poolSize?: number;
  /** A connection that does not answer for so long is given up, in milliseconds. @default 30000 */
  deadlineMs?: number;
}
