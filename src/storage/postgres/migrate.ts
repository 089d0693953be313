import { formatDuration } from "../../domain/duration.ts";
import { JobdError } from "../../domain/errors.ts";
import type { MigrateOptions, MigrationStatus } from "../driver.ts";
import {
  type Migration,
  migrationLabel,
  migrationTable,
  planMigrations,
  readApplied,
  recordMigration,
} from "../sql/migrations.ts";
import { int } from "../sql/row.ts";
import type { Connections, RunQuery } from "./connections.ts";
import { ms, postgresDialect } from "./dialect.ts";
import { codeOf } from "./errors.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Names } from "./names.ts";
import { drive } from "./scripts.ts";

/** PostgreSQL's code for a lock that was waited for as long as lock_timeout says. */
const LOCK_TIMEOUT = "55P03";

/** A migration may take hours; that its connection is alive is watched below, by the probes of TCP. The longest that a timer can wait. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/** How long a migration waits for what is in its way. */
export interface LockWaits {
  /** One wait, in milliseconds; all who need the tables queue behind it, so it is short and then repeated. */
  ms: number;
  /** Waits for another process that migrates, at most. */
  turns: number;
  /** Waits for sessions that use the tables, at most. */
  tables: number;
}

/** Ten minutes for another migration, one minute for the tables. */
const LOCK_WAITS: LockWaits = { ms: 5_000, turns: 120, tables: 12 };

/** What is migrated. */
export interface MigrationSite {
  /** The database. */
  connections: Connections;
  /** The schema. */
  names: Names;
  /** For messages. */
  location: string;
  /** The schema's history. @default the migrations of this program */
  migrations?: readonly Migration[];
  /** @default ten minutes for another migration, one for the tables */
  waits?: LockWaits;
}

/**
 * Creates or updates the schema. Each migration is one transaction; a lock lets one process at a time do it.
 *
 * @throws {JobdError} `store_unavailable` when other sessions are in the way for too long; nothing is changed then.
 */
export async function migrate(site: MigrationSite, options: MigrateOptions): Promise<MigrationStatus> {
  const { connections, names, migrations = MIGRATIONS } = site;
  const known = migrations.map((migration) => ({
    ...migration,
    sql: migration.sql.replace(/\bjobd\./g, names.table("")),
  }));
  const before = await connections.transaction((run) => plan(run, names, { known, options }));
  if (options.dryRun === true) return before;
  const done: Migration[] = [];
  for (;;) {
    const migration = await nextStep(site, { known, options });
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

/** Applies the next migration, if one is pending; again from its start when it met a lock. */
async function nextStep(site: MigrationSite, work: Work): Promise<Migration | undefined> {
  const { connections, waits = LOCK_WAITS } = site;
  const waited = { turns: 0, tables: 0 };
  for (;;) {
    let migration: Migration | undefined;
    try {
      return await connections.transaction((run) =>
        step(run, site, work, (next) => {
          migration = next;
          work.options.onProgress?.(`Applying ${migrationLabel(next)}`);
        })
      );
    } catch (error) {
      if (codeOf((error as Error).cause) !== LOCK_TIMEOUT) throw error;
      const what = migration === undefined ? "turns" : "tables";
      if (++waited[what] >= waits[what]) throw inTheWay(site, migration, waited[what] * waits.ms);
      work.options.onProgress?.(
        migration === undefined
          ? "Waiting for another process that migrates"
          : `${migrationLabel(migration)} waits for sessions that use the tables`,
      );
    }
  }
}

function inTheWay({ location }: MigrationSite, migration: Migration | undefined, ms: number): JobdError {
  const time = formatDuration(ms);
  return migration === undefined
    ? new JobdError("store_unavailable", `Another process has been migrating ${location} for ${time}`, {
      hint: "Wait for its end, or end its session (see pg_stat_activity), and run `jobd migrate` again.",
    })
    : new JobdError(
      "store_unavailable",
      `${migrationLabel(migration)} could not lock the tables in ${location}: others use them for ${time}`,
      {
        hint:
          "Nothing was changed. End long transactions (see pg_stat_activity) and run `jobd migrate` again.",
      },
    );
}

async function step(
  run: RunQuery,
  { names, waits = LOCK_WAITS }: MigrationSite,
  { known, options }: Work,
  onNext: (migration: Migration) => void,
): Promise<Migration | undefined> {
  const dialect = postgresDialect(names);
  await run({
    text: "select set_config('lock_timeout', $1, true), set_config('statement_timeout', '0', true)",
  }, [String(waits.ms)]);
  await run({
    text: `select pg_advisory_xact_lock(${names.lock("migrate")})`,
    deadlineMs: NO_DEADLINE_MS,
  });
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
  onNext(next);
  await run({ text: next.sql, deadlineMs: NO_DEADLINE_MS });
  return next;
}
