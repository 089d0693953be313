import assert from "node:assert/strict";
import { defineJob } from "../../src/mod.ts";
import { sleep } from "../../src/domain/clock.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

const SECOND = 1_000;
const BACKOFF = { baseMs: 10 * SECOND, maxMs: 3_600 * SECOND, jitter: "none" } as const;

Deno.test("a worker works as time passes: delays, retries, timeouts and deadlines come in order", async () => {
  const seen: [string, number][] = [];
  await using test = await TestJobd.open({
    handlers: {
      note: ({ payload }, { clock }) => void seen.push([String(payload), clock.monotonic() / SECOND]),
      flaky: ({ attempt }, { clock }) => {
        seen.push([`flaky ${attempt}`, clock.monotonic() / SECOND]);
        if (attempt < 3) throw new Error("again");
      },
      long: async (_, { clock }) => {
        await sleep(clock, 45 * SECOND);
        seen.push(["long", clock.monotonic() / SECOND]);
      },
      hang: (_, context) => untilStopped(context),
    },
    worker: { backoff: BACKOFF },
  });
  await using _worker = await test.startWorker();
  const { jobd, clock } = test;
  await jobd.enqueue({ type: "note", payload: "late", delay: "1h" });
  await jobd.enqueue({ type: "note", payload: "soon", delay: "1s" });
  await jobd.enqueue({ type: "flaky" });
  await jobd.enqueue({ type: "long" });
  const hang = await jobd.enqueue({ type: "hang", timeout: "5m", maxAttempts: 1 });
  await clock.advance("2h");
  assert.deepEqual(seen.map(([name, at]) => [name, Math.floor(at)]), [
    ["flaky 1", 0],
    ["soon", 1],
    ["flaky 2", 10],
    ["flaky 3", 30],
    ["long", 45],
    ["late", 3_600],
  ]);
  const { state, error, finishedAt, createdAt } = await hang.job();
  assert.deepEqual([state, error?.code, (finishedAt ?? 0) - createdAt], ["dead", "timeout", 300 * SECOND]);
});

Deno.test("a result is waited for by letting time pass", async () => {
  await using test = await TestJobd.open({
    handlers: { slow: async (_, { clock }) => (await sleep(clock, 9_000), "done") },
  });
  await using _worker = await test.startWorker();
  const job = await test.jobd.enqueue({ type: "slow", delay: "1h" });
  assert.equal(await test.clock.until(job.result()), "done");
});

Deno.test("jobs of a worker that is killed run again when its lease has ended, and nothing of it counts", async () => {
  const goOn = Promise.withResolvers<void>();
  const late: string[] = [];
  await using test = await TestJobd.open({
    handlers: {
      step: async ({ attempt }, { clock, checkpoint }) => {
        if (attempt > 1) return `attempt ${attempt}`;
        await Promise.race([goOn.promise, sleep(clock, 3_600 * SECOND)]);
        await checkpoint("late");
        late.push("a killed process went on");
        return "late";
      },
    },
    worker: { leaseMs: 30 * SECOND, backoff: BACKOFF },
  });
  const { clock, jobd } = test;
  const first = await test.startWorker();
  const job = await jobd.enqueue({ type: "step" });
  await clock.advance("1m");
  assert.equal(first.running, 1);
  first.kill();
  goOn.resolve();
  await using _second = await test.startWorker();
  await clock.advance("20s");
  assert.equal((await job.job()).state, "running");
  assert.equal(await clock.until(job.result()), "attempt 2");
  const [lost, good] = await jobd.jobs.executions(job.id);
  assert.deepEqual([lost?.outcome, lost?.error?.code, good?.outcome], ["lost", "worker_lost", "completed"]);
  assert.ok(clock.monotonic() < 120 * SECOND);
  assert.deepEqual(late, []);
});

Deno.test("what a killed worker ran goes no further, also when it waits for nothing but the time", async () => {
  const went: number[] = [];
  await using test = await TestJobd.open({
    handlers: {
      walk: async (_, { clock }) => {
        for (let n = 0;; n++) {
          went.push(n);
          await sleep(clock, 10 * SECOND);
        }
      },
    },
  });
  const worker = await test.startWorker();
  await test.jobd.enqueue({ type: "walk" });
  await test.clock.advance("25s");
  worker.kill();
  assert.equal(test.clock.pending, 0);
  await test.clock.advance("1h");
  assert.deepEqual([went, worker.running], [[0, 1, 2], 0]);
});

