import type { ColumnType, Dialect } from "../sql/dialect.ts";
import { int, text } from "../sql/row.ts";
import { run } from "../sql/script.ts";
import type { Names } from "./names.ts";

const TYPES: Record<ColumnType, string> = {
  uuid: "uuid",
  text: "text",
  integer: "integer",
  bigint: "bigint",
  instant: "float8",
  json: "json",
};

/** Epoch milliseconds of a column. Doubles hold them with a margin of thousands, so rounding gives the exact value. */
export function ms(column: string): string {
  return `round(date_part('epoch', ${column}) * 1000)`;
}

/** A stored instant from an expression with epoch milliseconds. */
export function instant(expression: string): string {
  return `to_timestamp(${expression}::float8 / 1000)`;
}

/** The SQL of PostgreSQL where it differs from SQLite's. */
export function postgresDialect(names: Names): Dialect {
  return {
    table: names.table,
    ms,
    instant,
    rows(param, alias, columns) {
      const list = Object.entries(columns);
      const read = list.map(([name, type]) => {
        if (type === "instant") return `${instant(name)} as ${name}`;
        return type === "json"
          ? `case when json_typeof(${name}) <> 'null' then ${name} end as ${name}`
          : name;
      });
      const shape = list.map(([name, type]) => `${name} ${TYPES[type]}`);
      return `(select ${read.join(", ")} from json_to_recordset(${param}::json) as r(${
        shape.join(", ")
      })) ${alias}`;
    },
    values: (param, alias, type) =>
      `(select value::${type} as value from json_array_elements_text(${param}::json) as r(value)) ${alias}`,
    text: (expression) => `((${expression})::text collate "C")`,
    uuid: (param) => `${param}::uuid`,
    jsonText: (column, key) => `(${column} ->> '${key}')`,
    jsonPart: (column, key) => `((${column} -> '${key}')::text)`,
    jsonHas: (column, ...path) => `(${[column, ...path.map((key) => `'${key}'`)].join(" -> ")}) is not null`,
    jsonListHas: (column, key, param) =>
      `coalesce(jsonb_exists((${column} -> '${key}')::jsonb, ${param}::text), false)`,
    leaseJobs: (lease, alias) => `unnest(${lease}.jobs) as ${alias}(value)`,
    lock: (alias) => `for update of ${alias}`,
    lockFree: (alias) => `for update of ${alias} skip locked`,
    // As an array the places are looked up one by one; as a set they would be joined with the whole table.
    isPlaceIn: (query) => `ctid = any (array(${query("ctid")}))`,
    *openLease({ worker, expiresAt, jobs }) {
      const [row] = yield* run(
        `insert into ${names.table("lease")} (worker, expires_at, jobs) values ($1, ${instant("$2")}, ` +
          "array(select value::uuid from json_array_elements_text($3::json))) returning id",
        [worker, expiresAt, JSON.stringify(jobs)],
      );
      return text(row?.id);
    },
    *growLease(leaseId, jobs) {
      yield* run(
        `update ${names.table("lease")} set jobs = jobs || ` +
          "array(select value::uuid from json_array_elements_text($2::json) where value::uuid <> all (jobs)) where id = $1::bigint",
        [leaseId, JSON.stringify(jobs)],
      );
    },
    *lockGates(scopes) {
      // In one order, so that nobody waits for somebody who waits for him.
      yield* run(
        "select pg_advisory_xact_lock(key) from (select distinct " +
          `hashtextextended('jobd:${names.schema}:gate:' || value, 0) as key ` +
          "from json_array_elements_text($1::json) order by key offset 0) keys",
        [JSON.stringify(scopes)],
      );
    },
    *lockLimits(to) {
      const lock = to === "read" ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock";
      yield* run(`select ${lock}(${names.lock("limits")})`);
    },
    *preferOrder() {
      yield* run("set local enable_sort = off");
    },
    turns: (name) => `cross join (select pg_advisory_xact_lock(${names.lock(name)}) offset 0) turn`,
    *seqs(count) {
      const rows = yield* run(`select ${names.nextSeq} as seq from generate_series(1, $1::integer)`, [count]);
      return rows.map((row) => int(row.seq));
    },
  };
}
