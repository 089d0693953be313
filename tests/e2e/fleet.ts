import assert from "node:assert/strict";
import { join } from "node:path";
import { Jobd, type WorkerOptions } from "../../src/mod.ts";
import type { OpenDriverOptions } from "../../src/storage/open.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { pass } from "./chance.ts";
import { byJob, type Effect, overlaps, readEffects } from "./effects.ts";

/** The backends that daemons of several processes can share. */
export const BACKENDS = ["sqlite", "postgres"] as const;
export type Backend = (typeof BACKENDS)[number];

/** Worker settings of the tests: short leases, so that rescue takes seconds. */
export const FAST = {
  leaseMs: 3_000,
  pollIntervalMs: 100,
  backoff: { baseMs: 200, maxMs: 400, jitter: "none" },
} as const;

const DAEMON = new URL("./daemon.ts", import.meta.url).pathname;
export const PERMISSIONS = [
  "--allow-net=127.0.0.1",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys=hostname",
];

/** A daemon process of the test's own. */
export interface Daemon {
  readonly pid: number;
  readonly ended: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

/** How a daemon reaches the store; the fleet's own URL unless said otherwise. */
export interface Reach extends OpenDriverOptions {
  readonly url?: string;
}

/** A store, daemons on it, and the log of what their handlers really did. Disposing ends all of it. */
export class Fleet implements AsyncDisposable {
  readonly url: string;
  readonly jobd: Jobd;
  readonly #folder: string;
  readonly #cleanup: () => Promise<void>;
  readonly #daemons = new Set<Daemon>();
  /** When a process was killed, frozen, or ended by itself, by process. */
  readonly #halts = new Map<number, number[]>();

  private constructor(options: { url: string; jobd: Jobd; folder: string; cleanup: () => Promise<void> }) {
    this.url = options.url;
    this.jobd = options.jobd;
    this.#folder = options.folder;
    this.#cleanup = options.cleanup;
  }

  /** A fresh store of the backend; `url` uses a store that exists. */
  static async of(backend: Backend, url?: string): Promise<Fleet> {
    const folder = await Deno.makeTempDir({ prefix: "jobd-fleet-" });
    const database = backend === "postgres" && url === undefined
      ? await createDatabase(await sharedPostgres())
      : undefined;
    const store = url ?? database?.url ?? `sqlite:${join(folder, "jobd.db")}`;
    const jobd = await Jobd.open(store, { migrate: true });
    return new Fleet({
      url: store,
      jobd,
      folder,
      cleanup: async () => {
        await jobd.close();
        await database?.[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      },
    });
  }

  /** Starts a daemon; resolves when it is at work. */
  async start(
    options: Omit<Partial<WorkerOptions>, "handlers"> = {},
    { url = this.url, ...reach }: Reach = {},
  ): Promise<Daemon> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        ...PERMISSIONS,
        DAEMON,
        url,
        this.#effectsFile,
        JSON.stringify({ ...FAST, ...options }),
        JSON.stringify(reach),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const halts: number[] = [];
    this.#halts.set(child.pid, halts);
    const kill = (signal: Deno.Signal): void => {
      if (["SIGKILL", "SIGSTOP"].includes(signal)) halts.push(Date.now());
      child.kill(signal);
    };
    const daemon: Daemon = { pid: child.pid, ended: child.status, kill };
    this.#daemons.add(daemon);
    void child.status.then(() => {
      halts.push(Date.now());
      this.#daemons.delete(daemon);
    });
    const ready = until("the daemon is at work", async () => {
      return (await this.effects()).some(({ event, pid }) => event === "ready" && pid === child.pid);
    });
    const ended = child.status.then(async () => {
      throw new Error(`The daemon ended at its start: ${await errors}`);
    });
    ended.catch(() => {});
    await Promise.race([ready, ended]);
    return daemon;
  }

  /** When processes were killed, frozen, or ended by themselves, by process. */
  get halts(): ReadonlyMap<number, number[]> {
    return this.#halts;
  }

  /** What handlers did so far. */
  effects(): Promise<Effect[]> {
    return readEffects(this.#effectsFile);
  }

  /** Waits until all jobs have ended; answers their states. */
  async drained(ids: string[], timeoutMs = 120_000): Promise<Map<string, string>> {
    const states = new Map<string, string>();
    await until("all jobs have ended", async () => {
      for (const id of ids) {
        if (states.has(id)) continue;
        const job = await this.jobd.jobs.get(id).catch(() => undefined);
        if (job === undefined || job.finishedAt === null) return false;
        states.set(id, job.state);
      }
      return true;
    }, timeoutMs);
    return states;
  }

  /**
   * The invariants that hold whatever happened: no attempt started twice, no job run twice at the same time, no result
   * accepted of an attempt that did not end.
   */
  async check(ids: string[]): Promise<void> {
    const effects = await this.effects();
    assert.deepEqual(overlaps(effects, this.#halts), []);
    const starts = byJob(effects, "start");
    const ends = byJob(effects, "end");
    for (const id of ids) {
      const job = await this.jobd.jobs.get(id);
      const attempts = (starts.get(id) ?? []).map(({ attempt }) => attempt);
      assert.equal(
        new Set(attempts).size,
        attempts.length,
        `job ${id} started an attempt twice: ${attempts}`,
      );
      assert.ok(Math.max(0, ...attempts) <= job.attempt, `job ${id} ran an attempt that was never claimed`);
      if (job.state !== "completed") continue;
      const ended = (ends.get(id) ?? []).map(({ attempt }) => attempt);
      assert.ok(
        ended.includes(job.attempt),
        `job ${id} counts as completed by attempt ${job.attempt}, which did not end`,
      );
      assert.deepEqual(job.result, { attempt: job.attempt }, `job ${id} has the result of another attempt`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const daemons = [...this.#daemons];
    for (const daemon of daemons) daemon.kill("SIGKILL");
    await Promise.all(daemons.map(({ ended }) => ended));
    await this.#cleanup();
  }

  get #effectsFile(): string {
    return join(this.#folder, "effects.ndjson");
  }
}

/** Waits for a condition, looking again every 50 ms; fails after a generous time, so that a hang is a failure. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Freezes a daemon at a moment when it holds no lock of the store, which a frozen process would keep from everybody. */
export async function freeze(jobd: Jobd, daemon: Pick<Daemon, "kill">): Promise<void> {
  for (;;) {
    daemon.kill("SIGSTOP");
    const written = await Promise.race([
      jobd.enqueue({ type: "nobody-runs-this" }).then(() => true),
      pass(500).then(() => false),
    ]);
    if (written) return;
    daemon.kill("SIGCONT");
    await pass(20);
  }
}
