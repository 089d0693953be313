import { statfsSync, statSync } from "node:fs";
import type { StoreFact } from "../driver.ts";
import type { Connection } from "./connection.ts";
import { appliedMigrations } from "./migrate.ts";
import { MEMORY } from "./open.ts";

/** A WAL that is larger than this is a sign that something keeps a reading transaction open, in bytes. */
const LARGE_WAL = 256 * 1024 * 1024;

/** File systems that other machines can write to, by the magic number in Linux's statfs(2). */
const NETWORK_FILE_SYSTEMS: Record<number, string> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB2",
  0x01021997: "9P",
  0x5346414f: "AFS",
  0x00c36400: "Ceph",
};

/** {@linkcode Driver.inspect}. */
export function inspectStore(c: Connection, known: number): StoreFact[] {
  const pragma = (name: string): string => String(Object.values(c.get(`pragma ${name}`) ?? {})[0]);
  const facts: StoreFact[] = [
    {
      name: "SQLite version",
      value: String(c.get("select sqlite_version() as version")?.version),
      level: "ok",
    },
    { name: "journal mode", value: pragma("journal_mode"), level: "ok" },
    {
      name: "synchronous",
      value: pragma("synchronous") === "2" ? "full" : pragma("synchronous"),
      level: "ok",
    },
    schema(c, known),
    integrity(c),
  ];
  return c.path === MEMORY ? facts : [...facts, ...fileFacts(c.path)];
}

function schema(c: Connection, known: number): StoreFact {
  const applied = appliedMigrations(c)?.at(-1)?.number ?? 0;
  const value = `${applied} of ${known}`;
  if (applied === known) return { name: "schema", value, level: "ok" };
  return {
    name: "schema",
    value,
    level: "error",
    hint: 'Run "jobd migrate", or use the newer jobd that made it.',
  };
}

function integrity(c: Connection): StoreFact {
  const problems = c.all("pragma quick_check(3)").map((row) => String(row.quick_check));
  if (problems.join() === "ok") return { name: "quick check", value: "ok", level: "ok" };
  return { name: "quick check", value: problems.join("; "), level: "error", hint: "Restore a backup." };
}

function fileFacts(path: string): StoreFact[] {
  const size = sizeOf(path);
  const walSize = sizeOf(`${path}-wal`);
  const wal: StoreFact = { name: "WAL size", value: `${walSize} bytes`, level: "ok" };
  if (walSize > LARGE_WAL) {
    wal.level = "warning";
    wal.hint = "A program keeps a reading transaction open on this file: find it and end it.";
  }
  return [
    { name: "file size", value: `${size} bytes`, level: "ok" },
    wal,
    permissions(path),
    fileSystem(path),
  ];
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

function permissions(path: string): StoreFact {
  const mode = statSync(path).mode & 0o777;
  const value = mode.toString(8).padStart(4, "0");
  if ((mode & 0o077) === 0) return { name: "file permissions", value, level: "ok" };
  return {
    name: "file permissions",
    value,
    level: "warning",
    hint: `Other users can read or write it: run chmod 600 on ${path}, ${path}-wal and ${path}-shm.`,
  };
}

function fileSystem(path: string): StoreFact {
  const name = "file system";
  try {
    const network = NETWORK_FILE_SYSTEMS[statfsSync(path).type >>> 0];
    if (network === undefined) return { name, value: "local", level: "ok" };
    return {
      name,
      value: network,
      level: "warning",
      hint: "Locks are not reliable there: move the file to a local disk.",
    };
  } catch {
    return { name, value: "unknown", level: "ok" };
  }
}
