import { JobdError } from "../../domain/errors.ts";
import type { MigrateOptions, MigrationInfo, MigrationStatus } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** One migration of this program, with its SQL. */
export type Migration = Required<MigrationInfo>;

/** A migration, for people: `0001 jobs`. */
export function migrationLabel({ number, name }: MigrationInfo): string {
  return `${String(number).padStart(4, "0")} ${name}`;
}

/** The DDL of the table that records migrations; `instant` is the column type of instants. */
export function migrationTable(d: Dialect, instant: string): string {
  return `create table if not exists ${d.table("migration")} ` +
    `(number integer primary key, name text not null, applied_at ${instant} not null)`;
}

/** The migrations that the store has, by number. The table must exist. */
export function* readApplied(d: Dialect): Script<MigrationInfo[]> {
  const rows = yield* run(`select number, name from ${d.table("migration")} order by number`);
  return rows.map((row) => ({ number: int(row.number), name: text(row.name) }));
}

/**
 * Records a migration before its SQL runs, in the same transaction; false when the store has it already, and then its
 * SQL must not run.
 */
export function* recordMigration(d: Dialect, migration: Migration, now: number): Script<boolean> {
  const rows = yield* run(
    `insert into ${d.table("migration")} (number, name, applied_at) values ($1, $2, ${d.instant("$3")}) ` +
      "on conflict (number) do nothing returning number",
    [migration.number, migration.name, now],
  );
  return rows.length > 0;
}

/**
 * What is there and what is to be done.
 *
 * @throws {JobdError} `schema_newer` when the store has migrations that this program does not know; `invalid_request`
 * when `to` is not one of them.
 */
export function planMigrations(
  known: readonly Migration[],
  applied: MigrationInfo[],
  options: MigrateOptions = {},
): MigrationStatus & { pending: Migration[] } {
  refuseNewer(known, applied);
  const { to } = options;
  if (to !== undefined && !known.some(({ number }) => number === to)) {
    throw new JobdError("invalid_request", `Invalid migration: ${to} is not one of 1 to ${known.length}`);
  }
  const done = new Set(applied.map(({ number }) => number));
  const pending = known.filter(({ number }) => !done.has(number) && (to === undefined || number <= to));
  return { applied, pending };
}

/**
 * Checks that the schema is the one of this program. `applied` is null when the store has no migration table.
 *
 * @throws {JobdError} `schema_missing`, `schema_newer`
 */
export function checkSchema(
  known: readonly Migration[],
  applied: MigrationInfo[] | null,
  location: string,
): void {
  refuseNewer(known, applied ?? []);
  const missing = known.length - (applied?.length ?? 0);
  if (missing <= 0) return;
  const what = applied === null || applied.length === 0
    ? "has no jobd tables"
    : `lacks ${missing} migration${missing === 1 ? "" : "s"}`;
  throw new JobdError("schema_missing", `The store ${location} ${what}`, {
    hint: 'Run "jobd migrate" on it first.',
  });
}

function refuseNewer(known: readonly Migration[], applied: MigrationInfo[]): void {
  const newest = known.at(-1)?.number ?? 0;
  const newer = applied.filter(({ number }) => number > newest);
  if (newer.length === 0) return;
  const found = newer.at(-1)?.number;
  throw new JobdError(
    "schema_newer",
    `The store was made by a newer jobd: its schema is at ${found}, this program knows ${newest}`,
    { hint: "Use the newer jobd, or a store of this version." },
  );
}