Deno.test("drain() leaves alone what a worker that lives is running", async () => {
  await using test = await TestJobd.open({
    handlers: { long: async (_, { clock }) => await sleep(clock, 3_600 * SECOND), quick: () => 1 },
  });
  await using _worker = await test.startWorker({ handlers: { long: (_, context) => untilStopped(context) } });
  await test.jobd.enqueue({ type: "long", timeout: "1d" });
  await test.clock.advance("1s");
  await test.jobd.enqueue({ type: "quick", delay: "1s" });
  const { completed, left } = await test.drain({ withScheduled: true });
  assert.deepEqual([completed, left, test.clock.monotonic()], [1, { running: 1 }, 2 * SECOND]);
});

Deno.test("drain() waits for the leases of killed workers", async () => {
  await using test = await TestJobd.open({
    handlers: { step: ({ attempt }, context) => attempt === 1 ? untilStopped(context) : attempt },
  });
  const worker = await test.startWorker();
  const job = await test.jobd.enqueue({ type: "step" });
  await test.clock.advance("1s");
  worker.kill();
  assert.deepEqual((await test.drain()).left, { running: 1 });
  const { lost, completed } = await test.drain({ withScheduled: true });
  assert.deepEqual([lost, completed, await job.result()], [1, 1, 2]);
});

Deno.test("a worker that stops hands back what it runs after its grace", async () => {
  await using test = await TestJobd.open({ handlers: { hang: (_, context) => untilStopped(context) } });
  const worker = await test.startWorker();
  const job = await test.jobd.enqueue({ type: "hang" });
  await test.clock.advance("1s");
  await worker.stop({ timeout: "10s" });
  const { state, failures, releases } = await job.job();
  assert.deepEqual([state, failures, releases, test.clock.monotonic()], ["available", 0, 1, 11 * SECOND]);
  assert.equal(worker.running, 0);
});

Deno.test("a store that is away for a while costs nothing but time", async () => {
  const starts: number[] = [];
  const job = defineJob({
    type: "job",
    run: async ({ attempt }, { clock }) => {
      starts.push(attempt);
      await sleep(clock, 5 * SECOND);
      return "done";
    },
  });
  await using test = await TestJobd.open({ handlers: [job] });
  await using _worker = await test.startWorker();
  const { jobd, clock, faults } = test;
  const made = await jobd.enqueue(job, null);
  await clock.advance("1s");
  faults.away({ for: "10s" });
  await assert.rejects(jobd.enqueue(job, null), { code: "store_unavailable" });
  await clock.advance("9s");
  await assert.rejects(made.job(), { code: "store_unavailable" });
  await clock.advance("1m");
  assert.deepEqual([await made.result(), starts], ["done", [1]]);
});

Deno.test("an end whose answer was lost is written once, a claim whose answer was lost costs an attempt", async () => {
  await using test = await TestJobd.open({
    handlers: { job: ({ attempt }) => attempt },
    worker: { backoff: BACKOFF },
  });
  const settled = test.faults.fail("settle", { when: "after" });
  const one = await test.jobd.enqueue({ type: "job" });
  assert.equal((await test.drain()).completed, 1);
  assert.deepEqual([settled.struck, await one.result(), (await one.job()).failures], [1, 1, 0]);
  test.faults.fail("claim", { when: "after" });
  const two = await test.jobd.enqueue({ type: "job" });
  const { lost } = await test.drain({ withScheduled: true });
  assert.deepEqual([lost, await two.result()], [1, 2]);
});

Deno.test("drain() says when a fault lets nothing start", async () => {
  await using test = await TestJobd.open({ handlers: { job: () => 1 } });
  await test.jobd.enqueue({ type: "job" });
  test.faults.fail("claim", { times: 1e9 });
  await assert.rejects(test.drain(), { code: "timed_out", message: /none of them starts/ });
});

Deno.test("a test that ends in the middle of everything leaves nothing behind", async () => {
  const test = await TestJobd.open({ handlers: { hang: () => new Promise(() => {}) }, patience: 0 });
  await test.startWorker();
  const killed = await test.startWorker();
  await test.jobd.enqueueMany(Array.from({ length: 15 }, () => ({ type: "hang" })));
  await test.clock.advance("1s");
  killed.kill();
  test.faults.silence();
  await test.close();
});

Deno.test("workers that the program starts itself work at the test's time", async () => {
  await using test = await TestJobd.open();
  const worker = test.jobd.worker({
    handlers: {
      any: async (_, { clock }) => {
        await sleep(clock, 60_000);
      },
      real: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
      },
    },
  });
  await worker.start();
  const job = await test.jobd.enqueue({ type: "any", delay: "1h" });
  const real = await test.jobd.enqueue({ type: "real", timeout: "10ms" });
  await test.clock.advance("1h1m1s");
  assert.equal((await real.job()).state, "completed");
  assert.equal((await job.job()).state, "completed");
  await test.clock.until(worker.stop());
});
