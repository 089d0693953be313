import assert from "node:assert/strict";
import type { Schedule, ScheduleSpec } from "../../src/domain/schedule.ts";
import { newSchedule, paused, reconciled, resumed, withSpec } from "../../src/domain/schedule_change.ts";
import type { JobState } from "../../src/domain/states.ts";
import { CHECK_MS, planTicks, type TickPlan, TICKS_PER_STEP } from "../../src/domain/tick_plan.ts";
import { tickIdentity, Ticks } from "../../src/domain/ticks.ts";

const T = Date.UTC(2026, 0, 1);
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BASE: ScheduleSpec = { everyMs: HOUR, missed: "latest", overlap: "allow", job: { type: "t" } };

/** A schedule made at T; a plan is applied as the store does it. */
class Played {
  schedule: Schedule;
  readonly jobs = new Map<string, JobState>();

  constructor(spec: Partial<ScheduleSpec> = {}) {
    const given = {
      id: "s",
      namespace: "default",
      name: "s",
      spec: { ...BASE, ...spec },
      source: "operator" as const,
    };
    this.schedule = newSchedule(given, T);
  }

  at(now: number): TickPlan | null {
    const plan = planTicks(this.schedule, { now, stateOf: (id) => this.jobs.get(id) });
    if (plan === null) return null;
    const { state, nextAt, pausedAt, pauseReason, starts } = plan;
    this.schedule = { ...this.schedule, state, nextAt, pausedAt, pauseReason };
    if (this.schedule.spec.job !== undefined) {
      for (const { jobId } of starts) this.jobs.set(jobId, "running");
    }
    return plan;
  }

  /** Ticks that take effect, in hours after T; then what else happened. */
  hours(now: number): string {
    const plan = this.at(now);
    if (plan === null) return "nothing";
    const hour = (tick: number): string => String((tick - T) / HOUR);
    const records = plan.records.map(({ tick, until, outcome, count = 1 }) =>
      `${outcome} ${hour(tick)}${until === undefined ? "" : `-${hour(until)} (${count})`}`
    );
    return [...plan.starts.map(({ tick }) => hour(tick)), ...records].join(", ");
  }

  /** All jobs end. */
  end(state: JobState): void {
    for (const id of this.jobs.keys()) this.jobs.set(id, state);
  }
}

Deno.test("a tick takes effect when it is due, once, and the next one is awaited", () => {
  const played = new Played();
  assert.equal(played.schedule.nextAt, T + HOUR);
  assert.equal(played.hours(T + HOUR - 1), "nothing");
  assert.equal(played.hours(T + HOUR), "1");
  assert.equal(played.hours(T + HOUR), "nothing");
  assert.equal(played.schedule.nextAt, T + 2 * HOUR);
  assert.equal(played.schedule.state.lastJobId, tickIdentity("s", T + HOUR).jobId);
});

Deno.test("a clock that is set back brings no tick again, one that is set forth goes by the rule for missed ticks", () => {
  const played = new Played();
  assert.equal(played.hours(T + 2 * HOUR), "2, missed 1");
  assert.equal(played.hours(T - 5 * HOUR), "nothing");
  assert.equal(played.hours(T + 2 * HOUR + MINUTE), "nothing");
  assert.equal(played.hours(T + 9 * HOUR), "9, missed 3-8 (6)");
});

Deno.test("missed ticks: the latest, within the window", () => {
  assert.equal(new Played().hours(T + 100 * HOUR + 30 * MINUTE), "100, missed 1-99 (99)");
  assert.equal(new Played({ windowMs: 10 * MINUTE }).hours(T + 3.5 * HOUR), "missed 1-3 (3)");
  assert.equal(new Played({ windowMs: 30 * MINUTE }).hours(T + 3.5 * HOUR), "3, missed 1-2 (2)");
});

Deno.test("missed ticks: none, but a tick that is a little late is not missed", () => {
  assert.equal(new Played({ missed: "skip" }).hours(T + 3 * HOUR + MINUTE), "3, missed 1-2 (2)");
  assert.equal(new Played({ missed: "skip" }).hours(T + 3 * HOUR + MINUTE + 1), "missed 1-3 (3)");
});

