import jobs from "../../../migrations/postgres/0001_jobs.sql" with { type: "text" };
import { JobdError } from "../../domain/errors.ts";
import type { MigrateOptions, MigrationStatus } from "../driver.ts";
import {
  checkSchema,
  type Migration,
  migrationTable,
  planMigrations,
  readApplied,
  recordMigration,
} from "../sql/migrations.ts";
import { int, json, text } from "../sql/row.ts";
import type { Connections, RunQuery } from "./connections.ts";
import { ms, postgresDialect } from "./dialect.ts";
import type { Names } from "./names.ts";
import { drive } from "./scripts.ts";

const MIGRATIONS: readonly Migration[] = [{ number: 1, name: "jobs", sql: jobs }];
/** What the statements need: transaction numbers of 64 bits. */
const OLDEST_VERSION = 130_000;

/** Creates or updates the schema. Each migration is one transaction; a lock lets one process at a time do it. */
export async function migrate(
  connections: Connections,
  names: Names,
  options: MigrateOptions,
): Promise<MigrationStatus> {
  const known = MIGRATIONS.map((migration) => ({
    ...migration,
    sql: migration.sql.replace(/\bjobd\./g, names.table("")),
  }));
  const before = await connections.transaction((run) => plan(run, names, { known, options }));
  if (options.dryRun === true) return before;
  const done: Migration[] = [];
  for (;;) {
    const migration = await connections.transaction((run) => step(run, names, { known, options }));
    if (migration === undefined) return { applied: before.applied, pending: done };
    done.push(migration);
  }
}

interface Work {
  known: Migration[];
  options: MigrateOptions;
}

async function plan(run: RunQuery, names: Names, { known, options }: Work): Promise<MigrationStatus> {
  const [row] = await run({ text: "select to_regclass($1) is not null as there" }, [
    names.table("migration"),
  ]);
  const applied = row?.there === true ? await drive(run, readApplied(postgresDialect(names))) : [];
  return planMigrations(known, applied, options);
}

/** Applies the next migration, if one is pending. */
async function step(run: RunQuery, names: Names, { known, options }: Work): Promise<Migration | undefined> {
  const dialect = postgresDialect(names);
  await run({ text: `select pg_advisory_xact_lock(${names.lock("migrate")})` });
  // The lock may have been waited for: what is there is seen by statements that begin after it.
  const [facts] = await run(
    {
      text: `select ${
        ms("clock_timestamp()")
      } as now, exists (select 1 from pg_namespace where nspname = $1) as there,
        to_regclass($2) is not null as recorded`,
    },
    [names.schema, names.table("migration")],
  );
  if (facts?.there !== true) await run({ text: `create schema "${names.schema}"` });
  if (facts?.recorded !== true) await run({ text: migrationTable(dialect, "timestamptz") });
  const [next] = planMigrations(known, await drive(run, readApplied(dialect)), options).pending;
  if (next === undefined || !await drive(run, recordMigration(dialect, next, int(facts?.now)))) {
    return undefined;
  }
  await run({ text: next.sql });
  return next;
}

/** {@linkcode Driver.ready} in one round trip. */
export async function checkReady(connections: Connections, names: Names, location: string): Promise<number> {
  const [row] = await connections.query({
    name: "jobd_ready",
    text: `select ${ms("clock_timestamp()")} as now, pg_is_in_recovery() as standby,
      current_setting('server_version_num')::integer as version, current_setting('server_version') as version_name,
      (select json_agg(json_build_object('number', number, 'name', name) order by number)
        from ${names.table("migration")}) as applied`,
  });
  checkSchema(MIGRATIONS, json(row?.applied) as { number: number; name: string }[] | null, location);
  if (int(row?.version) < OLDEST_VERSION) {
    throw new JobdError("store_unusable", `PostgreSQL at ${location} is version ${text(row?.version_name)}`, {
      hint: "Use version 13 or newer.",
    });
  }
  if (row?.standby === true) {
    throw new JobdError("store_unavailable", `PostgreSQL at ${location} is a standby and cannot write`, {
      hint: "Name the primary in the database URL; several hosts are allowed.",
    });
  }
  return int(row?.now);
}
