import assert from "node:assert/strict";
import { type BatchEvent, defineJob, type JobRequest } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

const page = defineJob<number>({ type: "page", maxAttempts: 1, run: ({ payload }) => payload * 10 });
const fails = defineJob<null>({
  type: "fails",
  maxAttempts: 1,
  run: () => {
    throw new Error("not today");
  },
});

/** A handler that keeps what its callbacks are told. */
function listener() {
  const heard: string[] = [];
  const report = defineJob<{ file: string }>({
    type: "report",
    run: ({ payload, options: { callback } }) => {
      const { on, state, counts } = callback ?? {};
      heard.push(`${payload.file} ${on} ${state} ${counts?.completed}/${counts?.total}`);
    },
  });
  return { heard, report };
}

Deno.test("a batch runs its jobs, and then the jobs of its callbacks, which are told how it stands", async () => {
  const { heard, report } = listener();
  await using here = await working([page, report]);
  const { jobd } = here;
  const batch = await jobd.batch(
    [{ job: page, payload: 1 }, { job: page, payload: 2 }],
    {
      type: "import",
      origin: "shop",
      onComplete: { job: report, payload: { file: "a" } },
      onDead: { job: report, payload: { file: "b" } },
      onFinish: { type: "report", payload: { file: "c" }, delay: "1m" },
    },
  );
  assert.deepEqual([batch.outcome, batch.jobs.length], ["created", 2]);
  const ended = await here.until(batch.wait());
  assert.deepEqual([ended.state, ended.counts.completed, ended.origin], ["completed", 2, "shop"]);
  const { complete, finish, dead } = ended.callbacks;
  assert.deepEqual([complete?.enqueued, finish?.enqueued, dead?.enqueued], [true, true, false]);
  await here.until(jobd.jobs.wait(finish?.id ?? ""));
  assert.deepEqual(heard, ["a complete completed 2/2", "c finish completed 2/2"]);
  const results = await Array.fromAsync(jobd.batches.jobs(batch), ({ result }) => result);
  assert.deepEqual(results.toSorted(), [10, 20]);
});

Deno.test("a member adds jobs to its batch, which ends after them", async () => {
  const root = defineJob<number>({
    type: "root",
    run: async ({ payload }, { batch }) => {
      for (let at = 0; at < payload; at++) await batch?.add(page, at);
      if (payload > 1) await batch?.add({ type: "root", payload: payload - 1 });
      return batch?.id ?? null;
    },
  });
  await using here = await working([root, page]);
  const batch = await here.jobd.batch([{ job: root, payload: 3 }]);
  const { state, counts } = await here.until(batch.wait());
  assert.deepEqual([state, counts.total, counts.completed], ["completed", 9, 9]);
  const [first] = await Array.fromAsync(here.jobd.batches.jobs(batch, { type: "root" }));
  assert.equal(first?.result, batch.id);
  const alone = await here.jobd.enqueue(root, 0);
  assert.equal(await here.until(alone.result()), null);
});

Deno.test("a job of an attempt's end cannot join the batch of others", async () => {
  let said = "";
  const sly = defineJob<string>({
    type: "sly",
    run: async ({ payload }, { enqueue }) => {
      await enqueue(page, 1, { batch: payload }).catch((error: Error) => said = error.message);
    },
  });
  await using here = await working([sly, page]);
  const batch = await here.jobd.batch([], { open: true });
  await here.until((await here.jobd.enqueue(sly, batch.id)).result());
  assert.match(said, /cannot join batch/);
});

Deno.test("a failed batch is retried; each callback has come once", async () => {
  let broken = true;
  const brittle = defineJob<null>({
    type: "brittle",
    maxAttempts: 1,
    run: () => {
      if (broken) throw new Error("not today");
    },
  });
  const { heard, report } = listener();
  await using here = await working([brittle, page, report]);
  const { jobd } = here;
  const callback = (file: string) => ({ job: report, payload: { file } });
  const batch = await jobd.batch([{ job: brittle, payload: null }, { job: page, payload: 1 }], {
    onComplete: callback("all"),
    onFinish: callback("end"),
    onDead: callback("dead"),
  });
  const failed = await here.until(batch.wait());
  assert.deepEqual([failed.state, failed.counts.dead], ["failed", 1]);
  broken = false;
  const { succeeded } = await jobd.batches.retry(batch);
  assert.equal(succeeded.length, 1);
  assert.equal((await here.until(batch.wait())).state, "completed");
  await here.until(jobd.jobs.wait((await batch.get()).callbacks.complete?.id ?? ""));
  const [first, second, third] = heard;
  assert.equal(heard.length, 3);
  assert.match(first ?? "", /^dead dead/);
  assert.equal(second, "end finish failed 1/2");
  assert.equal(third, "all complete completed 2/2");
});