Deno.test("missed ticks: all within the window, in bounded steps", () => {
  assert.equal(new Played({ missed: "all" }).hours(T + 3 * HOUR), "1, 2, 3");
  assert.equal(
    new Played({ missed: "all", windowMs: 2 * HOUR }).hours(T + 5 * HOUR),
    "3, 4, 5, missed 1-2 (2)",
  );
  assert.equal(new Played({ missed: "all", windowMs: MINUTE }).hours(T + 2.5 * HOUR), "missed 1-2 (2)");
  const many = new Played({ missed: "all", everyMs: MINUTE });
  const now = T + 250 * MINUTE;
  const steps = [many.at(now), many.at(now), many.at(now)].map((plan) => plan?.starts.length);
  assert.deepEqual(steps, [TICKS_PER_STEP, TICKS_PER_STEP, 50]);
  assert.equal(many.schedule.nextAt, now + MINUTE);
});

Deno.test("years of missed seconds are passed over at once", () => {
  const played = new Played({ everyMs: SECOND });
  const plan = played.at(T + 5 * 365 * 24 * HOUR);
  assert.equal(plan?.starts.length, 1);
  assert.deepEqual(plan?.records.map(({ count }) => count), [1_000]);
});

Deno.test("overlap: allow, skip, queue one, cancel", () => {
  const tick = (played: Played, hour: number): string => played.hours(T + hour * HOUR);
  const allow = new Played();
  assert.deepEqual([tick(allow, 1), tick(allow, 2)], ["1", "2"]);

  const skip = new Played({ overlap: "skip" });
  assert.deepEqual([tick(skip, 1), tick(skip, 2)], ["1", "skipped 2"]);
  skip.end("completed");
  assert.equal(tick(skip, 3), "3");

  const queue = new Played({ overlap: "queue" });
  assert.deepEqual([tick(queue, 1), tick(queue, 2), tick(queue, 3)], ["1", "", "skipped 3"]);
  assert.equal(queue.schedule.nextAt, T + 3 * HOUR + CHECK_MS);
  queue.end("dead");
  assert.equal(queue.hours(T + 3.5 * HOUR), "2");
  assert.equal(queue.schedule.nextAt, T + 4 * HOUR);

  const cancel = new Played({ overlap: "cancel" });
  assert.equal(tick(cancel, 1), "1");
  const second = cancel.at(T + 2 * HOUR);
  assert.deepEqual(second?.cancels, [tickIdentity("s", T + HOUR).jobId]);
  assert.deepEqual(second?.starts, []);
  assert.equal(tick(cancel, 3), "skipped 2");
  cancel.end("cancelled");
  assert.equal(cancel.hours(T + 3 * HOUR + SECOND), "3");
});

Deno.test("a job that is gone, because it was deleted, holds up nothing", () => {
  const played = new Played({ overlap: "skip" });
  played.hours(T + HOUR);
  played.jobs.clear();
  assert.equal(played.hours(T + 2 * HOUR), "2");
});

Deno.test("a schedule is paused after so many failures in a row, and begins to count anew when it is resumed", () => {
  const played = new Played({ pauseAfterFailures: 2 });
  assert.equal(played.hours(T + HOUR), "1");
  played.end("dead");
  assert.equal(played.hours(T + 2 * HOUR), "2");
  played.end("completed");
  assert.equal(played.hours(T + 3 * HOUR), "3");
  played.end("dead");
  assert.equal(played.hours(T + 4 * HOUR), "4");
  played.end("expired");
  assert.equal(played.hours(T + 4 * HOUR + MINUTE), "");
  const { pausedAt, pauseReason, nextAt } = played.schedule;
  assert.deepEqual([pausedAt, pauseReason, nextAt], [
    T + 4 * HOUR + MINUTE,
    "2 jobs in a row have failed for good",
    null,
  ]);
  assert.equal(played.hours(T + 5 * HOUR), "nothing");
  played.schedule = resumed(played.schedule, T + 6.5 * HOUR);
  assert.equal(played.hours(T + 7 * HOUR), "7");
});

Deno.test("a schedule has no ticks before its start, after its end, or while it is paused", () => {
  const played = new Played({ startAt: T + 3 * HOUR, endAt: T + 5 * HOUR, anchorAt: T });
  assert.equal(played.schedule.nextAt, T + 3 * HOUR);
  assert.equal(played.hours(T + 3 * HOUR), "3");
  played.schedule = paused(played.schedule, T + 3.5 * HOUR).schedule;
  assert.equal(played.hours(T + 4 * HOUR), "nothing");
  played.schedule = resumed(played.schedule, T + 4.5 * HOUR);
  assert.equal(played.hours(T + 5 * HOUR), "5");
  assert.deepEqual([played.schedule.nextAt, played.schedule.state.nextTick], [null, null]);
});

