import { invalid } from "../../domain/errors.ts";

/** The names of a schema's objects, ready for SQL. */
export interface Names {
  /** The schema's own name. */
  schema: string;
  /** A table or sequence, qualified and quoted. */
  table(name: string): string;
  /** Takes the next place in `ready`. The transaction has its number before the place, see floor.ts. */
  nextSeq: string;
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
    lock: (name) => `hashtextextended('jobd:${schema}:${name}', 0)`,
    channel: `jobd_${schema}`,
  };
}