Deno.test("batches inside a batch count as members, and are cancelled and retried with it", async () => {
  await using here = await working([page, fails]);
  const { jobd } = here;
  const outer = await jobd.batch([], { open: true, type: "night" });
  const inner = await jobd.batch([{ job: fails, payload: null }], { parent: outer });
  await jobd.batch([{ job: page, payload: 1 }], { parent: outer });
  await outer.seal();
  const ended = await here.until(outer.wait());
  assert.deepEqual([ended.state, ended.counts.total, ended.counts.dead], ["failed", 2, 1]);
  assert.equal((await inner.get()).parent, outer.id);
  assert.equal((await jobd.batches.retry(outer)).succeeded.length, 1);
  await here.until(outer.wait());
  await assert.rejects(jobd.batch([], { parent: outer }), { code: "conflict" });

  const waits = await jobd.batch([{ job: page, payload: 1, delay: "1h" }], { open: true });
  const deep = await jobd.batch([{ job: page, payload: 1, delay: "1h" }], { parent: waits });
  assert.equal((await waits.cancel()).state, "cancelled");
  assert.equal((await deep.get()).state, "cancelled");
  assert.equal((await deep.get()).counts.cancelled, 1);
  assert.equal((await waits.cancel()).state, "cancelled");
  await assert.rejects(jobd.batches.cancel(outer), { code: "conflict" });
  await assert.rejects(waits.add([{ type: "page" }]), { code: "conflict" });
});

Deno.test("a running member is asked to stop when its batch is cancelled", async () => {
  const endless = defineJob<null>({
    type: "endless",
    run: (_job, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true })),
  });
  await using here = await working([endless]);
  const batch = await here.jobd.batch([{ job: endless, payload: null }]);
  await here.until((async () => {
    for await (const event of here.jobd.events({ kinds: "job.started", after: 0 })) if (event) break;
  })());
  await batch.cancel();
  const { state, counts } = await here.until(batch.wait());
  assert.deepEqual([state, counts.cancelled], ["cancelled", 1]);
});

Deno.test("without a worker an empty batch, a sealed one and a cancelled one end all the same", async () => {
  await using test = await TestJobd.open();
  const { jobd } = test;
  const empty = await jobd.batch([], { onComplete: { type: "x" } });
  assert.equal((await empty.get()).state, "completed");
  assert.equal((await jobd.jobs.get((await empty.get()).callbacks.complete?.id ?? "")).state, "available");
  const open = await jobd.batch([], { open: true });
  assert.equal((await open.get()).state, "open");
  assert.equal((await open.seal()).state, "completed");
  const cancelled = await jobd.batch([{ type: "page" }, { type: "page" }]);
  assert.equal((await cancelled.cancel()).state, "cancelled");
  assert.deepEqual((await cancelled.wait()).counts.cancelled, 2);
});

Deno.test("a batch made again with its id adds nothing", async () => {
  await using test = await TestJobd.open();
  const id = crypto.randomUUID();
  const first = await test.jobd.batch([{ type: "page" }], { id });
  const again = await test.jobd.batch([{ type: "page" }, { type: "page" }], { id });
  assert.deepEqual([first.outcome, again.outcome, again.jobs], ["created", "existing", []]);
  assert.equal((await again.get()).counts.total, 1);
});

Deno.test("more jobs than fit into one call are added in parts, from a generator too", async () => {
  await using test = await TestJobd.open();
  const { jobd } = test;
  function* many(count: number): Generator<JobRequest & { job?: never }> {
    for (let at = 0; at < count; at++) yield { type: "page", payload: at };
  }
  const big = await jobd.batch([...many(10_500)]);
  const { state, counts, sealedAt } = await big.get();
  assert.deepEqual([state, counts.total, big.jobs.length], ["running", 10_500, 10_500]);
  assert.ok(sealedAt !== null);
  assert.equal((await (await jobd.batch(many(1_500), { open: true })).get()).state, "open");
  // One that cannot be ends all of it.
  const broken = (function* () {
    yield* many(1_200);
    yield { type: "not a name!" };
  })();
  await assert.rejects(jobd.batch(broken, { type: "broken" }), { code: "invalid_request" });
  const [left] = await Array.fromAsync(jobd.batches.list({ type: "broken" }));
  assert.deepEqual([left?.state, left?.counts.cancelled], ["cancelled", 1_000]);
});

