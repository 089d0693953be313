import assert from "node:assert/strict";
import { Jobd } from "../../src/runtime/jobd.ts";
import type { ProcessWatch } from "../../src/runtime/process/identity.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

/** A machine on which nothing has died. */
const processes: ProcessWatch = {
  identity: () => Promise.resolve({ host: "h", pid: 1, startTicks: null, bootId: null, pidNamespace: null }),
  isAlive: () => Promise.resolve(undefined),
  reapStrays: () => Promise.resolve(),
};

async function store(): Promise<{ jobd: Jobd; clock: FakeClock }> {
  const clock = new FakeClock("2026-01-01T00:00:00Z");
  return { clock, jobd: await Jobd.open(new MemoryDriver({ now: () => clock.now() }), { clock, processes }) };
}

Deno.test("upkeep() does what a worker does besides running jobs, and is no worker", async () => {
  const { jobd, clock } = await store();
  await using _jobd = jobd;
  const [due, overdue, taken] = await jobd.enqueueMany([
    { type: "due", delay: "10s" },
    { type: "overdue", ttl: "5s", delay: "1h" },
    { type: "taken", maxAttempts: 3 },
  ]);
  assert.ok(due && overdue && taken);
  await jobd.leases.claim({ worker: "w1", types: ["taken"] });
  await jobd.schedules.create("minutely", { every: "1m", job: { type: "tick" } });
  const upkeep = await jobd.upkeep({ backoff: { baseMs: 1_000, maxMs: 1_000, jitter: "none" } });
  await upkeep.start();
  await clock.advance("75s");
  const states = async () =>
    await Promise.all([due, overdue, taken].map(async ({ id }) => (await jobd.jobs.get(id)).state));
  assert.deepEqual(await states(), ["available", "expired", "available"]);
  assert.deepEqual((await jobd.executions.of(taken.id)).map(({ outcome }) => outcome), ["lost"]);
  assert.equal((await jobd.jobs.page({ type: "tick", limit: 5 })).items.length, 1);
  await clock.advance("1m");
  assert.deepEqual(await jobd.workers.list(), []);
  await upkeep.stop();
  const late = await jobd.enqueue({ type: "due", delay: "1s" });
  await clock.advance("10s");
  assert.equal((await jobd.jobs.get(late.id)).state, "scheduled");
});

Deno.test("upkeep() says which option cannot be", async () => {
  const { jobd } = await store();
  await using _jobd = jobd;
  await assert.rejects(jobd.upkeep({ leaseMs: 1 }), {
    code: "invalid_request",
    message: /leaseMs: 1 is not an integer from 100 to 3600000/,
  });
});
