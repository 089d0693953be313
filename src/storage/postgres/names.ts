import { invalid } from "../../domain/errors.ts";

/** The names of a schema's objects, ready for SQL. */
export interface Names {
  /** The schema's own name. */
  schema: string;
  /** A table or sequence, qualified and quoted. */
  table(name: string): string;
  /** Takes the next place in `ready`. The transaction has its number before the place, see floor.ts. */
  nextSeq: string;
  /**
   * The highest place given so far. Not `last_value` by a SELECT from the sequence: that reads without a lock, and while
   * another session makes room for its next 32 values in the write-ahead log it shows the last of those.
   */
  lastSeq: string;
  /** The key of an advisory lock of this schema: an SQL expression. */
  lock(name: string): string;
  /** The NOTIFY channel. */
  channel: string;
}

/**
 * @throws {JobdError} `invalid_config` for a name outside `[a-z_][a-z0-9_]{0,40}`.
 */
export function schemaNames(schema: string): Names {
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) {
    throw invalid(
      "schema name",
      schema,
      "1 to 41 lower-case letters, digits or _ that begin with a letter or _",
    );
  }
  return {
    schema,
    table: (name) => `"${schema}".${name}`,
    nextSeq: `case when pg_current_xact_id() is not null then nextval('"${schema}".ready_seq') end`,
    lastSeq: `coalesce(pg_sequence_last_value('"${schema}".ready_seq'), 0)`,
    lock: (name) => `hashtextextended('jobd:${schema}:${name}', 0)`,
    channel: `jobd_${schema}`,
  };
}
