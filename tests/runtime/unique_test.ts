import assert from "node:assert/strict";
import { defineJob } from "../../src/runtime/definition.ts";
import { Jobd } from "../../src/runtime/jobd.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

async function open(): Promise<Jobd> {
  return await Jobd.open(new MemoryDriver());
}

Deno.test("a definition makes its jobs unique in full, its key of the payload", async () => {
  await using jobd = await open();
  const index = defineJob<{ shop: string | null; n: number }>({
    type: "index",
    unique: { key: ({ shop }) => shop ?? undefined, onConflict: "replace" },
  });
  const one = await jobd.enqueue(index, { shop: "a", n: 1 });
  const two = await jobd.enqueue(index, { shop: "a", n: 2 });
  assert.deepEqual([one.outcome, two.outcome, two.id], ["created", "replaced", one.id]);
  assert.deepEqual((await two.job()).payload, { shop: "a", n: 2 });
  assert.deepEqual((await (await jobd.enqueue(index, { shop: null, n: 3 })).job()).options, {});
  const own = await jobd.enqueue(index, { shop: "a", n: 4 }, { uniqueKey: "other" });
  assert.deepEqual((await own.job()).options, { uniqueKey: "other" });
  const kept = await jobd.enqueue(index, { shop: "x", n: 5 }, { unique: { fields: ["shop"] } });
  assert.deepEqual((await kept.job()).options.unique?.fields, ["shop"]);
});

Deno.test("enqueueMany tells of each job whether it was created, existed or was replaced", async () => {
  await using jobd = await open();
  const unique = { key: "k", onConflict: "replace" } as const;
  const results = await jobd.enqueueMany([
    { type: "a", uniqueKey: "k" },
    { type: "a", uniqueKey: "k" },
    { type: "a", unique, payload: 1 },
    { type: "a", unique: { key: "k", onConflict: "cancel" } },
  ]);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["created", "existing", "replaced", "replaced"]);
  assert.deepEqual(results[3]?.displaced, { id: results[0]?.id, state: "cancelled" });
  assert.ok(!("displaced" in (results[0] ?? {})));
});

Deno.test("a call that fails for its key takes no other call with it", async () => {
  await using jobd = await open();
  const unique = { key: "k", onConflict: "fail" } as const;
  await jobd.enqueue({ type: "a", unique });
  const calls = await Promise.allSettled([
    jobd.enqueue({ type: "a" }),
    jobd.enqueue({ type: "a", unique }),
    jobd.enqueueMany([{ type: "b" }, { type: "a", unique }]),
    jobd.enqueue({ type: "a" }),
  ]);
  assert.deepEqual(calls.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  assert.equal((await jobd.jobs.page({ limit: 10, type: "b" })).items.length, 0);
});

Deno.test("a follow-up may contest a key, but not fail the attempt that it belongs to", async () => {
  await using jobd = await open();
  const waiting = await jobd.enqueue({ type: "report", payload: "old", uniqueKey: "r", delay: "1h" });
  await using worker = jobd.worker({
    handlers: {
      work: async (_job, { enqueue }) => {
        await enqueue({
          type: "report",
          payload: "new",
          delay: "1h",
          unique: { key: "r", onConflict: "replace" },
        });
        await assert.rejects(enqueue({ type: "x", unique: { key: "r", onConflict: "fail" } }), {
          code: "invalid_request",
        });
        return "done";
      },
    },
  });
  await worker.start();
  assert.equal(await (await jobd.enqueue({ type: "work" })).result({ timeout: "30s" }), "done");
  assert.equal((await waiting.job()).payload, "new");
});

Deno.test("a running job that is displaced is stopped, and the new one runs", async () => {
  await using jobd = await open();
  const started = Promise.withResolvers<void>();
  await using worker = jobd.worker({
    handlers: {
      build({ payload }, { signal }) {
        if (payload === "last") return "built";
        started.resolve();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
    concurrency: 2,
  });
  await worker.start();
  const unique = { key: "main", onConflict: "cancel" } as const;
  const first = await jobd.enqueue({ type: "build", payload: "first", unique });
  await started.promise;
  const last = await jobd.enqueue({ type: "build", payload: "last", unique });
  assert.deepEqual(last.displaced, { id: first.id, state: "running" });
  assert.equal(await last.result({ timeout: "30s" }), "built");
  await assert.rejects(first.result({ timeout: "30s" }), { code: "job_failed" });
  assert.equal((await first.job()).state, "cancelled");
});

Deno.test("periods are those of the store's clock", async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 10, 59));
  await using jobd = await Jobd.open(new MemoryDriver({ now: () => clock.now() }), { clock });
  const unique = { key: "k", per: "1h" } as const;
  const first = await jobd.enqueue({ type: "a", unique });
  assert.equal((await jobd.enqueue({ type: "a", unique })).id, first.id);
  await clock.advance(60_000);
  assert.equal((await jobd.enqueue({ type: "a", unique })).outcome, "created");
});
