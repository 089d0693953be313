import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type Job, Jobd } from "../../src/mod.ts";
import { parseAttemptMark } from "../../src/domain/attempt_mark.ts";
import { ProcTable } from "../../src/runtime/process/proc_table.ts";
import { Processes } from "../../src/runtime/process/processes.ts";
import { Scanner } from "../../src/runtime/process/table.ts";
import { Daemon, type ProgramRun, SHIPPED_FLAGS } from "../cli/program.ts";
import type { AgentApi } from "../support/agent_api.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { type Backend, until } from "./fleet.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const denoDir = await findDenoDir();

/** A job as `jobd job show --json` shows it; what the tests look at. */
export interface Shown {
  id: string;
  type: string;
  queue: string;
  priority: number;
  state: string;
  attempt: number;
  failures: number;
  releases: number;
  worker: string | null;
  payload: Record<string, unknown>;
  result: Record<string, unknown> | null;
  error: { code: string; message: string; data?: Record<string, unknown> } | null;
  createdAt: string;
  runAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  executions: {
    attempt: number;
    outcome: string;
    worker: string;
    error: { code: string; message: string; retryInMs?: number } | null;
    startedAt: string;
    finishedAt: string | null;
    durationMs: number | null;
  }[];
  log: { lines: string[]; more: boolean };
}

/** What a {@linkcode Site} is made of. */
export interface SiteOptions {
  /** The content of jobd.json; without it there is none. */
  config?: Record<string, unknown>;
  /** Variables besides the usual ones. */
  env?: Record<string, string>;
  /** Programs that are found on the PATH, by name. */
  programs?: Record<string, string>;
}

/**
 * A folder of a user's own with a store of one backend, in which `jobd` is the program with the rights it ships with.
 * Disposing ends the daemons, and what they had started.
 */
export class Site implements AsyncDisposable {
  readonly folder: string;
  /** The store. */
  readonly url: string;
  readonly #env: Record<string, string>;
  readonly #cleanup: AsyncDisposableStack;
  #jobd: Promise<Jobd> | undefined;

  private constructor(
    folder: string,
    { url, env, cleanup }: { url: string; env: Record<string, string>; cleanup: AsyncDisposableStack },
  ) {
    this.folder = folder;
    this.url = url;
    this.#env = env;
    this.#cleanup = cleanup;
  }

  /** A fresh folder and store; PostgreSQL is named by `DATABASE_URL`, SQLite is the default of the program. */
  static async of(backend: Backend, { config, env = {}, programs = {} }: SiteOptions = {}): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "jobd-site-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const database = backend === "postgres" ? await createDatabase(await sharedPostgres()) : undefined;
    if (database !== undefined) stack.use(database);
    const bin = join(folder, "bin");
    await Deno.mkdir(bin);
    const jobd = `#!/bin/sh\nexec '${Deno.execPath()}' run ${SHIPPED_FLAGS.join(" ")} '${MAIN}' "$@"\n`;
    await Deno.writeTextFile(join(bin, "jobd"), jobd, { mode: 0o755 });
    for (const [name, path] of Object.entries(programs)) await Deno.symlink(path, join(bin, name));
    if (config !== undefined) await Deno.writeTextFile(join(folder, "jobd.json"), JSON.stringify(config));
    return new Site(folder, {
      url: database?.url ?? `sqlite:${join(folder, "jobd.db")}`,
      env: {
        API_PORT: "0",
        PATH: [bin, dirname(Deno.execPath()), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
        HOME: folder,
        DENO_DIR: denoDir,
        ...(database && { DATABASE_URL: database.url }),
        ...env,
      },
      cleanup: stack.move(),
    });
  }

  /** The same store through the library, to wait for jobs without a process for each look. */
  jobd(): Promise<Jobd> {
    return this.#jobd ??= Jobd.open(this.url).then((jobd) => {
      this.#cleanup.defer(() => jobd.close());
      return jobd;
    });
  }

  /** Writes a file that may be executed. */
  async program(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await Deno.writeTextFile(path, text, { mode: 0o755 });
    return path;
  }

  /** Runs a line as a user would type it. */
  async line(line: string, { stdin = "" } = {}): Promise<ProgramRun> {
    const child = this.#command("bash", ["-c", line], {}).spawn();
    const writer = child.stdin.getWriter();
    // Most lines read no input, and may have ended before it is closed.
    await writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
    const { code, stdout, stderr } = await child.output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  /** Runs a line that must succeed; gives what it printed. */
  async ok(line: string, options: { stdin?: string } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.line(line, options);
    assert.equal(code, 0, `${line}\n${stdout}\n${stderr}`);
    return stdout.trim();
  }

  /** Runs a line with `--json` that must succeed; gives its document. */
  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.ok(`${line} --json`)) as T;
  }

  /** `jobd job show` of one job. */
  show(id: string): Promise<Shown> {
    return this.json<Shown>(`jobd job show ${id}`);
  }

  /** Waits until a job is in a state, in this attempt or a later one. */
  async reaches(id: string, state: string, attempt = 0): Promise<Job> {
    const jobd = await this.jobd();
    const end = performance.now() + 120_000;
    for (;;) {
      const job = await jobd.jobs.get(id);
      if (job.state === state && job.attempt >= attempt) return job;
      if (performance.now() > end) {
        throw new Error(`Job ${id} does not become ${state}; it is ${JSON.stringify(job)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Waits until the log of a job matches. */
  async logs(id: string, pattern: RegExp): Promise<void> {
    const jobd = await this.jobd();
    await until(`the log of ${id} matches ${pattern}`, async () => {
      const chunks = await Array.fromAsync(jobd.jobs.logs(id));
      return pattern.test(chunks.map(({ text }) => text).join(""));
    });
  }

  /** Starts a daemon in the folder and waits until it is at work, which it says by this message. */
  async daemon(
    line: string,
    env: Record<string, string> = {},
    started: string | null = "jobd started",
  ): Promise<Daemon> {
    const child = this.#command("bash", ["-c", `exec ${line}`], env).spawn();
    await child.stdin.close();
    const daemon = new Daemon(child);
    this.#cleanup.defer(async () => {
      try {
        daemon.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await daemon.ended().catch(() => {});
      await new Processes().reapStrays({ graceMs: 0 });
    });
    if (started !== null) await daemon.logged(started);
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  #command(program: string, args: string[], env: Record<string, string>): Deno.Command {
    return new Deno.Command(program, {
      args,
      cwd: this.folder,
      clearEnv: true,
      env: { ...this.#env, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** The variables with which the real agent program talks to a stand-in for its API. */
export function agentVariables(api: AgentApi): Record<string, string> {
  const { PATH: _path, HOME: _home, ...variables } = api.environment("");
  return variables;
}

/** How each attempt of a job ended: its outcome, and the code of its failure. */
export function outcomes({ executions }: Shown): string[] {
  return executions.map(({ outcome, error }) => error === null ? outcome : `${outcome} ${error.code}`);
}

/** The attempts of a job that have a live process, each as often as it has one. */
export async function alive(jobId: string): Promise<number[]> {
  const rows = await new Scanner(new ProcTable()).rows();
  const marks = rows.flatMap(({ attempt }) => attempt === null ? [] : parseAttemptMark(attempt) ?? []);
  return marks.filter((mark) => mark.jobId === jobId).map(({ attempt }) => attempt);
}

async function findDenoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
