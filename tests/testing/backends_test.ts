import assert from "node:assert/strict";
import { discard, snooze } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { openMemoryStore, openSqliteStore, postgresStores } from "../conformance/backends.ts";
import type { OpenStore } from "../conformance/store.ts";
import { sharedPostgres } from "../support/postgres_server.ts";

const { url } = await sharedPostgres();
const STORES: Record<string, OpenStore> = {
  memory: openMemoryStore,
  sqlite: openSqliteStore,
  postgres: postgresStores(url),
};

/** A day with jobs of all kinds, a worker that dies and faults of the store; what came of it. */
async function day(open: OpenStore): Promise<unknown> {
  await using store = await open();
  await using test = await TestJobd.open({
    store: store.driver,
    handlers: {
      fine: ({ payload }) => payload,
      flaky: ({ attempt }) => attempt < 3 ? Promise.reject(new Error(`no ${attempt}`)) : attempt,
      off: ({ attempt }) => attempt < 3 ? snooze("20m", "later") : attempt,
      gone: () => discard("useless"),
      parent: async (_, { enqueue }) => void await enqueue({ type: "fine", payload: "child", delay: "3h" }),
    },
    worker: {
      concurrency: 1,
      leaseMs: 60_000,
      backoff: { baseMs: 30_000, maxMs: 3_600_000, jitter: "full" },
    },
  });
  const { jobd, clock, faults } = test;
  const made = await jobd.enqueueMany([
    { type: "fine", payload: 1, priority: "low" },
    { type: "flaky" },
    { type: "off", delay: "1h" },
    { type: "gone" },
    { type: "parent", priority: "high" },
    { type: "off", delay: "2d", ttl: "1h" },
  ]);
  faults.fail("claim", { when: "after" });
  faults.fail("settle", { when: "after", skip: 1 });
  const { jobs, ...report } = await test.drain({ withScheduled: true, until: clock.now() + 86_400_000 });
  const histories = await Promise.all(made.map(async ({ id }) => {
    const { state, failures, result, error } = await jobd.jobs.get(id);
    const executions = await jobd.jobs.executions(id);
    const attempts = executions.map(({ attempt, outcome, startedAt }) => ({ attempt, outcome, startedAt }));
    return { state, failures, result, error: error?.message, attempts };
  }));
  return {
    histories,
    report,
    // A server does things of the same moment at the same time, in any order.
    jobs: jobs.map(({ id }) => id).toSorted(),
    enqueued: test.enqueued().map(({ id, type, runAt }) => ({ id, type, runAt })),
    now: clock.now(),
  };
}

for (const [name, open] of Object.entries(STORES)) {
  Deno.test(`${name}: the same day comes to the same end, at the same times, as in memory`, async () => {
    assert.deepEqual(await day(open), await day(openMemoryStore));
  });
}

Deno.test("a store may be named by its URL", async () => {
  await using test = await TestJobd.open({ store: "sqlite::memory:", handlers: { fine: () => 1 } });
  assert.equal(test.jobd.backend, "sqlite");
  await test.jobd.enqueue({ type: "fine", delay: "1h" });
  assert.equal((await test.drain({ withScheduled: true })).completed, 1);
  await assert.rejects(TestJobd.open({ store: "mysql://localhost" }), { code: "invalid_config" });
});
