// The workers in examples/remote, as real processes: what they do when they, or the server, die at any moment.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Job } from "../../src/mod.ts";
import type { Daemon } from "../cli/program.ts";
import type { Backend } from "./fleet.ts";
import { until } from "./fleet.ts";
import { Site } from "./site.ts";

const BACKENDS = ["sqlite", "postgres"] as const;
const JOBS = 60;
const KILLS = 8;

const script = (name: string): string =>
  fileURLToPath(new URL(`../../examples/remote/${name}`, import.meta.url));
const WORKERS = { python: `python3 ${script("worker.py")}`, node: `node ${script("worker.mjs")}` } as const;
type Language = keyof typeof WORKERS;

const SERVER = {
  WORKER_LEASE: "2s",
  WORKER_POLL_INTERVAL: "100ms",
  BACKOFF_BASE: "50ms",
  BACKOFF_MAX: "100ms",
  JOB_DEFAULT_MAX_ATTEMPTS: "100",
  LOG_FORMAT: "json",
};

/** A server without workers of its own, and programs that work for it. */
class Outpost implements AsyncDisposable {
  readonly site: Site;
  readonly #port: number;
  readonly #token: string;
  #server: Daemon | undefined;

  private constructor(site: Site, { port, token }: { port: number; token: string }) {
    this.site = site;
    this.#port = port;
    this.#token = token;
  }

  static async open(backend: Backend): Promise<Outpost> {
    const site = await Site.of(backend);
    await site.ok("jobd migrate");
    const token = await site.ok("jobd tokens create remote --role work");
    const outpost = new Outpost(site, { port: freePort(), token });
    await outpost.serve();
    return outpost;
  }

  /** Starts the server; there is none. */
  async serve(): Promise<void> {
    const env = { ...SERVER, API_PORT: String(this.#port) };
    this.#server = await this.site.daemon("jobd serve", env, "API listens");
  }

  /** Kills the server and starts another one in its place. */
  async replaceServer(): Promise<void> {
    this.#server?.kill("SIGKILL");
    await this.#server?.ended();
    await this.serve();
  }

  /** Starts a worker. */
  async work(language: Language, name: string, more = ""): Promise<Daemon> {
    const env = { JOBD_URL: `http://127.0.0.1:${this.#port}`, JOBD_TOKEN: this.#token };
    const line = `${WORKERS[language]} --name ${name} --lease 2s --wait 5 --concurrency 3 ${more}`;
    return await this.site.daemon(line, env, null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

for (const backend of BACKENDS) {
  Deno.test(`${backend}: workers in Python and Node lose no job and end none twice, whoever is killed when`, async () => {
    await using outpost = await Outpost.open(backend);
    const jobd = await outpost.site.jobd();
    const made = await jobd.enqueueMany(
      Array.from(
        { length: JOBS },
        (_, n) =>
          n % 2 === 0
            ? { type: "shout", payload: { text: `job ${n}` } }
            : { type: "nap", payload: { ms: n % 20 === 1 ? 3_000 : (n * 37) % 700 } },
      ),
    );
    const started = new Map<number, Daemon>();
    const languages: Language[] = ["python", "node"];
    const start = async (place: number, round: number): Promise<void> => {
      const language = languages[place] as Language;
      started.set(place, await outpost.work(language, `${language}-${round}`));
    };
    for (const place of [0, 1]) await start(place, 0);
    for (let kill = 1; kill <= KILLS; kill++) {
      await pause(200 + Math.random() * 700);
      if (kill === KILLS / 2) {
        await outpost.replaceServer();
        continue;
      }
      const place = kill % 2;
      started.get(place)?.kill("SIGKILL");
      await started.get(place)?.ended();
      await start(place, kill);
    }
    const jobs = async (): Promise<Job[]> => await Promise.all(made.map(({ id }) => jobd.jobs.get(id)));
    await until(
      "all jobs have ended",
      async () => (await jobs()).every(({ finishedAt }) => finishedAt !== null),
    );
    for (const [n, job] of (await jobs()).entries()) {
      assert.equal(job.state, "completed", JSON.stringify(job));
      if (job.type === "shout") assert.equal(job.result, `JOB ${n}`);
      const outcomes = (await jobd.executions.of(job.id)).map(({ outcome }) => outcome);
      assert.equal(outcomes.length, job.attempt);
      assert.equal(outcomes.at(-1), "completed");
      assert.ok(outcomes.slice(0, -1).every((one) => one === "lost" || one === "released"), String(outcomes));
    }
  });

  for (const language of Object.keys(WORKERS) as Language[]) {
    Deno.test(`${backend}: a worker in ${language} stops what is cancelled, and hands back the rest at SIGTERM`, async () => {
      await using outpost = await Outpost.open(backend);
      const jobd = await outpost.site.jobd();
      const worker = await outpost.work(language, "w1", "--grace 0.3");
      const nap = { type: "nap", payload: { ms: 600_000 } };
      const [cancelled, left, shout] = await jobd.enqueueMany([nap, nap, {
        type: "shout",
        payload: { text: "hello" },
      }]);
      assert.ok(cancelled && left && shout);
      assert.equal((await jobd.jobs.wait(shout.id)).result, "HELLO");
      await outpost.site.logs(shout.id, /shouting/);
      await outpost.site.reaches(left.id, "running");
      await outpost.site.reaches(cancelled.id, "running");
      assert.deepEqual((await jobd.workers.list()).map(({ id }) => id), ["remote:w1@default"]);
      await jobd.jobs.cancel(cancelled.id);
      await outpost.site.reaches(cancelled.id, "cancelled");
      worker.kill("SIGTERM");
      assert.equal(await worker.ended(), 0, JSON.stringify(worker.lines));
      const { state, failures, releases } = await jobd.jobs.get(left.id);
      assert.deepEqual([state, failures, releases], ["available", 0, 1]);
    });
  }
}
