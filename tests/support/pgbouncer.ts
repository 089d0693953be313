import { join } from "node:path";
import { type PgBouncerProgram, pgBouncerProgram } from "./pgbouncer_binary.ts";
import { temporaryFolder } from "./cached_folder.ts";
import { administer } from "./postgres_server.ts";
import { leash } from "./process_leash.ts";
import { freePort, listening, type RunAs, runAs } from "./server_setup.ts";

export interface PgBouncerOptions {
  /** Connections to the server for each database. Default 10. */
  poolSize?: number;
  /** Added to the configuration file, as they would stand there. */
  settings?: Record<string, string>;
}

/** PgBouncer in transaction mode before a server; `await using` ends it. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL given to `startPgBouncer`, through PgBouncer. */
  readonly url: string;
  readonly port: number;
  /** Lets running transactions end and holds back new ones until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Any other command of its console, such as `RECONNECT`. */
  command(command: string): Promise<void>;
  /** Ends it like a crash. `start` brings it back on the same port. */
  kill(): Promise<void>;
  /** Ends it and closes every connection. `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts PgBouncer before the server, or the one database, that the URL names. It ends with this process at the latest. */
export async function startPgBouncer(
  server: { readonly url: string },
  options: PgBouncerOptions = {},
): Promise<PgBouncer> {
  const [program, user] = await Promise.all([pgBouncerProgram(), runAs()]);
  const folder = await Deno.makeTempDir({ dir: temporaryFolder(), prefix: "jobd-test-pgbouncer-" });
  await leash(folder, "pid");
  const url = new URL(server.url);
  const behind = Number(url.port);
  url.port = String(freePort());
  await Deno.writeTextFile(join(folder, "ini"), configuration(folder, behind, Number(url.port), options));
  await Deno.writeTextFile(join(folder, "users"), '"postgres" ""\n');
  if (user) await Deno.chown(folder, user.uid, user.gid);
  const pooler = new Pooler(url, folder, program, user);
  await pooler.start();
  return pooler;
}

function configuration(folder: string, behind: number, port: number, options: PgBouncerOptions): string {
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: String(port),
    unix_socket_dir: "",
    auth_type: "trust",
    auth_file: join(folder, "users"),
    admin_users: "postgres",
    pool_mode: "transaction",
    default_pool_size: String(options.poolSize ?? 10),
    max_client_conn: "500",
    logfile: join(folder, "log"),
    pidfile: join(folder, "pid"),
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return ["[databases]", `* = host=127.0.0.1 port=${behind}`, "[pgbouncer]", ...lines, ""].join("\n");
}

class Pooler implements PgBouncer {
  constructor(
    readonly location: URL,
    readonly folder: string,
    readonly program: PgBouncerProgram,
    readonly user: RunAs | undefined,
  ) {}

  get url(): string {
    return this.location.href;
  }

  get port(): number {
    return Number(this.location.port);
  }

  pause(): Promise<void> {
    return this.command("PAUSE");
  }

  resume(): Promise<void> {
    return this.command("RESUME");
  }

  command(command: string): Promise<void> {
    const console = new URL(this.url);
    console.pathname = "/pgbouncer";
    return administer(console.href, command);
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async start(): Promise<void> {
    const { success, stderr } = await new Deno.Command(this.program.path, {
      args: ["-d", "-q", join(this.folder, "ini")],
      cwd: this.folder,
      env: this.program.env,
      ...this.user,
    }).output();
    if (!success) throw new Error(`PgBouncer does not start: ${new TextDecoder().decode(stderr)}`);
    await listening(this.port, true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const file = join(this.folder, "pid");
    const pid = await Deno.readTextFile(file).catch(() => "");
    if (pid === "") return;
    Deno.kill(Number(pid), signal);
    await listening(this.port, false);
    await Deno.remove(file).catch(() => {}); // it removes the file itself, unless killed
  }
}
