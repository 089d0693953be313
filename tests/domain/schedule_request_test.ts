import assert from "node:assert/strict";
import {
  checkHasTick,
  parseSchedule,
  type ScheduleOptions,
  scheduleOptions,
} from "../../src/domain/schedule_request.ts";

const job = { type: "report" };

Deno.test("a rule is stored with its defaults filled in, and reads the same again", () => {
  assert.deepEqual(parseSchedule({ cron: "0 3 * * *" }), {
    cron: "0 3 * * *",
    timezone: "UTC",
    missed: "latest",
    overlap: "allow",
  });
  const full = parseSchedule({
    every: "90m",
    anchor: "2026-01-01T00:15:00Z",
    startAt: "2026-02-01",
    endAt: "2026-03-01",
    jitter: "30s",
    missed: "all",
    overlap: "queue",
    pauseAfterFailures: 3,
    description: "every now and then",
    job,
  });
  assert.deepEqual([full.everyMs, full.windowMs, full.jitterMs], [5_400_000, 86_400_000, 30_000]);
  assert.deepEqual(parseSchedule(scheduleOptions(full)), full);
});

Deno.test("what is wrong is said, with what is allowed", () => {
  const refused = (options: unknown, message: RegExp): void => {
    assert.throws(() => parseSchedule(options as ScheduleOptions), { code: "invalid_request", message });
  };
  refused(null, /Invalid schedule: null is not an object/);
  refused({}, /either a cron expression or a period/);
  refused({ cron: "* * * * *", every: "1m" }, /either a cron expression or a period/);
  refused({ cron: "* * * * *", when: 1 }, /Unknown schedule field "when"/);
  refused({ cron: "* * * *" }, /Invalid cron expression/);
  refused({ cron: "* * * * *", timezone: "Mars/Base" }, /Unknown time zone/);
  refused({ cron: "* * * * *", anchor: 0 }, /anchor only together with every/);
  refused({ every: "1m", timezone: "UTC" }, /timezone only together with cron/);
  refused({ every: "999ms" }, /Invalid period: "999ms" is not at least one second/);
  refused({ every: "soon" }, /Invalid period/);
  refused({ every: "1m", startAt: "2026-02-01", endAt: "2026-01-01" }, /Invalid end/);
  refused({ every: "1m", missed: "some" }, /Invalid missed: "some" is not one of skip, latest, all/);
  refused({ every: "1m", missed: "skip", window: "1h" }, /window only together with/);
  refused({ every: "1m", job, overlap: "wait" }, /Invalid overlap/);
  refused({ every: "1m", job, pauseAfterFailures: 0 }, /Invalid pauseAfterFailures: 0/);
  refused({ every: "1m", overlap: "skip" }, /overlap only together with job/);
  refused({ every: "1m", jitter: "1s" }, /jitter only together with job/);
  refused({ every: "1m", job: [] }, /Invalid job/);
  refused({ every: "1m", job: { ...job, id: "x" } }, /cannot have "id"/);
  refused({ every: "1m", job: { ...job, delay: "1m" } }, /cannot have "delay"/);
  refused({ every: "1m", job: { type: "not a type!" } }, /Invalid type/);
  refused({ every: "1m", job: { ...job, unique: { key: "k", onConflict: "fail" } } }, /onConflict "fail"/);
  refused({ every: "1m", description: "" }, /Invalid description/);
});

Deno.test("a rule that never comes is refused", () => {
  const now = Date.UTC(2026, 0, 1);
  const refused = (options: ScheduleOptions): void => {
    assert.throws(() => checkHasTick(parseSchedule(options), now), { message: /never have a tick/ });
  };
  refused({ cron: "0 0 30 2 *" });
  refused({ cron: "0 0 0 1 1 * 2020" });
  refused({ every: "1m", endAt: "2025-01-01" });
  refused({ cron: "0 0 1 * *", startAt: "2026-01-02", endAt: "2026-01-31" });
  checkHasTick(parseSchedule({ cron: "0 0 29 2 *" }), now);
});
