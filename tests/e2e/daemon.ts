/**
 * A daemon with handlers that behave as their payload says, for tests with real processes. It writes what really
 * happened to an effect log of its own, which jobd does not know.
 *
 *     deno run tests/e2e/daemon.ts STORE_URL EFFECTS_FILE OPTIONS_JSON REACH_JSON
 */
import { createLogger, discard, type Handler, Jobd, type WorkerOptions } from "../../src/mod.ts";
import type { Effect } from "./effects.ts";

const [url = "", effectsFile = "", optionsJson = "{}", reachJson = "{}"] = Deno.args;
const effects = await Deno.open(effectsFile, { append: true, create: true, write: true });

function note(effect: Omit<Effect, "at" | "pid">): void {
  const line = JSON.stringify({ ...effect, at: Date.now(), pid: Deno.pid });
  effects.writeSync(new TextEncoder().encode(`${line}\n`));
}

interface Behaviour {
  /** How long it runs. */
  ms?: number;
  /** Later attempts than this one are over at once. */
  slowUntil?: number;
  /** How many first attempts fail. */
  failTimes?: number;
}

const canary: Handler = {
  type: "canary",
  async run(job, { signal }) {
    const { ms = 0, failTimes = 0, slowUntil = Infinity } = job.payload as Behaviour;
    note({ job: job.id, attempt: job.attempt, event: "start" });
    const end = performance.now() + (job.attempt > slowUntil ? 0 : ms);
    while (performance.now() < end && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20)));
    }
    if (signal.aborted) {
      note({ job: job.id, attempt: job.attempt, event: "stopped" });
      throw new Error(`stopped: ${signal.reason}`);
    }
    if (job.attempt <= failTimes) {
      note({ job: job.id, attempt: job.attempt, event: "failed" });
      throw new Error(`attempt ${job.attempt} fails as asked`);
    }
    note({ job: job.id, attempt: job.attempt, event: "end" });
    return { attempt: job.attempt };
  },
};

/** Waits for three answers, which must be its own, sleeps, and waits for somebody who never answers. */
const patient: Handler = {
  type: "patient",
  async run({ id, attempt }, { waitFor, sleep }) {
    note({ job: id, attempt, event: "start" });
    let event: Effect["event"] = "stopped";
    try {
      for (const name of ["a", "b", "c"]) {
        const answer = await waitFor(name);
        if (answer !== `${name} of ${id}`) {
          return discard(`${JSON.stringify(answer)} is no answer to ${name}`);
        }
      }
      await sleep("a moment", 30);
      await waitFor("nobody", { timeout: 60, onTimeout: null });
      event = "end";
      return { attempt };
    } finally {
      note({ job: id, attempt, event });
    }
  },
};

/** The same by other names, for limits of types. */
const kinds: Handler[] = ["few", "keyed", "paced"].map((type) => ({ ...canary, type }));

const blocker: Handler = {
  type: "blocker",
  run(job) {
    const { ms = 0 } = job.payload as Behaviour;
    note({ job: job.id, attempt: job.attempt, event: "start" });
    const end = performance.now() + ms;
    while (performance.now() < end);
    note({ job: job.id, attempt: job.attempt, event: "end" });
    return Promise.resolve({ attempt: job.attempt });
  },
};

const assassin: Handler = {
  type: "assassin",
  run(job) {
    note({ job: job.id, attempt: job.attempt, event: "start" });
    Deno.kill(Deno.pid, "SIGKILL");
    return new Promise(() => {});
  },
};

/** Ends well and leaves a promise behind that fails a little later. */
const leaker: Handler = {
  type: "leaker",
  run(job) {
    note({ job: job.id, attempt: job.attempt, event: "start" });
    setTimeout(() => void Promise.reject(new Error("nobody waits for this")), 500);
    note({ job: job.id, attempt: job.attempt, event: "end" });
    return Promise.resolve({ attempt: job.attempt });
  },
};

const write = (line: string): void => void Deno.stderr.writeSync(new TextEncoder().encode(line));
const log = createLogger({ level: "info", write, now: Date.now });
const options = JSON.parse(optionsJson) as Omit<WorkerOptions, "handlers">;
const jobd = await Jobd.open(url, JSON.parse(reachJson));
const worker = jobd.worker({
  ...options,
  handlers: [canary, patient, ...kinds, blocker, assassin, leaker],
  log,
});
Deno.addSignalListener("SIGTERM", () => void worker.stop());
await worker.start();
note({ job: "", attempt: 0, event: "ready" });
await worker.stopped;
await jobd.close();
Deno.exit(0);
