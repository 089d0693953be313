import assert from "node:assert/strict";
import { Timers } from "../../src/runtime/timers.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

Deno.test("Timers calls each once when it is due, unless it was taken back", async () => {
  const clock = new FakeClock();
  const timers = new Timers(clock);
  const called: string[] = [];
  timers.after(30, () => called.push("30"));
  const cancel = timers.after(10, () => called.push("10"));
  timers.after(20, () => {
    called.push("20");
    timers.after(5, () => called.push("25"));
  });
  const last = timers.after(40, () => called.push("40"));
  cancel();
  cancel();
  await clock.advance(19);
  assert.equal(called.length, 0);
  await clock.advance(4);
  assert.deepEqual(called, ["20"]);
  await clock.advance(8);
  assert.deepEqual(called, ["20", "25", "30"]);
  last();
  await clock.advance(100);
  assert.deepEqual(called, ["20", "25", "30"]);
  timers.after(1, () => called.push("again"));
  await clock.advance(1);
  assert.equal(called.at(-1), "again");
});

Deno.test("Timers holds one timer of the clock, and none when nothing waits", () => {
  const clock = new FakeClock();
  let armed = 0;
  const timers = new Timers({
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after(ms, fn) {
      armed++;
      const cancel = clock.after(ms, fn);
      return () => {
        armed--;
        cancel();
      };
    },
  });
  const cancels = Array.from({ length: 100 }, (_, n) => timers.after(1_000 + n, () => {}));
  assert.equal(armed, 1);
  for (const cancel of cancels) cancel();
  assert.equal(armed, 0);
});
