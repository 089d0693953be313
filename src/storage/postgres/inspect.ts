import type { StoreFact } from "../driver.ts";
import { int, text } from "../sql/row.ts";
import type { Row } from "../sql/script.ts";
import type { Connections } from "./connections.ts";
import type { Names } from "./names.ts";

/** Transactions older than this are worth a warning, in seconds. */
const OLD_TRANSACTION_S = 60;
/** Dead rows above this number, and above the live ones, are worth a warning. */
const MANY_DEAD_ROWS = 1_000_000;

/** What of {@linkcode Driver.inspect} the driver itself knows. */
export interface DriverFacts {
  /** Whether notifications arrive. */
  live: boolean;
}

/** {@linkcode Driver.inspect}. */
export async function inspect(
  connections: Connections,
  names: Names,
  driver: DriverFacts,
): Promise<StoreFact[]> {
  const [row = {}] = await connections.query({
    text:
      `select current_setting('server_version') as version, current_setting('synchronous_commit') as synchronous,
      current_setting('fsync') as fsync, pg_is_in_recovery() as standby,
      current_setting('transaction_read_only')::boolean as read_only,
      (select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::integer from pg_stat_activity
        where backend_xmin is not null and pid <> pg_backend_pid()) as oldest`,
  });
  const dead = await connections.query(
    {
      text: `select relname as name, n_dead_tup as dead, n_live_tup as live from pg_stat_user_tables
      where schemaname = $1 and relname in ('job', 'ready', 'scheduled', 'lease') order by relname`,
    },
    [names.schema],
  );
  return [
    fact("PostgreSQL version", text(row.version)),
    fact("schema", names.schema),
    ...durability(row),
    role(row),
    driver.live ? fact("notifications", "arrive") : warning(
      "notifications",
      "do not arrive at present; work is found by polling",
      "Behind a pooler give a direct connection with DATABASE_LISTEN_URL.",
    ),
    oldest(int(row.oldest)),
    ...dead.map(deadRows),
  ];
}

function fact(name: string, value: string): StoreFact {
  return { name, value, level: "ok" };
}

function warning(name: string, value: string, hint: string): StoreFact {
  return { name, value, level: "warning", hint };
}

function durability(row: Row): StoreFact[] {
  const fsync = text(row.fsync);
  const synchronous = text(row.synchronous);
  return [
    fsync === "on" ? fact("fsync", fsync) : warning(
      "fsync",
      fsync,
      "A crash of the machine can destroy the database: set fsync = on.",
    ),
    synchronous !== "off" ? fact("synchronous_commit", synchronous) : warning(
      "synchronous_commit",
      synchronous,
      "A crash of the server can lose jobs that were already accepted: set synchronous_commit = on.",
    ),
  ];
}

function role(row: Row): StoreFact {
  if (row.standby !== true) return row.read_only === true ? readOnly() : fact("role", "primary");
  return {
    name: "role",
    value: "standby",
    level: "error",
    hint: "A standby cannot write: name the primary in the database URL.",
  };
}

function readOnly(): StoreFact {
  return {
    name: "role",
    value: "read-only",
    level: "error",
    hint:
      "Jobs can neither be stored nor run: see default_transaction_read_only of the server, database and role.",
  };
}

function oldest(seconds: number): StoreFact {
  const value = `${seconds} s`;
  if (seconds <= OLD_TRANSACTION_S) return fact("oldest transaction", value);
  return warning(
    "oldest transaction",
    value,
    "While it lasts no dead rows can be removed: see pg_stat_activity for the session and end it.",
  );
}

function deadRows(row: Row): StoreFact {
  const name = `dead rows in ${text(row.name)}`;
  const dead = int(row.dead);
  if (dead <= MANY_DEAD_ROWS || dead <= int(row.live)) return fact(name, String(dead));
  return warning(
    name,
    String(dead),
    "Autovacuum does not keep up: look for long transactions, then vacuum the table.",
  );
}
