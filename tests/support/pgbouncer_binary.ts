import { join } from "node:path";
import { cachedFolder, exists } from "./cached_folder.ts";
import { librariesOf, unpackDebianPackage } from "./debian_package.ts";

/** The program and the environment it needs. */
export interface PgBouncerProgram {
  path: string;
  env: Record<string, string>;
}

const INSTALLED = [
  "/usr/sbin/pgbouncer",
  "/usr/bin/pgbouncer",
  "/opt/homebrew/bin/pgbouncer",
  "/usr/local/bin/pgbouncer",
];

/** The PgBouncer of this machine, else the one of Debian or Ubuntu unpacked in a temporary folder; else an error. */
export async function pgBouncerProgram(): Promise<PgBouncerProgram> {
  for (const path of INSTALLED) if (await exists(path)) return { path, env: {} };
  const folder = await cachedFolder("pgbouncer", unpack);
  return {
    path: join(folder, "root", "usr", "sbin", "pgbouncer"),
    env: { LD_LIBRARY_PATH: librariesOf(folder) },
  };
}

async function unpack(folder: string): Promise<void> {
  try {
    await unpackDebianPackage("pgbouncer", folder);
  } catch (error) {
    throw new Error(
      "These tests need PgBouncer, and it can neither be found nor downloaded: install the package pgbouncer " +
        `(Debian, Ubuntu: apt-get install pgbouncer; macOS: brew install pgbouncer). ${error}`,
    );
  }
}
