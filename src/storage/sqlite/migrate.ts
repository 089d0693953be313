import type { MigrateOptions, MigrationInfo, MigrationStatus } from "../driver.ts";
import {
  type Migration,
  migrationLabel,
  migrationTable,
  planMigrations,
  readApplied,
  recordMigration,
} from "../sql/migrations.ts";
import type { Connection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";

/** Options of {@linkcode migrate}. */
export interface SqliteMigrateOptions extends MigrateOptions {
  /** The schema's history. */
  known: readonly Migration[];
  /** The time that is recorded. */
  now: number;
}

/** The migrations that the store has; null when it has no table of them. */
export function appliedMigrations(connection: Connection): MigrationInfo[] | null {
  const table = connection.get("select 1 from sqlite_schema where type = 'table' and name = 'migration'");
  return table === undefined ? null : connection.drive(readApplied(sqliteDialect));
}

/**
 * Brings the schema up to date, one transaction for each migration. BEGIN IMMEDIATE lets one process at a time do this;
 * the row that a migration inserts first tells the others that it is done.
 */
export async function migrate(
  connection: Connection,
  options: SqliteMigrateOptions,
): Promise<MigrationStatus> {
  const { known, now } = options;
  const plan = planMigrations(
    known,
    await connection.read(() => appliedMigrations(connection)) ?? [],
    options,
  );
  if (options.dryRun) return plan;
  for (const migration of plan.pending) {
    options.onProgress?.(`Applying ${migrationLabel(migration)}`);
    await connection.write(() => {
      connection.db.exec(migrationTable(sqliteDialect, "integer"));
      if (connection.drive(recordMigration(sqliteDialect, migration, now))) connection.db.exec(migration.sql);
    });
  }
  return plan;
}