Deno.test("draining a test store runs the members and then the callbacks", async () => {
  const { heard, report } = listener();
  await using test = await TestJobd.open({ handlers: [page, report] });
  await test.jobd.batch([{ job: page, payload: 1 }, { job: page, payload: 2, delay: "1h" }], {
    onComplete: { job: report, payload: { file: "a" } },
  });
  assert.equal((await test.drain()).completed, 1);
  assert.equal((await test.drain({ withScheduled: true })).completed, 2);
  assert.deepEqual(heard, ["a complete completed 2/2"]);
});

Deno.test("listeners hear of batches, all or some", async () => {
  await using here = await working([page, fails]);
  const { jobd } = here;
  const heard: string[] = [];
  const ended = Promise.withResolvers<BatchEvent>();
  await using _all = await jobd.on("batch.*", ({ kind, counts }) => heard.push(`${kind} ${counts.open}`));
  await using _one = await jobd.on("batch.failed", (event) => ended.resolve(event));
  const batch = await jobd.batch([{ job: fails, payload: null }], {
    open: true,
    type: "import",
    origin: "cron",
  });
  await batch.seal();
  const event = await here.until(ended.promise);
  const { batch: id, batchType, batchOrigin, batchState, counts } = event;
  assert.deepEqual([id, batchType, batchOrigin, batchState, counts.dead], [
    batch.id,
    "import",
    "cron",
    "failed",
    1,
  ]);
  await using stream = jobd.events({ kinds: "batch.*", batch: batch.id, after: 0 });
  const told: string[] = [];
  for await (const { kind } of stream) {
    told.push(kind);
    if (kind === "batch.failed") break;
  }
  assert.deepEqual(told.filter((kind) => kind !== "batch.dead"), [
    "batch.created",
    "batch.sealed",
    "batch.failed",
  ]);
  await here.until((async () => {
    while (heard.length < told.length) await here.test.clock.advance(1_000);
  })());
  assert.deepEqual(heard.toSorted(), ["batch.created 1", "batch.dead 0", "batch.failed 0", "batch.sealed 1"]);
});

Deno.test("payloads of members and callbacks are checked by the compiler, and by their definitions", async () => {
  await using test = await TestJobd.open();
  const { jobd } = test;
  const odd = defineJob({
    type: "odd",
    payload: {
      "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "Never" }] }) },
    },
    run: () => {},
  });
  await assert.rejects(jobd.batch([{ job: odd, payload: 1 }]), { message: /Never/ });
  await assert.rejects(jobd.batch([], { onFinish: { job: odd, payload: 1 } }), { message: /Never/ });
  // @ts-expect-error -- the payload of a page is a number
  await jobd.batch([{ job: page, payload: "one" }]);
  // @ts-expect-error -- the same of a callback
  await jobd.batch([{ type: "x" }], { onComplete: { job: page, payload: "one" } });
  assert.deepEqual((await jobd.batches.counts()).find(({ state }) => state === "running")?.count, 2);
});

Deno.test("what is wrong with a batch is said", async () => {
  await using test = await TestJobd.open();
  const { jobd } = test;
  const wrong = async (options: object, message: RegExp): Promise<void> => {
    await assert.rejects(jobd.batch([], options), (error: Error & { code?: string }) => {
      assert.equal(error.code, "invalid_request");
      assert.match(error.message, message);
      return true;
    });
  };
  await wrong({ onEnd: { type: "x" } }, /Unknown field "onEnd"/);
  await wrong({ type: "no name!" }, /batch type/);
  await wrong({ id: "abc" }, /batch id/);
  await wrong({ open: "yes" }, /open/);
  await wrong({ meta: [] }, /meta/);
  await wrong({ parent: "abc" }, /batch/);
  await wrong({ onComplete: { type: "x", uniqueKey: "a" } }, /onComplete.*uniqueKey/);
  await wrong({ onFinish: { type: "x", after: crypto.randomUUID() } }, /onFinish.*after/);
  await wrong({ onDead: { type: "x", runAt: 5 } }, /onDead.*runAt/);
  await wrong({ onDead: { type: "no name!" } }, /Invalid type/);
  await assert.rejects(jobd.batches.get(crypto.randomUUID()), { code: "not_found" });
  await assert.rejects(jobd.batches.seal(crypto.randomUUID()), { code: "not_found" });
  await assert.rejects(jobd.batches.page({ limit: 5, state: "ended" as "open" }), {
    code: "invalid_request",
  });
  await assert.rejects(jobd.enqueue({ type: "x", batch: "abc" }), { code: "invalid_request" });
  await assert.rejects(jobd.enqueue({ type: "x", batch: crypto.randomUUID() }), { code: "not_found" });
  const other = await jobd.batch([], { open: true });
  await assert.rejects(other.wait({ timeoutMs: 0 }), { code: "timed_out", message: /0 of 0 members/ });
});
