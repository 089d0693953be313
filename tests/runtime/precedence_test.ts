import assert from "node:assert/strict";
import { defineJob, Jobd, type JobDefinition, type Logger } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

const rule = (ms: number) => ({ base: ms, max: ms, jitter: "none" }) as const;
const stored = (ms: number) => ({ baseMs: ms, maxMs: ms, jitter: "none" }) as const;
const bad = () => Promise.reject(new Error("no"));

/** The delay after the first failure of a job. */
async function delayOf(test: TestJobd, definition: JobDefinition, options = {}): Promise<number | undefined> {
  const { id } = await test.jobd.enqueue(definition, null, { maxAttempts: 2, ...options });
  await test.drain({ withScheduled: true });
  return (await test.jobd.executions.of(id))[0]?.error?.retryInMs;
}

Deno.test("the backoff of a job beats that of its queue, that of its definition, and that of the worker", async () => {
  const plain = defineJob({ type: "plain", run: bad });
  const ruled = defineJob({ type: "ruled", backoff: rule(30), run: bad });
  const counted = defineJob({ type: "counted", backoff: () => 40, run: bad });
  await using test = await TestJobd.open({
    handlers: [plain, ruled, counted],
    worker: { backoff: stored(50) },
  });
  await test.jobd.queues.create("own", { backoff: stored(20) });
  for (const [definition, otherwise] of [[plain, 50], [ruled, 30], [counted, 40]] as const) {
    assert.equal(await delayOf(test, definition), otherwise, definition.type);
    assert.equal(await delayOf(test, definition, { queue: "own" }), 20, definition.type);
    assert.equal(await delayOf(test, definition, { queue: "own", backoff: rule(10) }), 10, definition.type);
  }
});

Deno.test("the priority of a job beats that of its definition, and that of its queue", async () => {
  const plain = defineJob({ type: "plain", run: () => null });
  const ranked = defineJob({ type: "ranked", priority: "high", run: () => null });
  await using test = await TestJobd.open({ handlers: [plain, ranked] });
  const { jobd } = test;
  await jobd.queues.create("own", { priority: 5 });
  const priority = async (definition: JobDefinition, options = {}): Promise<number> =>
    (await jobd.jobs.get((await jobd.enqueue(definition, null, options)).id)).priority;
  assert.deepEqual([await priority(plain), await priority(ranked)], [0, 10]);
  assert.deepEqual([await priority(plain, { queue: "own" }), await priority(ranked, { queue: "own" })], [
    5,
    10,
  ]);
  assert.equal(await priority(plain, { queue: "own", priority: 0, maxAttempts: 1, ttl: "1h" }), 0);
  assert.equal(await priority(plain, { queue: "own", maxAttempts: 1, ttl: "1h" }), 5);
});

Deno.test("a job for another namespace is as the queue of that namespace says", async () => {
  const driver = new MemoryDriver();
  await using jobd = await Jobd.open(driver);
  await jobd.queues.create("q", { priority: 5, maxAttempts: 7, ttlMs: 1_000 });
  await driver.updateQueue({
    namespace: "other",
    name: "q",
    at: 0,
    settings: { priority: 3, maxAttempts: 2 },
  });
  const made = async (request: object): Promise<unknown[]> => {
    const { id } = await jobd.enqueue({ type: "a", queue: "q", ...request });
    const [job] = await driver.get([id]);
    return [job?.namespace, job?.priority, job?.maxAttempts, job?.options.ttlMs];
  };
  assert.deepEqual(await made({}), ["default", 5, 7, 1_000]);
  assert.deepEqual(await made({ namespace: "other" }), ["other", 3, 2, undefined]);
  assert.deepEqual(await made({ namespace: "third" }), ["third", 0, 5, undefined]);
});

Deno.test("every attempt has a timeout: of the job, its queue, its definition, or the worker, whose default is 5 m", async () => {
  const wait = (_: unknown, context: Parameters<typeof untilStopped>[0]) => untilStopped(context);
  const plain = defineJob({ type: "plain", run: wait });
  const short = defineJob({ type: "short", timeout: "30s", run: wait });
  await using test = await TestJobd.open({ handlers: [plain, short] });
  const { jobd } = test;
  await jobd.queues.create("own", { timeoutMs: 20_000 });
  const took = async (definition: JobDefinition, options = {}): Promise<number> => {
    const { id } = await jobd.enqueue(definition, null, { maxAttempts: 1, ...options });
    await test.drain();
    const [run] = await jobd.executions.of(id);
    assert.equal(run?.error?.code, "timeout");
    return (run.finishedAt ?? 0) - run.startedAt;
  };
  assert.equal(await took(plain), 300_000);
  assert.equal(await took(short), 30_000);
  for (const definition of [plain, short]) {
    assert.equal(await took(definition, { queue: "own" }), 20_000);
    assert.equal(await took(definition, { queue: "own", timeout: "10s" }), 10_000);
  }
});

Deno.test("the worker's log names every failed attempt, with and without an error handler", async () => {
  for (const onError of [undefined, () => {}]) {
    const lines: unknown[][] = [];
    const quiet = (): void => {};
    const log: Logger = {
      debug: quiet,
      info: quiet,
      error: quiet,
      warn: (message, { outcome, to, error } = {}) => lines.push([message, outcome, to, error]),
    };
    await using work = await working({ bad }, { log, ...(onError === undefined ? {} : { onError }) });
    await work.run("bad", { maxAttempts: 2 });
    assert.deepEqual(lines, [
      ["Attempt ended", "failed", "scheduled", "no"],
      ["Attempt ended", "failed", "dead", "no"],
    ]);
  }
});

Deno.test("a worker runs as many jobs at once as it was told, ten by default", async () => {
  for (const concurrency of [undefined, 3]) {
    await using test = await TestJobd.open({ handlers: { slow: (_, context) => untilStopped(context) } });
    const worker = await test.startWorker(concurrency === undefined ? {} : { concurrency });
    const slots = concurrency ?? 10;
    await test.jobd.enqueueMany(Array.from({ length: slots + 5 }, () => ({ type: "slow" })));
    await test.clock.advance("5s");
    const running = await Array.fromAsync(test.jobd.jobs.list({ state: "running" }));
    assert.deepEqual([worker.running, running.length], [slots, slots]);
    await worker.stop({ timeout: 0 });
    assert.equal((await Array.fromAsync(test.jobd.jobs.list({ state: "available" }))).length, slots + 5);
  }
});
