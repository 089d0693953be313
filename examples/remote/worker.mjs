#!/usr/bin/env node
// deno-lint-ignore-file no-console
/**
 * A worker for jobd in plain Node.js (20 or newer), with nothing but `fetch`.
 *
 * Start a server, make a token, and run it:
 *
 *     jobd start &
 *     JOBD_TOKEN=$(jobd tokens create node --role work) node examples/remote/worker.mjs
 *
 * Put your own functions into HANDLERS. A function gets the payload and the attempt, returns the result (anything that is JSON), and
 * throws to fail: the job runs again after its backoff. Options: JOBD_URL, JOBD_NAMESPACE, and those below.
 */
import { hostname } from "node:os";
import { parseArgs } from "node:util";

// ── what it does ─────────────────────────────────────────────────────────────────────────────────────────────────

const HANDLERS = {
  /** Enqueue one with: jobd enqueue --type shout --payload '{"text":"hello"}' */
  async shout({ text }, attempt) {
    await attempt.log(`shouting ${JSON.stringify(text)}\n`);
    return text.toUpperCase();
  },
  /** Takes its time, and stops when it is told to. */
  async nap({ ms = 1000 }, { signal }) {
    await sleep(ms, signal);
    signal.throwIfAborted();
    return { slept: ms };
  },
};

// ── how a handler ends other than by returning or throwing ───────────────────────────────────────────────────────

/** Retrying cannot help: the job becomes a dead letter. */
export class Permanent extends Error {}

/** Run the job again later; costs none of its attempts. */
export class Snooze extends Error {
  constructor(delay, reason) {
    super(reason ?? "");
    this.report = { delay, ...(reason === undefined ? {} : { reason }) };
  }
}

// ── the protocol ─────────────────────────────────────────────────────────────────────────────────────────────────

const { values: options } = parseArgs({
  options: {
    name: { type: "string", default: `node-${hostname()}-${process.pid}` },
    /** Separated by commas; default all. */
    queues: { type: "string" },
    /** Jobs at once. */
    concurrency: { type: "string", default: "4" },
    /** How long jobs stay ours when we say nothing. */
    lease: { type: "string", default: "30s" },
    /** How long one claim waits, in seconds. */
    wait: { type: "string", default: "20" },
    /** How long jobs may still run after SIGTERM, in seconds. */
    grace: { type: "string", default: "20" },
  },
});

const BASE = `${(process.env.JOBD_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "")}/api/v1`;
const HEADERS = {
  authorization: `Bearer ${process.env.JOBD_TOKEN}`,
  "content-type": "application/json",
  ...(process.env.JOBD_NAMESPACE ? { "jobd-namespace": process.env.JOBD_NAMESPACE } : {}),
};

/** The server refused; `code` is stable. */
class ApiError extends Error {
  constructor(status, { code = "", detail = `HTTP ${status}` }) {
    super(detail);
    this.code = code;
    this.temporary = status >= 500 || status === 408 || status === 429;
  }
}

/** One request. Throws an ApiError for a refusal, anything else when the server cannot be reached. */
async function call(method, path, body, signal) {
  const response = await fetch(BASE + path, { method, headers: HEADERS, body: JSON.stringify(body), signal });
  if (response.ok) return await response.json();
  throw new ApiError(response.status, await response.json().catch(() => ({})));
}

/** Waits, unless the signal is aborted. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

const jitter = (ms) => ms * (0.5 + Math.random() / 2);

/** One run of a job, as its handler sees it. */
class Attempt {
  #lease;
  #stop = new AbortController();
  #pieces = 0;
  /** Nothing that it reports counts any more. */
  lost = false;

  constructor(lease, job) {
    this.#lease = lease;
    this.job = job;
  }

  /** Aborted when the handler should stop. */
  get signal() {
    return this.#stop.signal;
  }

  stop({ lost = false } = {}) {
    this.lost ||= lost;
    this.#stop.abort(new Error("The attempt is to stop"));
  }

