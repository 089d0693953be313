import { DatabaseSync } from "node:sqlite";
import { JobdError } from "../../domain/errors.ts";
import { Connection } from "./connection.ts";
import { explain, systemCode } from "./errors.ts";
import type { System } from "../../domain/clock.ts";
import { platform } from "../platform/here.ts";

/** Older versions can damage a file in WAL mode that several connections use (the "WAL-reset bug"). */
const OLDEST_SQLITE = [3, 51, 3] as const;
/** The path that stands for a store in memory. */
export const MEMORY = ":memory:";

/** Settings of every connection: durable commits, and no file besides the WAL. */
const PRAGMAS = [
  "pragma synchronous = full",
  "pragma temp_store = memory",
  // The planner would rather index a whole table for one statement than follow an index that is there.
  "pragma automatic_index = off",
  "pragma cache_size = -32768",
  "pragma wal_autocheckpoint = 4000",
  "pragma journal_size_limit = 67108864",
];

/**
 * Opens the file, which is created (readable and writable by its owner alone) if `create` says so.
 *
 * @throws {JobdError} `schema_missing` when there is no file, `store_unusable`, `permission_denied`, `store_unavailable`
 */
export async function openConnection(path: string, system: System, create: boolean): Promise<Connection> {
  try {
    if (path !== MEMORY) prepareFile(path, create);
    const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false });
    return await configure(new Connection(db, path, system));
  } catch (error) {
    throw explain(error, path);
  }
}

async function configure(connection: Connection): Promise<Connection> {
  // Even to prepare a statement SQLite reads the file, and other first starts lock it as a whole for moments.
  const ask = (text: string): Promise<unknown> =>
    connection.read(() => Object.values(connection.get(text) ?? {})[0]);
  try {
    refuseOldVersion(String(await ask("select sqlite_version()")));
    if (connection.path !== MEMORY && await ask("pragma journal_mode = wal") !== "wal") {
      throw noWal(connection.path);
    }
    for (const pragma of PRAGMAS) await ask(pragma);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Opens the file once by hand: here the reason of a failure can still be told, SQLite only says "unable to open". */
function prepareFile(path: string, create: boolean): void {
  try {
    if (create) createFile(path);
    platform.tryFile(path);
  } catch (error) {
    if (systemCode(error) === "EISDIR") throw notAFile(path);
    if (systemCode(error) === "ENOENT" && !create) throw noStore(path);
    throw error;
  }
}

function createFile(path: string): void {
  try {
    platform.createFile(path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

function refuseOldVersion(version: string): void {
  const parts = version.split(".").map(Number);
  for (const [at, oldest] of OLDEST_SQLITE.entries()) {
    const part = parts[at] ?? 0;
    if (part > oldest) return;
    if (part < oldest) throw oldVersion(version);
  }
}

function oldVersion(version: string): JobdError {
  return new JobdError(
    "store_unusable",
    `SQLite ${version} can damage files: ${OLDEST_SQLITE.join(".")} or newer is needed`,
    {
      hint: `Use a newer ${platform.name}: it brings SQLite with it.`,
    },
  );
}

function noStore(path: string): JobdError {
  return new JobdError("schema_missing", `There is no store at ${path}`, {
    hint: 'Run "jobd migrate" to create it, or check the path.',
  });
}

function notAFile(path: string): JobdError {
  return new JobdError("store_unusable", `The store ${path} is a folder, not a file`, {
    hint: "Name a file inside of it.",
  });
}

function noWal(path: string): JobdError {
  return new JobdError(
    "store_unusable",
    `The file system of the store ${path} does not support what SQLite needs (WAL mode)`,
    {
      hint: "Put the file on a local disk, not on a network file system.",
    },
  );
}
