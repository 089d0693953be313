import assert from "node:assert/strict";
import { sleep } from "../../src/domain/clock.ts";
import { defineJob, discard, Jobd, snooze } from "../../src/mod.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

const HOUR = 3_600_000;
const echo = defineJob({ type: "echo", run: ({ payload }) => payload });
const bad = defineJob({ type: "bad", maxAttempts: 2, run: () => Promise.reject(new Error("no")) });

Deno.test("nothing runs until the test says so, and then everything does", async () => {
  await using test = await TestJobd.open({ handlers: [echo, bad] });
  const { jobd, clock } = test;
  assert.ok(jobd instanceof Jobd);
  const job = await jobd.enqueue(echo, 7);
  await clock.advance("1h");
  assert.equal((await job.job()).state, "available");
  await jobd.enqueue(bad, null);
  const { completed, failed, dead, jobs, left } = await test.drain();
  assert.deepEqual([completed, failed, dead, left], [1, 1, 0, { scheduled: 1 }]);
  assert.deepEqual(jobs.map(({ type, state }) => [type, state]), [["echo", "completed"], [
    "bad",
    "scheduled",
  ]]);
  assert.equal(await job.result(), 7);
});

Deno.test("drain() brings retries and delayed jobs on by letting their times come, and not longer", async () => {
  const starts: number[] = [];
  const flaky = defineJob({
    type: "flaky",
    backoff: { base: "1h", max: "1d", jitter: "none" },
    run: ({ attempt }, { now }) => {
      starts.push(now());
      if (attempt < 4) throw new Error("not yet");
      return attempt;
    },
  });
  await using test = await TestJobd.open({ handlers: [flaky, echo], now: "2026-03-28T22:00:00Z" });
  const start = test.clock.now();
  const job = await test.jobd.enqueue(flaky, null);
  await test.jobd.enqueue(echo, 1, { delay: "7d" });
  const report = await test.drain({ until: start + 10 * HOUR });
  assert.deepEqual([report.completed, report.failed, report.left], [1, 3, { scheduled: 1 }]);
  assert.deepEqual(starts.map((at) => (at - start) / HOUR), [0, 1, 3, 7]);
  assert.deepEqual([await job.result(), test.clock.now()], [4, start + 7 * HOUR]);
  assert.equal((await test.drain({ withScheduled: true })).completed, 1);
  assert.equal(test.clock.now(), start + 7 * 24 * HOUR);
});

Deno.test("drain() goes by queue, type and number, one job after the other in order of dispatch", async () => {
  const ran: unknown[] = [];
  const note = defineJob({ type: "note", aliases: ["old"], run: ({ payload }) => void ran.push(payload) });
  await using test = await TestJobd.open({ handlers: [note, echo] });
  const { jobd } = test;
  await jobd.enqueue(note, "low", { priority: "low" });
  await jobd.enqueue(note, "high", { priority: "high" });
  await jobd.enqueue(note, "other queue", { queue: "other", priority: "critical" });
  await jobd.enqueue({ type: "old", payload: "alias", priority: 15 });
  await jobd.enqueue(echo, null, { priority: "critical" });
  await jobd.enqueue({ type: "unknown" });
  await test.drain({ limit: 1, queues: ["default"], types: ["note"] });
  assert.deepEqual(ran, ["high"]);
  await test.drain({ queues: ["default"], types: ["note"] });
  assert.deepEqual(ran, ["high", "low"]);
  await jobd.queues.pause("other");
  assert.equal((await test.drain()).completed, 2);
  await jobd.queues.resume("other");
  const { left } = await test.drain();
  assert.deepEqual([ran, left], [["high", "low", "alias", "other queue"], { available: 1 }]);
  await assert.rejects(test.drain({ types: ["unknown"] }), {
    code: "invalid_request",
    message: /No handler runs.*"unknown"/,
  });
  await assert.rejects(test.drain({ limit: 0 }), { code: "invalid_request" });
});

Deno.test("drain() says how attempts ended", async () => {
  await using test = await TestJobd.open({
    handlers: {
      fine: () => 1,
      off: ({ attempt }) => attempt === 1 ? snooze("1m") : 2,
      gone: () => discard("no"),
      late: (_, context) => untilStopped(context),
      slow: (_, context) => untilStopped(context),
      broken: () => Promise.reject(new Error("no")),
    },
  });
  await test.jobd.enqueueMany([
    { type: "fine" },
    { type: "off" },
    { type: "gone" },
    { type: "late", ttl: "30s" },
    { type: "slow", timeout: "2h", maxAttempts: 1 },
    { type: "broken", maxAttempts: 2, backoff: { base: "10s", jitter: "none" } },
  ]);
  const { jobs, ...counts } = await test.drain({ withScheduled: true });
  assert.deepEqual(counts, {
    completed: 2,
    failed: 1,
    dead: 3,
    snoozed: 1,
    parked: 0,
    cancelled: 0,
    expired: 1,
    released: 0,
    lost: 0,
    left: {},
  });
  assert.equal(jobs.length, 6);
  assert.equal(test.clock.monotonic(), 2 * HOUR + 40_000);
});

