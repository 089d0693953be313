import { join } from "node:path";
import { cachedFolder, exists } from "./cached_folder.ts";

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

// Downloads Debian's package with what it needs and unpacks it in the folder $1: no rights needed, nothing is installed.
const UNPACK = `
set -e
mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/root"
options="-qq -o Dir::State::lists=$1/lists -o Dir::Cache=$1 -o Dir::Cache::archives=$1/archives
  -o Debug::NoLocking=true -o APT::Sandbox::User= -o Dir::Log=$1"
apt-get $options update
apt-get $options install --yes --download-only --reinstall --no-install-recommends pgbouncer
for package in "$1"/archives/*.deb; do dpkg-deb -x "$package" "$1/root"; done
rm -rf "$1/lists" "$1/archives" "$1"/*.bin
`;

/** The PgBouncer of this machine, else the one of Debian or Ubuntu unpacked in a temporary folder; else an error. */
export async function pgBouncerProgram(): Promise<PgBouncerProgram> {
  for (const path of INSTALLED) if (await exists(path)) return { path, env: {} };
  const folder = await cachedFolder("pgbouncer", unpack);
  const libraries = join(folder, "root", "usr", "lib", `${Deno.build.arch}-linux-gnu`);
  return { path: join(folder, "root", "usr", "sbin", "pgbouncer"), env: { LD_LIBRARY_PATH: libraries } };
}

async function unpack(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", { args: ["-c", UNPACK, "unpack", folder] })
    .output();
  if (success) return;
  throw new Error(
    "These tests need PgBouncer, and it can neither be found nor downloaded: install the package pgbouncer " +
      `(Debian, Ubuntu: apt-get install pgbouncer; macOS: brew install pgbouncer). ${
        new TextDecoder().decode(stderr)
      }`,
  );
}
