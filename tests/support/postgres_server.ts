import { Client } from "pg";
import { join } from "node:path";
import { temporaryFolder } from "./cached_folder.ts";
import { postgresBinaries, type PostgresVersion } from "./postgres_binaries.ts";
import { leash } from "./process_leash.ts";
import { freePort, type RunAs, runAs } from "./server_setup.ts";

/** How a server stops: `fast` closes sessions and writes a checkpoint, `immediate` is a crash with recovery at start. */
export type StopMode = "fast" | "immediate";

/** A PostgreSQL server of the tests' own. `await using` stops it and removes its data. */
export interface PostgresServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly version: PostgresVersion;
  readonly dataDir: string;
  /** Stops the server and keeps its data for `start`. */
  stop(mode?: StopMode): Promise<void>;
  /** Starts a stopped server again, on the same port. */
  start(): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
}

export interface PostgresOptions {
  /** Default "15". */
  version?: PostgresVersion;
  /** Added to postgresql.conf, as they would stand there. `fsync` is off unless set here. */
  settings?: Record<string, string>;
}

/** An empty database of one test's own; `await using` drops it, whoever is still connected. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

const SETTINGS = {
  fsync: "off",
  full_page_writes: "off",
  max_connections: "200",
  listen_addresses: "'127.0.0.1'",
  timezone: "'UTC'",
};
const START_TRIES = 5;

/** Starts a server on a free loopback port with a fresh data folder. It ends with this process at the latest. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const version = options.version ?? "15";
  const [binaries, user] = await Promise.all([postgresBinaries(version), runAs()]);
  const folder = await Deno.makeTempDir({ dir: temporaryFolder(), prefix: "jobd-test-pg-" });
  await leash(folder, "data/postmaster.pid");
  if (user) await Deno.chown(folder, user.uid, user.gid);
  const cluster = new Cluster(version, binaries, folder, user);
  await cluster.create(options.settings ?? {});
  return cluster;
}

class Cluster implements PostgresServer {
  readonly dataDir: string;
  #port = 0;

  constructor(
    readonly version: PostgresVersion,
    readonly binaries: string,
    readonly folder: string,
    readonly user: RunAs | undefined,
  ) {
    this.dataDir = join(folder, "data");
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  async create(settings: Record<string, string>): Promise<void> {
    await this.#run("initdb", [
      ...["--pgdata", this.dataDir, "--username", "postgres", "--auth", "trust"],
      ...["--encoding", "UTF8", "--locale", "C", "--no-sync"],
    ]);
    await this.#configure(settings);
    for (let attempt = 1;; attempt++) {
      this.#port = freePort();
      try {
        return await this.start();
      } catch (error) {
        if (attempt === START_TRIES) throw error; // before that, another process may have taken the port
      }
    }
  }

  async start(): Promise<void> {
    const log = join(this.folder, "server.log");
    try {
      await this.#run("pg_ctl", ["start", "--wait", "-D", this.dataDir, "-l", log, "-o", `-p ${this.#port}`]);
    } catch (error) {
      const tail = await Deno.readTextFile(log).then((text) => text.slice(-2000), () => "");
      throw new Error(`PostgreSQL does not start: ${error}\n${tail}`);
    }
  }

  async stop(mode: StopMode = "fast"): Promise<void> {
    await this.#run("pg_ctl", ["stop", "--wait", "-D", this.dataDir, "-m", mode]);
  }

  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate").catch(() => {}); // it may have been stopped already
    await Deno.remove(this.folder, { recursive: true });
  }

  async #configure(settings: Record<string, string>): Promise<void> {
    const all = { ...SETTINGS, unix_socket_directories: `'${this.folder}'`, ...settings };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
    await Deno.writeTextFile(join(this.dataDir, "postgresql.conf"), lines.join(""), { append: true });
  }

  async #run(program: string, args: string[]): Promise<void> {
    const { success, stdout, stderr } = await new Deno.Command(join(this.binaries, program), {
      args,
      cwd: this.folder,
      env: { LC_ALL: "C" },
      ...this.user,
    }).output();
    if (success) return;
    const decoder = new TextDecoder();
    throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  }
}

const shared = new Map<PostgresVersion, Promise<{ readonly url: string }>>();

/**
 * The server that all tests share, for tests that do not stop it. `deno task test` starts one of each version and
 * names them in JOBD_TEST_POSTGRES_URLS; a test file that runs alone starts its own, once.
 */
export function sharedPostgres(version: PostgresVersion = "15"): Promise<{ readonly url: string }> {
  const known = shared.get(version) ?? givenOrStarted(version);
  shared.set(version, known);
  return known;
}

async function givenOrStarted(version: PostgresVersion): Promise<{ readonly url: string }> {
  const given: Partial<Record<PostgresVersion, string>> = JSON.parse(
    Deno.env.get("JOBD_TEST_POSTGRES_URLS") ?? "{}",
  );
  const url = given[version];
  return url === undefined ? await startPostgres({ version }) : { url };
}

/** Makes an empty database on that server: tests in it share nothing, not even notifications and advisory locks. */
export async function createDatabase(server: { readonly url: string }): Promise<TestDatabase> {
  const name = `jobd_${crypto.randomUUID().replaceAll("-", "")}`;
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  await administer(server.url, `create database ${name}`);
  return {
    name,
    url: url.href,
    [Symbol.asyncDispose]: () => administer(server.url, `drop database if exists ${name} with (force)`),
  };
}

/** Runs one statement on a connection of its own. */
export async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