Deno.test("drain() gives up on work without an end, and says what it is", async () => {
  await using test = await TestJobd.open({
    handlers: {
      again: async (_, { enqueue }) => void await enqueue({ type: "again" }),
      poll: () => snooze("1m"),
    },
  });
  await test.jobd.enqueue({ type: "again" });
  await assert.rejects(test.drain({ maxRuns: 50 }), {
    code: "timed_out",
    message: 'After 50 attempts there is still work, of type "again"',
  });
  assert.equal((await test.drain({ limit: 3 })).completed, 3);
  await test.jobd.jobs.cancel({ state: "available" });
  await test.jobd.enqueue({ type: "poll" });
  await assert.rejects(test.drain({ withScheduled: true, maxRuns: 5 }), {
    message: /After 5 attempts.*"poll"/,
  });
});

Deno.test("inline: a job runs before enqueue answers, with what it enqueues, and a failure is stored", async () => {
  const ran: string[] = [];
  const leaf = defineJob<number>({ type: "leaf", run: ({ payload }) => void ran.push(`leaf ${payload}`) });
  const parent = defineJob<number>({
    type: "parent",
    run: async ({ payload }, { enqueue }) => {
      await enqueue(leaf, payload);
      ran.push(`parent ${payload}`);
    },
  });
  await using test = await TestJobd.open({ handlers: [leaf, parent, echo, bad], mode: "inline" });
  const { jobd } = test;
  assert.equal((await (await jobd.enqueue(echo, { a: 1 })).job()).state, "completed");
  await jobd.enqueueMany([{ job: parent, payload: 1 }, { job: parent, payload: 2 }]);
  assert.deepEqual(ran.toSorted(), ["leaf 1", "leaf 2", "parent 1", "parent 2"]);
  const failed = await (await jobd.enqueue(bad, null)).job();
  assert.deepEqual([failed.state, failed.error?.message, failed.failures], ["scheduled", "no", 1]);
  assert.equal((await jobd.enqueue(echo, 1, { delay: "1h" })).state, "scheduled");
  assert.equal((await (await jobd.enqueue({ type: "unknown" })).job()).state, "available");
  test.mode = "manual";
  assert.equal((await (await jobd.enqueue(echo, 1)).job()).state, "available");
});

Deno.test("inline: handlers that enqueue, however deep, and calls at the same time", async () => {
  const jobds: Jobd[] = [];
  const deep = defineJob<number>({
    type: "deep",
    async run({ payload }): Promise<number> {
      if (payload === 0) return 0;
      const inner = await jobds[0]!.enqueue({ type: "deep", payload: payload - 1 });
      assert.equal((await inner.job()).state, "completed");
      return 1 + Number(await inner.result());
    },
  });
  await using test = await TestJobd.open({ handlers: [deep], mode: "inline" });
  jobds.push(test.jobd);
  const made = await Promise.all([
    test.jobd.enqueue(deep, 12),
    test.jobd.enqueue(deep, 3),
    test.jobd.enqueue(deep, 0),
  ]);
  assert.deepEqual(await Promise.all(made.map((job) => job.result())), [12, 3, 0]);
  assert.equal(test.clock.monotonic(), 0);
});

Deno.test("inline: a handler does not wait for what may not run", async () => {
  const jobds: Jobd[] = [];
  await using test = await TestJobd.open({
    handlers: {
      outer: async () => {
        const paused = await jobds[0]!.enqueue({ type: "inner", queue: "paused" });
        const delayed = await jobds[0]!.enqueue({ type: "inner", delay: "1m" });
        return [(await paused.job()).state, (await delayed.job()).state];
      },
      inner: () => 1,
    },
    mode: "inline",
  });
  jobds.push(test.jobd);
  await test.jobd.queues.create("paused");
  await test.jobd.queues.pause("paused");
  const job = await test.jobd.enqueue({ type: "outer" });
  assert.deepEqual(await job.result(), ["available", "scheduled"]);
});

Deno.test("a handler may let time pass itself until something has happened", async () => {
  const tests: TestJobd[] = [];
  await using test = await TestJobd.open({
    handlers: { waits: () => tests[0]!.clock.until(sleep(tests[0]!.clock, 1_000)).then(() => "waited") },
    patience: "20ms",
  });
  tests.push(test);
  await using _worker = await test.startWorker();
  const job = await test.jobd.enqueue({ type: "waits" });
  await test.clock.advance("1h");
  assert.deepEqual([await job.result(), (await job.job()).attempt], ["waited", 1]);
});

