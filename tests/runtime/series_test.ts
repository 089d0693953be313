import assert from "node:assert/strict";
import { statsBySteps } from "../../src/domain/stat.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

Deno.test("statsBySteps() puts rows together from full step to full step, queues and types and outcomes apart", () => {
  const row = {
    namespace: "default",
    queue: "q",
    type: "a",
    outcome: "completed",
    wait: [1],
    run: [0, 1],
    step: 60_000,
  };
  const day = Date.UTC(2026, 2, 1);
  assert.deepEqual(
    statsBySteps([
      { ...row, minute: day + DAY, count: 4 },
      { ...row, minute: day, count: 1 },
      { ...row, minute: day + DAY - 60_000, count: 2 },
      { ...row, minute: day, count: 9, queue: "r" },
      { ...row, minute: day, count: 8, outcome: "failed" },
    ], DAY).map((
      { minute, queue, outcome, count, wait, run },
    ) => [minute - day, queue, outcome, count, wait, run]),
    [
      [0, "q", "completed", 3, [2], [0, 2]],
      [0, "q", "failed", 8, [1], [0, 1]],
      [0, "r", "completed", 9, [1], [0, 1]],
      [DAY, "q", "completed", 4, [1], [0, 1]],
    ],
  );
});

Deno.test("Jobd.stats() tells of each day", async () => {
  await using test = await TestJobd.open({ handlers: { a: () => 1 }, now: "2026-03-01T12:00:00Z" });
  const { jobd, clock } = test;
  await using worker = await test.startWorker();
  for (const count of [2, 3]) {
    await jobd.enqueueMany(Array.from({ length: count }, () => ({ type: "a" })));
    await clock.advance("1d");
  }
  await worker.stop();
  const { rows } = await jobd.stats({ sinceMs: 3 * DAY, stepMs: DAY });
  assert.deepEqual(rows.map(({ minute, count }) => [new Date(minute).toISOString(), count]), [
    ["2026-03-01T00:00:00.000Z", 2],
    ["2026-03-02T00:00:00.000Z", 3],
  ]);
  for (const stepMs of [0, 90_000, 1.5, Number.NaN]) {
    await assert.rejects(jobd.stats({ stepMs }), { code: "invalid_request" });
  }
});

Deno.test("Jobd.series() tells how it went, also after workers have put the minutes together", async () => {
  await using test = await TestJobd.open({
    handlers: {
      a: () => 1,
      b() {
        throw new Error("no");
      },
    },
    now: "2026-03-01T12:00:00Z",
  });
  const { jobd, clock } = test;
  await using worker = await test.startWorker();
  await jobd.enqueueMany([{ type: "a" }, { type: "a", queue: "mail" }, { type: "b", maxAttempts: 1 }]);
  await clock.advance("30m");
  const query = { from: "2026-03-01T12:00:00Z", to: "2026-03-01T14:00:00Z", step: "1h" } as const;
  const before = await jobd.series(query);
  assert.deepEqual(before.points.map(({ count, outcomes }) => [count, outcomes]), [
    [3, { completed: 2, failed: 1 }],
    [0, {}],
  ]);
  assert.deepEqual([before.metric, before.stepMs], ["throughput", HOUR]);
  assert.equal((await jobd.series({ ...query, queue: "mail" })).points[0]?.count, 1);
  const failures = await jobd.series({ ...query, metric: "failures", type: "b" });
  assert.deepEqual(failures.points[0], {
    at: Date.parse("2026-03-01T12:00:00Z"),
    stepMs: HOUR,
    count: 1,
    total: 1,
    outcomes: { failed: 1 },
  });
  assert.equal((await jobd.series({ ...query, metric: "run" })).points[0]?.buckets[0]?.count, 3);
  await clock.advance("3d");
  await worker.stop();
  assert.deepEqual(await jobd.series(query), before);
  const fine = await jobd.series({ ...query, step: "1m" });
  assert.deepEqual([fine.points[0]?.stepMs, fine.points[0]?.count, fine.points.length], [HOUR, 3, 61]);
});

Deno.test("Jobd.series() refuses what it does not know", async () => {
  await using test = await TestJobd.open();
  const { jobd } = test;
  const refused = async (options: Record<string, unknown>, message: RegExp): Promise<void> =>
    await assert.rejects(jobd.series(options), { code: "invalid_request", message });
  await refused({ metric: "depth" }, /metric.*depth.*throughput, failures, wait, run/);
  await refused({ from: "yesterday" }, /from/);
  await refused({ from: "2026-03-02", to: "2026-03-01" }, /from/);
  await refused({ step: "10s" }, /step/);
  await refused({ queue: "no such name!" }, /queue/);
});