Deno.test("a pause gives up the tick that waits", () => {
  const played = new Played({ overlap: "queue" });
  played.hours(T + HOUR);
  played.hours(T + 2 * HOUR);
  const { schedule, records } = paused(played.schedule, T + 2.5 * HOUR);
  assert.equal(schedule.state.waiting, null);
  assert.deepEqual(records.map(({ tick, reason }) => [tick, reason]), [[T + 2 * HOUR, "paused"]]);
});

Deno.test("an edit of the times goes on from now on, and never repeats a tick; any other edit leaves the next tick", () => {
  const played = new Played();
  const overdue = withSpec(played.schedule, { ...played.schedule.spec, overlap: "skip" }, T + 3 * HOUR);
  assert.equal(overdue.nextAt, T + HOUR);
  const faster = withSpec(played.schedule, { ...played.schedule.spec, everyMs: 30 * MINUTE }, T + 3 * HOUR);
  assert.equal(faster.nextAt, T + 3.5 * HOUR);
  played.hours(T + HOUR);
  const back = withSpec(played.schedule, { ...played.schedule.spec, everyMs: 30 * MINUTE }, T - 9 * HOUR);
  assert.equal(back.nextAt, T + 1.5 * HOUR);
  const still = withSpec(paused(played.schedule, T).schedule, { ...BASE, everyMs: MINUTE }, T + HOUR);
  assert.equal(still.nextAt, null);
});

Deno.test("a definition is followed where nobody has changed what it said", () => {
  const code = newSchedule({ id: "s", namespace: "n", name: "s", spec: BASE, source: "code" }, T);
  assert.equal(reconciled(code, BASE, T), null);
  const slower = { ...BASE, everyMs: 2 * HOUR };
  assert.equal(reconciled(code, slower, T)?.spec.everyMs, 2 * HOUR);
  const edited = withSpec(code, { ...BASE, everyMs: MINUTE }, T);
  assert.equal(reconciled(edited, BASE, T), null, "the same definition again changes nothing");
  const both = reconciled(edited, { ...slower, overlap: "skip" }, T);
  assert.deepEqual([both?.spec.everyMs, both?.spec.overlap], [MINUTE, "skip"]);
  assert.equal(reconciled(paused(code, T).schedule, slower, T)?.pausedAt, T, "a pause stays");
  const own = newSchedule({ id: "s", namespace: "n", name: "s", spec: BASE, source: "operator" }, T);
  assert.deepEqual(reconciled(own, slower, T)?.spec, BASE, "an operator's own schedule is his");
});

Deno.test("jitter and job ids follow from schedule and tick alone, and spread evenly", () => {
  const delays = Array.from({ length: 1_000 }, (_, at) => tickIdentity(`s${at}`, T, MINUTE).delayMs);
  assert.deepEqual(tickIdentity("s1", T, MINUTE), tickIdentity("s1", T, MINUTE));
  assert.ok(delays.every((delay) => delay >= 0 && delay < MINUTE));
  for (let part = 0; part < 10; part++) {
    const count = delays.filter((delay) => Math.floor(delay / (MINUTE / 10)) === part).length;
    assert.ok(count > 60 && count < 140, `${count} in part ${part}`);
  }
  const ids = new Set([
    tickIdentity("a", T).jobId,
    tickIdentity("a", T + 1).jobId,
    tickIdentity("b", T).jobId,
  ]);
  assert.equal(ids.size, 3);
});

Deno.test("the latest tick is found by halving", () => {
  const rare = new Ticks({ ...BASE, cron: "* 2 1 * *" }, T);
  const until = Date.UTC(2026, 5, 20);
  assert.equal(rare.latest(Date.UTC(2026, 0, 1, 2), until), Date.UTC(2026, 5, 1, 2, 59));
  const second = new Ticks({ ...BASE, everyMs: SECOND }, T);
  assert.equal(second.latest(T, T + 10 * HOUR + 5), T + 10 * HOUR);
  assert.equal(second.latest(T, T), T);
});
