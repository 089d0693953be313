import type { Dialect } from "../sql/dialect.ts";
import { int, text } from "../sql/row.ts";
import { run } from "../sql/script.ts";

/** The SQL of SQLite where it differs from PostgreSQL's. Ids and JSON are text, instants are integers. */
export const sqliteDialect: Dialect = {
  table: (name) => name,
  ms: (column) => column,
  instant: (expression) => expression,
  rows(param, alias, columns) {
    const read = Object.entries(columns).map(([name, type]) =>
      type === "json" ? `nullif(value -> '$.${name}', 'null') as ${name}` : `value ->> '$.${name}' as ${name}`
    );
    return `(select ${read.join(", ")} from json_each(${param})) ${alias}`;
  },
  values(param, alias, type) {
    const value = type === "bigint" ? "cast(value as integer)" : "value";
    return `(select ${value} as value from json_each(${param})) ${alias}`;
  },
  text: (expression) => `(${expression})`,
  uuid: (param) => param,
  jsonText: (column, key) => `(${column} ->> '$.${key}')`,
  jsonPart: (column, key) => `(${column} -> '$.${key}')`,
  jsonHas: (column, ...path) => `(${column} -> '$.${path.join(".")}') is not null`,
  jsonListHas: (column, key, param) =>
    `exists (select 1 from json_each(${column}, '$.${key}') item where item.value = ${param})`,
  leaseJobs: (lease, alias) => `json_each(${lease}.jobs) ${alias}`,
  lock: () => "",
  lockFree: () => "",
  isPlaceIn: (query) => `rowid in (${query("rowid")})`,
  *openLease({ worker, expiresAt, jobs }) {
    const [row] = yield* run(TAKE_LEASE);
    yield* run("insert into lease (id, worker, expires_at, jobs) values ($1, $2, $3, $4)", [
      int(row?.value),
      worker,
      expiresAt,
      JSON.stringify(jobs),
    ]);
    return text(row?.value);
  },
  *growLease(leaseId, jobs) {
    yield* run(
      "update lease set jobs = (select json_group_array(value) from (" +
        "select value from json_each(lease.jobs) union all select value from json_each($2) " +
        "where value not in (select value from json_each(lease.jobs)))) where id = $1",
      [Number(leaseId), JSON.stringify(jobs)],
    );
  },
  // A transaction has the store to itself.
  *lockGates() {},
  *lockLimits() {},
  // Its planner does so anyway.
  *preferOrder() {},
  turns: () => "",
  *seqs(count) {
    const [row] = yield* run(TAKE_SEQS, [count]);
    const last = int(row?.value);
    return Array.from({ length: count }, (_, index) => last - count + 1 + index);
  },
};

/** Takes the next `$1` places in `ready`; gives the last of them. */
export const TAKE_SEQS = "update counter set value = value + $1 where name = 'ready_seq' returning value";

/** Takes the id of the next lease. */
export const TAKE_LEASE = "update counter set value = value + 1 where name = 'lease_id' returning value";
