import assert from "node:assert/strict";
import { FOREVER_MS, formatKept, parseKept } from "../../src/domain/retention.ts";
import { workerSettings } from "../../src/runtime/worker_options.ts";
import { defineJob } from "../../src/mod.ts";

const DAY = 86_400_000;

Deno.test("how long something is kept is a duration or for ever", () => {
  assert.equal(parseKept("7d"), 7 * DAY);
  assert.equal(parseKept(0), 0);
  assert.equal(parseKept("forever"), FOREVER_MS);
  assert.equal(formatKept(parseKept("forever")), "forever");
  assert.equal(formatKept(7 * DAY), "7d");
  for (const wrong of ["ever", "", -1, NaN, "7 days"]) {
    assert.throws(() => parseKept(wrong, "retention of dead jobs"), {
      code: "invalid_request",
      message: /retention of dead jobs/,
      hint: /forever/,
    });
  }
});

Deno.test("a worker takes retention as durations, checks it, and keeps to the defaults where it says nothing", () => {
  const handlers = [defineJob({ type: "a", run: () => 1 })];
  const { retention, statsRetentionMs } = workerSettings({
    handlers,
    retention: { dead: "forever", completed: "1h", cancelled: 5 },
  });
  assert.deepEqual(retention, { completed: 3_600_000, cancelled: 5, expired: 30 * DAY, dead: FOREVER_MS });
  assert.equal(statsRetentionMs, 730 * DAY);
  const refused = (given: Record<string, unknown>, message: RegExp): void =>
    assert.throws(() => workerSettings({ handlers, ...given }), { code: "invalid_request", message });
  refused({ retention: { dead: "soon" } }, /retention of dead jobs.*soon/);
  refused({ retention: { running: "1d" } }, /running/);
  refused({ statsRetentionMs: -1 }, /statsRetentionMs/);
});
