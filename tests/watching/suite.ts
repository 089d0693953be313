import assert from "node:assert/strict";
import { JobdError, type JobdEvent, type LogLevel, type OpenOptions } from "../../src/mod.ts";
import type { OpenStore } from "../conformance/store.ts";
import { known, Two, until, withoutPolls } from "./two.ts";

const queueOf = (event: JobdEvent): string | undefined => "queue" in event ? event.queue : undefined;

const kindsOfJob = (events: JobdEvent[], id: string): string[] =>
  events.filter((event) => "jobId" in event && event.jobId === id).map(({ kind }) => kind.slice(4));

const code = (expected: string) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === expected;

type Body = (two: Two) => Promise<void>;

const TESTS: Record<string, Body> = {
  "what another program does is told: each way a job may go, and queues": async (two) => {
    await two.work();
    const events: JobdEvent[] = [];
    await two.here.on("*", (event) => events.push(event));
    const { there } = two;
    const enqueue = async (type: string, more = {}) =>
      (await there.enqueue({ type, maxAttempts: 2, ...more })).id;
    const ids = {
      ok: await enqueue("ok", { payload: { secret: 1 } }),
      fails: await enqueue("fails"),
      bad: await enqueue("bad"),
      sleepy: await enqueue("sleepy"),
      gated: await enqueue("gated"),
      parent: await enqueue("parent"),
      cancelled: await enqueue("ok", { delay: "1h" }),
      expired: await enqueue("unknown type", { ttl: "1ms", type: "nobody" }),
      deleted: await enqueue("ok", { delay: "1h", queue: "later" }),
    };
    await until(() => kindsOfJob(events, ids.gated).includes("progress"));
    await two.pass(ids.gated);
    await there.jobs.cancel(ids.cancelled);
    await there.jobs.delete(ids.deleted);
    await there.queues.create("mails", { maxAttempts: 9 });
    await there.queues.pause("mails");
    await there.queues.resume("mails");
    await there.queues.delete("mails");
    await until(() => kindsOfJob(events, ids.expired).includes("expired"));
    const told = () =>
      Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, kindsOfJob(events, id)]));
    const expected = {
      ok: ["enqueued", "started", "completed"],
      fails: ["enqueued", "started", "retrying", "started", "dead"],
      bad: ["enqueued", "started", "dead"],
      sleepy: ["enqueued", "started", "snoozed", "started", "completed"],
      gated: ["enqueued", "started", "progress", "completed"],
      parent: ["enqueued", "started", "completed"],
      cancelled: ["enqueued", "cancelled"],
      expired: ["enqueued", "expired"],
      deleted: ["enqueued", "deleted"],
    };
    const count = Object.values(expected).flat().length;
    await until(() => Object.values(told()).flat().length === count);
    assert.deepEqual(told(), expected);
    const find = (id: string, kind: string) =>
      events.find((event) => "jobId" in event && event.jobId === id && event.kind === kind);
    const { id, at, ...retrying } = find(ids.fails, "job.retrying") as JobdEvent & { runAt?: number };
    assert.ok(Number.isSafeInteger(id) && Math.abs(Date.now() - at) < 3_600_000);
    assert.deepEqual(retrying, {
      kind: "job.retrying",
      namespace: "default",
      queue: "default",
      jobId: ids.fails,
      type: "fails",
      attempt: 1,
      state: "scheduled",
      error: { code: "error", message: "first line" },
      runAt: retrying.runAt,
    });
    assert.ok(!JSON.stringify(events).match(/secret|fine|half/), "no payload, result or note is told");
    await until(() =>
      events.some((event) => queueOf(event) === "children" && event.kind === "job.completed")
    );
    const children = events.filter((event) => queueOf(event) === "children").map(({ kind }) => kind);
    assert.deepEqual(children.toSorted(), ["job.completed", "job.enqueued", "job.started"]);
    assert.deepEqual(
      events.filter((event) => queueOf(event) === "mails" && event.kind.startsWith("queue")).map(({ kind }) =>
        kind
      ),
      ["queue.updated", "queue.paused", "queue.resumed", "queue.deleted"],
    );
    const order = events.map((event) => event.id);
    assert.deepEqual(order, order.toSorted((a, b) => a - b));
    assert.equal(new Set(order).size, order.length);
  },
  "a job that waits at a limit tells that too": async (two) => {
    const { here, there } = two;
    const events: JobdEvent[] = [];
    await using _subscription = await here.on("job.*", (event) => void events.push(event));
    await there.limits.pause({ type: "ok" });
    await two.work();
    const { id } = await there.enqueue({ type: "ok" });
    await until(() => kindsOfJob(events, id).includes("blocked"));
    await here.limits.resume({ type: "ok" });
    await until(() => kindsOfJob(events, id).includes("completed"));
    assert.deepEqual(kindsOfJob(events, id), ["enqueued", "started", "blocked", "started", "completed"]);
  },
  "patterns and filters choose; a job retried by hand is told": async (two) => {
    await two.work();
    const heard: Record<string, string[]> = { dead: [], jobs: [], queue: [], type: [], job: [] };
    const note = (name: string) => (event: JobdEvent) => heard[name]?.push(event.kind);
    const first = await two.there.enqueue({ type: "bad", queue: "a" });
    await two.there.jobs.wait(first.id);
    await Promise.all([
      two.here.on("job.dead", note("dead")),
      two.here.on("job.*", note("jobs")),
      two.here.on("*", note("queue"), { queue: ["b", "c"] }),
      two.here.on("*", note("type"), { type: "ok" }),
      two.here.on("job.*", note("job"), { jobId: first.id }),
    ]);
    await two.there.jobs.retry(first.id);
    await two.there.jobs.wait(first.id);
    await two.there.jobs.wait((await two.there.enqueue({ type: "ok", queue: "b" })).id);
    await two.there.queues.pause("b");
    await until(() => heard.queue?.length === 4 && heard.jobs?.length === 6);
    // What two programs do at the same moment has no order among the events; what the worker does has.
    const ofWorker = Object.values(heard).map((list) =>
      list.filter((kind) => /started|dead|completed/.test(kind))
    );
    assert.deepEqual(ofWorker, [
      ["job.dead"],
      ["job.started", "job.dead", "job.started", "job.completed"],
      ["job.started", "job.completed"],
      ["job.started", "job.completed"],
      ["job.started", "job.dead"],
    ]);
    const kinds = Object.entries(heard).map(([name, list]) => [name, list.sort()]);
    assert.deepEqual(Object.fromEntries(kinds), {
      dead: ["job.dead"],
      jobs: ["job.completed", "job.dead", "job.enqueued", "job.requeued", "job.started", "job.started"],
      queue: ["job.completed", "job.enqueued", "job.started", "queue.paused"],
      type: ["job.completed", "job.enqueued", "job.started"],
      job: ["job.dead", "job.requeued", "job.started"],
    });
  },
  "nothing is written while nobody listens": async (two) => {
    await two.work();
    const jobs = await two.there.enqueueMany(Array.from({ length: 300 }, () => ({ type: "ok" })));
    const last = jobs.at(-1);
    assert.ok(last);
    await until(async () =>
      (await two.there.jobs.page({ state: "completed", limit: 500 })).items.length === 300
    );
    await (await two.here.on("queue.*", () => {})).close();
    await known();
    await two.there.jobs.wait((await two.there.enqueue({ type: "ok" })).id);
    assert.deepEqual(await two.driver.eventSpan(), { first: 0, last: 0 });
  },
  "events go on after a cursor, also for another program, and a gap is told": async (two) => {
    await two.work();
    const first = await two.here.on("job.completed", () => {});
    assert.deepEqual([first.gap, first.dropped], [false, 0]);
    for (let each = 0; each < 3; each++) {
      await two.there.jobs.wait((await two.there.enqueue({ type: "ok" })).id);
    }
    await until(async () => (await two.driver.eventsAfter(0, 10)).length === 3);
    const [one, ...rest] = await two.driver.eventsAfter(0, 10);
    assert.ok(one);
    await using stream = two.there.events({ kinds: "job.completed", after: one.id });
    const again = [(await stream.next()).value, (await stream.next()).value];
    assert.deepEqual(again, rest);
    assert.deepEqual([stream.cursor, stream.gap], [rest[1]?.id, false]);
    await using all = two.here.events({ kinds: ["job.completed"], after: 0 });
    assert.deepEqual([(await all.next()).value, all.gap], [one, false]);
    const retention = { completed: 1e12, cancelled: 1e12, expired: 1e12, dead: 1e12 };
    for (let cursor: string | undefined, begun = false; !begun || cursor !== undefined; begun = true) {
      const request = { now: 0, retention, limit: 100, events: { before: 0, keep: 1 } };
      cursor = (await two.driver.prune({ ...request, ...(cursor === undefined ? {} : { cursor }) })).cursor;
    }
    await using late = two.here.events({ after: one.id });
    assert.deepEqual([(await late.next()).value, late.gap], [rest[1], true]);
    await using other = two.here.events({ after: 1_000_000 });
    await other.ready;
    assert.equal(other.gap, true);
  },
  "a slow reader gets the newest events and is told how many were dropped": async (two) => {
    await using stream = two.here.events({ kinds: "job.enqueued", buffer: 5 });
    await stream.ready;
    const jobs = await two.there.enqueueMany(Array.from({ length: 20 }, () => ({ type: "ok" })));
    await until(() => stream.dropped === 15);
    const read: (string | undefined)[] = [];
    for await (const event of stream) {
      read.push(event.jobId);
      if (read.length === 5) break;
    }
    assert.deepEqual(read, jobs.slice(15).map(({ id }) => id));
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  },
  "a listener that fails, or takes its time, keeps nothing from the others": async (two) => {
    const read: string[] = [];
    const stuck = await two.here.on("job.enqueued", () => new Promise(() => {}));
    await two.here.on("job.enqueued", () => {
      throw new Error("it is the listener that fails");
    });
    await two.here.on("job.enqueued", ({ jobId }) => read.push(jobId));
    const jobs = await two.there.enqueueMany([{ type: "ok" }, { type: "ok" }]);
    await until(() =>
      read.length === 2 && LOGGED.filter((line) => /listener failed/.test(line)).length === 2
    );
    assert.deepEqual(read, jobs.map(({ id }) => id));
    stuck.close();
    stuck.close();
    await using ended = await two.here.on("*", () => read.push("ended"), { signal: AbortSignal.abort() });
    await two.there.enqueue({ type: "ok" });
    await until(() => read.length === 3);
    assert.ok(!read.includes("ended") && ended.dropped === 0);
  },
  "who listens and dies costs events only until its interest expires": async (two) => {
    await two.work();
    const { id: _, ...watcher } = {
      id: "",
      wants: [{ namespace: "default", kinds: ["job.started"] as const }],
    };
    const dead = { id: "dead", wants: watcher.wants.map((each) => ({ ...each, kinds: [...each.kinds] })) };
    const run = async () => {
      await known();
      await two.there.jobs.wait((await two.there.enqueue({ type: "ok" })).id);
    };
    await two.driver.saveWatcher({ ...dead, expiresAt: await two.driver.time() + 60_000 });
    await run();
    await until(async () => (await two.driver.eventSpan()).last > 0);
    const { last } = await two.driver.eventSpan();
    await two.driver.saveWatcher({ ...dead, expiresAt: await two.driver.time() - 1 });
    await run();
    await known();
    assert.equal((await two.driver.eventSpan()).last, last);
  },
  "a job taken back from a dead worker is told": async (two) => {
    const heard: string[] = [];
    await two.here.on("job.*", ({ kind, error }) => heard.push(`${kind} ${error?.code ?? ""}`));
    const { id } = await two.there.enqueue({ type: "ok" });
    const now = await two.driver.time();
    await two.driver.claim({
      worker: "dead",
      namespace: "default",
      queues: "all",
      types: "all",
      limit: 1,
      now,
      expiresAt: now - 60_000,
    });
    await two.work();
    assert.equal((await two.there.jobs.wait(id)).attempt, 2);
    await until(() => heard.length === 4);
    assert.deepEqual(heard, [
      "job.enqueued ",
      "job.rescued worker_lost",
      "job.started ",
      "job.completed ",
    ]);
  },
  "result() and wait() hear of the end from another program": async (two) => {
    await two.work();
    const job = await two.here.enqueue({ type: "gated" });
    const result = job.result();
    await until(async () => (await two.driver.watchers()).length === 1);
    await known();
    await two.pass(job.id);
    assert.equal(await result, "passed");
    const doomed = await two.here.enqueue({ type: "ok", delay: "1h" });
    const cancelled = two.here.jobs.wait(doomed.id);
    await until(async () => JSON.stringify(await two.driver.watchers()).includes(doomed.id));
    await known();
    await two.there.jobs.cancel(doomed.id);
    assert.equal((await cancelled).state, "cancelled");
    const removed = await two.here.enqueue({ type: "ok", delay: "1h" });
    const gone = assert.rejects(two.here.jobs.wait(removed.id), code("not_found"));
    await until(async () => JSON.stringify(await two.driver.watchers()).includes(removed.id));
    await known();
    await two.there.jobs.delete(removed.id);
    await gone;
  },
  "many who wait share one registration, and give up when they are told to": async (two) => {
    await two.work();
    const jobs = await two.here.enqueueMany(Array.from({ length: 130 }, () => ({ type: "gated" })));
    const results = jobs.flatMap((job) => [job.result(), job.result()]);
    const bored = new AbortController();
    const other = assert.rejects(
      two.here.jobs.wait(jobs[0]?.id ?? "", { signal: bored.signal }),
      code("timed_out"),
    );
    await until(async () => {
      const [watcher] = await two.driver.watchers();
      return watcher?.wants.some(({ jobs }) => jobs === undefined) ?? false;
    });
    assert.equal((await two.driver.watchers()).length, 1);
    await known();
    bored.abort();
    await other;
    await assert.rejects(two.here.jobs.wait(jobs[0]?.id ?? "", { timeoutMs: 1 }), code("timed_out"));
    for (const { id } of jobs) await two.pass(id);
    assert.deepEqual(new Set(await Promise.all(results)), new Set(["passed"]));
  },
  "close() ends listening and waiting, and leaves nothing behind": async (two) => {
    const stream = two.here.events();
    const seen: string[] = [];
    await two.here.on("job.*", ({ kind }) => seen.push(kind));
    const next = stream.next();
    const { id } = await two.here.enqueue({ type: "ok", delay: "1h" });
    assert.equal((await next).value?.kind, "job.enqueued");
    const waiting = assert.rejects(two.here.jobs.wait(id), code("store_unavailable"));
    const last = stream.next();
    await two.here.close();
    assert.deepEqual(await last, { done: true, value: undefined });
    await waiting;
    await known();
    assert.deepEqual(await two.driver.watchers(), []);
    await assert.rejects(two.here.on("*", () => {}), code("store_unavailable"));
  },
  "what cannot be is refused": async ({ here }) => {
    const refused = code("invalid_request");
    // deno-lint-ignore no-explicit-any
    const odd = (value: unknown): any => value;
    await assert.rejects(here.on(odd("job.done"), () => {}), refused);
    await assert.rejects(here.on("*", () => {}, { queue: "no good" }), refused);
    await assert.rejects(here.on("*", () => {}, { jobId: "4f2a" }), refused);
    await assert.rejects(here.on("*", () => {}, { after: -1 }), refused);
    assert.throws(() => here.events({ kinds: [] }), refused);
    assert.throws(() => here.events({ buffer: 0 }), refused);
  },
};

let LOGGED: string[] = [];

/** How {@linkcode watching} runs. */
interface SuiteOptions {
  /** Polls go on, where nothing else can tell of events. @default false */
  polls?: boolean;
  /** Only tests whose title holds this. @default all */
  only?: RegExp;
}

/** Registers the tests for one kind of store. */
export function watching(
  name: string,
  open: OpenStore,
  { polls = false, only = /^/ }: SuiteOptions = {},
): void {
  const log = Object.fromEntries(
    (["debug", "info", "warn", "error"] satisfies LogLevel[]).map((level) => [level, (line: string) => {
      LOGGED.push(line);
    }]),
  ) as NonNullable<OpenOptions["log"]>;
  for (const [title, body] of Object.entries(TESTS).filter(([title]) => only.test(title))) {
    Deno.test(`${name}: ${title}`, async () => {
      LOGGED = [];
      await using two = await Two.open(open, { log, ...(polls ? {} : { clock: withoutPolls }) });
      await body(two);
    });
  }
}
