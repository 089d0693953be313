import assert from "node:assert/strict";
import { sleep } from "../../src/domain/clock.ts";
import { FakeClock } from "../../src/testing/mod.ts";

Deno.test("FakeClock fires timers in order, each at its own time, also those that timers set", async () => {
  const clock = new FakeClock("2026-03-01T00:00:00Z");
  const seen: [string, number][] = [];
  const note = (name: string): void => void seen.push([name, clock.monotonic()]);
  clock.after(2_000, () => note("late"));
  clock.after(1_000, () => {
    note("early");
    clock.after(500, () => note("set by early"));
  });
  clock.after(1_000, () => note("early too"));
  const callOff = clock.after(1_500, () => note("called off"));
  callOff();
  callOff();
  await clock.advance("2s");
  assert.deepEqual(seen, [["early", 1_000], ["early too", 1_000], ["set by early", 1_500], ["late", 2_000]]);
  assert.deepEqual([String(clock), clock.pending], ["2026-03-01T00:00:02.000Z", 0]);
});

Deno.test("FakeClock.set() goes to a time, and not back", async () => {
  const clock = new FakeClock("2026-03-01");
  let rang = false;
  clock.after(3_600_000, () => rang = true);
  await clock.set("2026-03-01T00:59:59Z");
  assert.equal(rang, false);
  await clock.set(new Date("2026-03-01T01:00:00Z"));
  assert.equal(rang, true);
  await assert.rejects(clock.set("2026-03-01"), {
    code: "invalid_request",
    message: /is past 2026-03-01T00:00/,
  });
  await assert.rejects(clock.advance("soon"), { code: "invalid_request" });
  assert.throws(() => new FakeClock("yesterday"), { code: "invalid_request" });
  clock.step(-3_600_000);
  assert.deepEqual([clock.now(), clock.monotonic()], [Date.UTC(2026, 2, 1), 3_600_000]);
});

Deno.test("FakeClock.until() lets only as much time pass as a promise takes", async () => {
  const clock = new FakeClock();
  assert.equal(await clock.until(Promise.resolve("at once")), "at once");
  assert.equal(clock.monotonic(), 0);
  clock.after(10_000, () => assert.fail("too much time has passed"));
  const slow = sleep(clock, 3_000).then(() => sleep(clock, 2_000)).then(() => "slow");
  const quick = sleep(clock, 1_000).then(() => "quick");
  assert.deepEqual(await Promise.all([clock.until(slow), clock.until(quick)]), ["slow", "quick"]);
  assert.equal(clock.monotonic(), 5_000);
  await assert.rejects(clock.until(sleep(clock, 10).then(() => Promise.reject(new Error("no")))), /no/);
});

Deno.test("FakeClock.until() says when a promise does not come", async () => {
  const never = new Promise(() => {});
  await assert.rejects(new FakeClock().until(never), {
    code: "timed_out",
    message: /nothing waits for the time/,
  });
  const clock = new FakeClock();
  const tick = (): void => void clock.after(60_000, tick);
  tick();
  await assert.rejects(clock.until(never, { within: "1h" }), {
    code: "timed_out",
    message: /by 2026-01-01T01:00/,
  });
});

Deno.test("FakeClock.advance() waits for one that is under way, and next() goes from timer to timer", async () => {
  const clock = new FakeClock();
  await Promise.all([clock.advance("1s"), clock.advance("2s")]);
  assert.equal(clock.monotonic(), 3_000);
  clock.after(7, () => {});
  assert.deepEqual([await clock.next(), clock.monotonic()], [true, 3_007]);
  assert.deepEqual([await clock.next(), clock.monotonic()], [false, 3_007]);
});
