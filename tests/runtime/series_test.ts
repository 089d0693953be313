import assert from "node:assert/strict";
import { statsBySteps } from "../../src/domain/stat.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const DAY = 86_400_000;

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