  /** Whole lines, best. */
  async log(text) {
    for (let at = 0; at < text.length; at += 65_536) {
      await this.report("logs", { seq: this.#pieces++, text: text.slice(at, at + 65_536) }, 3);
    }
  }

  async progress(note) {
    await this.report("progress", { progress: note }, 3);
  }

  /** Says something until it is heard. Said twice, because an answer was lost, it counts once. */
  async report(what, body, tries = Infinity) {
    const path = `/leases/${this.#lease}/jobs/${this.job.id}/${what}`;
    for (let n = 0, delay = 100; n < tries && !this.lost; n++, delay = Math.min(2_000, delay * 2)) {
      try {
        return await call("POST", path, { attempt: this.job.attempt, ...body }, AbortSignal.timeout(10_000));
      } catch (error) {
        if (error.code === "lease_lost") return this.stop({ lost: true });
        if (error instanceof ApiError && !error.temporary) throw error;
      }
      await sleep(jitter(delay));
    }
  }
}

/** Renews a lease until its jobs have ended, and stops those that are to be stopped. */
async function keep({ id, leaseMs }, attempts) {
  const lose = () => attempts.forEach((attempt) => attempt.stop({ lost: true }));
  // The answer took a moment to get here; each renewal counts from before its call, so it is on the safe side.
  let validUntil = performance.now() + leaseMs;
  let renewAt = performance.now() + leaseMs / 6;
  while (attempts.size > 0) {
    if (performance.now() >= renewAt) {
      const askedAt = performance.now();
      try {
        const body = { jobs: [...attempts.keys()], lease: leaseMs };
        const { jobs } = await call(
          "PATCH",
          `/leases/${id}`,
          body,
          AbortSignal.timeout(Math.ceil(leaseMs / 3)),
        );
        validUntil = askedAt + leaseMs;
        renewAt = askedAt + leaseMs / 3;
        for (const { id, status } of jobs) {
          if (status !== "running") attempts.get(id)?.stop({ lost: status === "lost" });
        }
      } catch (error) {
        if (error instanceof ApiError && !error.temporary) return lose();
        // Else the server is away: it may be back in time.
      }
    }
    if (performance.now() >= validUntil - leaseMs / 10) return lose();
    await sleep(Math.min(250, leaseMs / 20));
  }
}

/** Runs the handler, and says how it ended as the server is told. */
async function outcomeOf(attempt) {
  try {
    const { type, payload } = attempt.job;
    return ["complete", { result: await HANDLERS[type](payload, attempt) ?? null }];
  } catch (error) {
    if (error instanceof Snooze) return ["snooze", error.report];
    const { message = String(error), stack } = error ?? {};
    return ["fail", {
      error: { message, ...(stack ? { stack } : {}) },
      permanent: error instanceof Permanent,
    }];
  }
}

const stopping = new AbortController();
const running = new Set();
let freed = withResolvers();

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => resolve = done);
  return { promise, resolve };
}

async function work(attempt, attempts) {
  try {
    let [what, body] = await outcomeOf(attempt);
    if (stopping.signal.aborted && attempt.signal.aborted && what === "fail") [what, body] = ["release", {}];
    try {
      await attempt.report(what, body);
    } catch (error) { // such as a result that is too large
      await attempt.report("fail", { error: `The end could not be reported: ${error.message}` });
    }
  } catch (error) {
    console.error(`Job ${attempt.job.id} cannot be reported: ${error.message}`);
  } finally {
    attempts.delete(attempt.job.id);
    running.delete(attempt);
    freed.resolve();
    freed = withResolvers();
  }
}

/** Claims as many jobs as there is room for, and starts them. */
async function claim() {
  const room = Math.min(100, Number(options.concurrency) - running.size);
  if (room <= 0) return await Promise.race([freed.promise, sleep(1_000, stopping.signal)]);
  const body = {
    worker: options.name,
    types: Object.keys(HANDLERS),
    limit: room,
    wait: `${options.wait}s`,
    lease: options.lease,
    ...(options.queues === undefined ? {} : { queues: options.queues.split(",") }),
  };
  // Who hangs up while the server waits gets no jobs.
  const timeout = AbortSignal.timeout(Math.ceil((Number(options.wait) + 10) * 1_000));
  const { lease, jobs } = await call("POST", "/leases", body, AbortSignal.any([stopping.signal, timeout]));
  if (lease === null) return;
  const attempts = new Map(jobs.map((job) => [job.id, new Attempt(lease.id, job)]));
  for (const attempt of attempts.values()) {
    running.add(attempt);
    void work(attempt, attempts);
  }
  void keep(lease, attempts);
}

/** Lets jobs end for a while, then stops them; what has not ended is handed back, so that others have it at once. */
async function finish() {
  const ended = async (ms) => {
    for (const end = performance.now() + ms; running.size > 0 && performance.now() < end;) await sleep(20);
  };
  await ended(Number(options.grace) * 1_000);
  for (const attempt of running) attempt.stop();
  await ended(5_000);
  await Promise.all([...running].map((attempt) => attempt.report("release", {}, 3).catch(() => {})));
}

if (!process.env.JOBD_TOKEN) {
  console.error("Set JOBD_TOKEN; `jobd tokens create NAME --role work` makes one.");
  process.exit(2);
}
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => stopping.abort());
console.log(`${options.name} runs ${Object.keys(HANDLERS).join(", ")}`);
for (let delay = 100; !stopping.signal.aborted;) {
  try {
    await claim();
    delay = 100;
  } catch (error) {
    if (stopping.signal.aborted) break;
    if (error instanceof ApiError && !error.temporary) {
      console.error(`jobd refuses: ${error.message} (${error.code})`);
      process.exit(1);
    }
    console.error(`jobd cannot be reached: ${error.message}`);
    await sleep(jitter(delay), stopping.signal);
    delay = Math.min(5_000, delay * 2);
  }
}
await finish();
process.exit(0);
