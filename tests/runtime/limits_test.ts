import assert from "node:assert/strict";
import { coolDown, defineJob, EACH_KEY, Jobd, JobdError, type WorkerOptions } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { working } from "../support/real_time.ts";

/** Counts how many run at a time, of each key and together; each run lasts until `step` lets the next one end. */
function counter() {
  const running = new Map<string, number>();
  const waiting: (() => void)[] = [];
  const seen = { most: 0, mostOfKey: 0, order: [] as string[] };
  return {
    seen,
    run: async (key: string): Promise<void> => {
      running.set(key, (running.get(key) ?? 0) + 1);
      seen.order.push(key);
      seen.most = Math.max(seen.most, running.values().reduce((sum, count) => sum + count, 0));
      seen.mostOfKey = Math.max(seen.mostOfKey, running.get(key) ?? 0);
      await new Promise<void>((resolve) => waiting.push(resolve));
      running.set(key, (running.get(key) ?? 0) - 1);
    },
    /** Ends all that run. */
    step: (): void => waiting.splice(0).forEach((end) => end()),
  };
}

/** Lets runs end until all jobs have. */
async function drain(jobs: { result(): Promise<unknown> }[], step: () => void): Promise<void> {
  let open = true;
  const all = Promise.all(jobs.map((job) => job.result())).finally(() => open = false);
  while (open) {
    step();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await all;
}

const fast: Partial<WorkerOptions> = { concurrency: 20 };

Deno.test("a limit of a definition holds for all workers together, for each key by itself", async () => {
  const count = counter();
  const work = defineJob<{ key: string }>({
    type: "work",
    limit: { concurrency: 2, key: ({ key }) => key },
    run: ({ payload }) => count.run(payload.key),
  });
  await using here = await working([work], fast);
  await using other = here.jobd.worker({ handlers: [work], ...fast });
  await other.start();
  const keys = ["a", "b", "c"];
  const requests = Array.from({ length: 30 }, (_, n) => ({ job: work, payload: { key: keys[n % 3] ?? "" } }));
  await drain(await here.jobd.enqueueMany(requests), count.step);
  assert.deepEqual([count.seen.most, count.seen.mostOfKey, count.seen.order.length], [6, 2, 30]);
  assert.deepEqual(await here.jobd.limits.list(), [{
    namespace: "default",
    target: "type",
    name: "work",
    key: EACH_KEY,
    settings: { concurrency: 2 },
    pausedAt: null,
    source: "code",
  }]);
});

Deno.test("an operator's limit beats that of the definition, and can be changed while jobs run", async () => {
  const count = counter();
  const work = defineJob({ type: "work", limit: { concurrency: 5 }, run: () => count.run("") });
  await using here = await working({ other: () => null });
  await here.jobd.limits.set({ type: "work", concurrency: 1 });
  await using worker = here.jobd.worker({ handlers: [work], ...fast });
  await worker.start();
  await drain(
    await here.jobd.enqueueMany(Array.from({ length: 6 }, () => ({ job: work, payload: null }))),
    count.step,
  );
  assert.equal(count.seen.most, 1);
  await here.jobd.limits.set({ type: "work", concurrency: 3 });
  await drain(
    await here.jobd.enqueueMany(Array.from({ length: 9 }, () => ({ job: work, payload: null }))),
    count.step,
  );
  assert.equal(count.seen.most, 3);
});

Deno.test("a limit that the definition does not have any more is taken back", async () => {
  const jobd = await Jobd.open(new MemoryDriver({ now: () => Date.now() }));
  const start = async (limit: { concurrency: number } | undefined): Promise<void> => {
    const work = defineJob({ type: "work", ...(limit === undefined ? {} : { limit }), run: () => null });
    await using worker = jobd.worker({ handlers: [work] });
    await worker.start();
  };
  await start({ concurrency: 1 });
  assert.equal((await jobd.limits.list()).length, 1);
  await start(undefined);
  assert.deepEqual(await jobd.limits.list(), []);
  await jobd.limits.set({ type: "work", concurrency: 1 });
  await start(undefined);
  assert.equal((await jobd.limits.list()).length, 1, "an operator's stays");
  await jobd.close();
});

Deno.test("a paused type waits until it is resumed, and its limit stays what it was", async () => {
  await using here = await working({ work: () => "done", other: () => "done" }, fast);
  const { jobd } = here;
  await jobd.limits.set({ type: "work", concurrency: 7 });
  await jobd.limits.pause({ type: "work" });
  const held = await jobd.enqueue({ type: "work" });
  await here.run("other");
  await here.run("other");
  assert.equal((await held.job()).state, "blocked");
  const { settings, pausedAt } = await jobd.limits.resume({ type: "work" });
  assert.deepEqual([settings, pausedAt], [{ concurrency: 7 }, null]);
  assert.equal(await held.result(), "done");
});

Deno.test("a handler that is told to slow down keeps its key back on all workers", async () => {
  const starts: string[] = [];
  const call = defineJob<{ host: string }>({
    type: "call",
    limit: { concurrency: 10, key: ({ host }) => host },
    run: ({ payload: { host }, attempt }) => {
      starts.push(host);
      return host === "slow" && attempt === 1 ? coolDown("1h", "429") : "ok";
    },
  });
  await using here = await working([call], fast);
  const { jobd } = here;
  const first = await jobd.enqueue(call, { host: "slow" });
  for (let state = ""; state !== "scheduled"; state = (await first.job()).state) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const second = await jobd.enqueue(call, { host: "slow" });
  assert.equal(await (await jobd.enqueue(call, { host: "fast" })).result(), "ok");
  for (let state = ""; state !== "blocked"; state = (await second.job()).state) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(starts, ["slow", "fast"]);
  assert.equal((await first.job()).failures, 0);
});

Deno.test("a rate by weight: starts are spread over the time", async () => {
  const starts: number[] = [];
  const work = defineJob<{ size: number }>({
    type: "work",
    limit: { rate: { limit: 4, per: "100ms", burst: 4 }, weight: ({ size }) => size },
    run: ({ startedAt }) => void starts.push(startedAt ?? 0),
  });
  await using here = await working([work], fast);
  const jobs = await here.jobd.enqueueMany(
    Array.from({ length: 5 }, () => ({ job: work, payload: { size: 2 } })),
  );
  await Promise.all(jobs.map((job) => job.result()));
  // Two at once, then one each 50 ms: by the store's clock the last no earlier than 150 ms after the first.
  assert.ok((starts[4] ?? 0) - (starts[0] ?? 0) >= 150);
});

Deno.test("limits that cannot be are refused", async () => {
  const jobd = await Jobd.open(new MemoryDriver({ now: () => Date.now() }));
  const refused = (options: object, message: RegExp) =>
    assert.rejects(
      jobd.limits.set(options as { type: string; concurrency: number }),
      (error: unknown) =>
        error instanceof JobdError && error.code === "invalid_request" && message.test(error.message),
    );
  await refused({ concurrency: 1 }, /about a queue or about a type/);
  await refused({ type: "t", queue: "q", concurrency: 1 }, /about a queue or about a type/);
  await refused({ type: "t" }, /limits nothing/);
  await refused({ type: "t", concurrency: 0 }, /concurrency: 0 is not an integer from 1/);
  await refused({ type: "t", rate: { limit: 1.5, per: "1s" } }, /rate: 1.5/);
  await refused({ type: "t", rate: { limit: 1, per: 0 } }, /period of a rate/);
  await refused({ type: "t", key: "", concurrency: 1 }, /limit key/);
  await refused({ type: "t", speed: 1 }, /Unknown limit "speed"/);
  assert.throws(() => defineJob({ type: "t", limit: { concurrency: -1 } }), /concurrency: -1/);
  await assert.rejects(jobd.enqueue({ type: "t", limitKey: "" }), /limit key/);
  await assert.rejects(jobd.enqueue({ type: "t", limitWeight: 0 }), /limit weight: 0/);
  await jobd.close();
});