Deno.test("inline: what the handler throws comes out of enqueue when the test wants it", async () => {
  const error = new TypeError("no such thing");
  await using test = await TestJobd.open({
    handlers: { thrower: () => Promise.reject(error), discarder: () => discard("useless"), fine: () => 1 },
    mode: "inline",
    throwFailures: true,
  });
  await assert.rejects(test.jobd.enqueue({ type: "thrower" }), (thrown: Error) => {
    assert.match(thrown.message, /of type thrower failed and is scheduled: no such thing$/);
    return thrown.cause === error;
  });
  await assert.rejects(test.jobd.enqueue({ type: "discarder" }), {
    code: "job_failed",
    message: /is dead: useless/,
  });
  await test.jobd.enqueue({ type: "fine" });
});

Deno.test("discard: jobs are accepted, checked and forgotten, but seen", async () => {
  await using test = await TestJobd.open({ handlers: [echo], mode: "discard" });
  const { id, outcome } = await test.jobd.enqueue(echo, "x");
  assert.equal(outcome, "created");
  await assert.rejects(test.jobd.jobs.get(id), { code: "not_found" });
  await assert.rejects(test.jobd.enqueue({ type: "no good!" }), { code: "invalid_request" });
  test.assertEnqueued(echo, { payload: "x", count: 1 });
  assert.equal((await test.drain()).completed, 0);
});

Deno.test("a bad mode, and work without handlers, are refused", async () => {
  await assert.rejects(TestJobd.open({ mode: "online" as never }), { code: "invalid_request" });
  await assert.rejects(TestJobd.open({ mode: "inline" }), {
    code: "invalid_request",
    message: /no handlers/,
  });
  await assert.rejects(TestJobd.open({ handlers: {} }), { code: "invalid_request" });
  await assert.rejects(TestJobd.open({ handlers: [defineJob({ type: "a" })] }), { message: /has no run/ });
  await using test = await TestJobd.open();
  await assert.rejects(test.drain(), { code: "invalid_request", message: /no handlers/ });
  await assert.rejects(test.startWorker(), { code: "invalid_request" });
});

Deno.test("the same seed gives the same ids and the same jitter, another one others", async () => {
  const world = async (seed: number): Promise<unknown> => {
    await using test = await TestJobd.open({ handlers: [bad], seed });
    const { id } = await test.jobd.enqueue(bad, null, {
      backoff: { base: "1m", jitter: "full" },
      maxAttempts: 5,
    });
    await test.drain({ withScheduled: true });
    return { id, starts: (await test.jobd.jobs.executions(id)).map(({ startedAt }) => startedAt) };
  };
  const [one, again, other] = await Promise.all([world(1), world(1), world(2)]);
  assert.deepEqual(one, again);
  assert.notDeepEqual(one, other);
});

Deno.test("real work of a handler takes no time on the clock", async () => {
  await using test = await TestJobd.open({
    handlers: { reads: async () => (await new Promise((resolve) => setTimeout(resolve, 60)), "read") },
  });
  await using _worker = await test.startWorker();
  const job = await test.jobd.enqueue({ type: "reads", timeout: "10ms" });
  await test.clock.advance("1h");
  assert.equal(await job.result(), "read");
});

Deno.test({
  name: "a test needs no rights",
  permissions: "none",
  async fn() {
    await using test = await TestJobd.open({ handlers: [echo], mode: "inline" });
    assert.equal(await (await test.jobd.enqueue(echo, 1)).result(), 1);
    await using _worker = await test.startWorker();
    await test.clock.advance("1h");
  },
});

Deno.test("tests side by side do not see each other", async () => {
  const one = async (n: number): Promise<unknown> => {
    await using test = await TestJobd.open({ handlers: { add: ({ payload }) => Number(payload) + n } });
    await test.clock.advance(n * 1_000);
    const job = await test.jobd.enqueue({ type: "add", payload: 1, delay: n });
    const { completed } = await test.drain({ withScheduled: true });
    return [completed, await job.result(), test.enqueued().length, test.clock.monotonic()];
  };
  const all = await Promise.all(Array.from({ length: 10 }, (_, n) => one(n)));
  assert.deepEqual(all, Array.from({ length: 10 }, (_, n) => [1, 1 + n, 1, n * 1_001]));
});

Deno.test("a worker that cannot start leaves nothing behind, and programs and workers may disturb each other", async () => {
  await using test = await TestJobd.open({ handlers: [echo] });
  test.faults.fail("saveWorker");
  await assert.rejects(test.startWorker(), { code: "store_unavailable" });
  assert.equal(test.clock.pending, 0);
  test.faults.delay("saveWorker", "5s", { times: 1 });
  await using _worker = await test.startWorker();
  assert.equal(test.clock.monotonic(), 5_000);
  await test.jobd.enqueue(echo, 1);
  // The block ends its workers in the middle of an outage.
  test.faults.silence();
});

Deno.test("a test may bring keys of its own, and types that are always encrypted", async () => {
  const encryption = { keys: { k1: btoa("k".repeat(32)) }, current: "k1", types: ["pay"] };
  await using test = await TestJobd.open({ encryption });
  const job = await test.jobd.enqueue({ type: "pay", payload: { a: 1 } });
  const { payload, options } = await job.job();
  assert.deepEqual([payload, options.encrypted !== undefined], [{ a: 1 }, true]);
});
