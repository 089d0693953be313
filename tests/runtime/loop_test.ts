import assert from "node:assert/strict";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Loop } from "../../src/runtime/loop.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

function counting(step: (count: number) => number | Promise<number>) {
  const clock = new FakeClock();
  const at: number[] = [];
  const errors: string[] = [];
  const log = { ...silentLogger, error: (message: string) => void errors.push(message) };
  const loop = new Loop({
    name: "Counting",
    clock,
    log,
    step: async () => {
      at.push(clock.monotonic());
      return await step(at.length);
    },
  });
  return { clock, loop, at, errors };
}

Deno.test("Loop sleeps as long as its step says", async () => {
  const { clock, loop, at } = counting((count) => count * 100);
  loop.start();
  await clock.advance(650);
  await loop.stop();
  assert.deepEqual(at, [0, 100, 300, 600]);
  assert.equal(clock.pending, 0);
});

Deno.test("Loop.wake ends the sleep, also when it comes during the step", async () => {
  const { clock, loop, at } = counting((count) => {
    if (count === 2) loop.wake();
    return 1_000;
  });
  loop.start();
  await clock.advance(10);
  loop.wake();
  await clock.advance(10);
  await loop.stop();
  assert.deepEqual(at, [0, 10, 10]);
});

Deno.test("Loop repeats failures with growing pauses, says so once, and goes on", async () => {
  const { clock, loop, at, errors } = counting((count) => {
    if (count <= 4) throw new Error("no");
    return 5_000;
  });
  loop.start();
  await clock.advance(1_600);
  assert.equal(loop.failures, 0);
  await loop.stop();
  assert.deepEqual(at, [0, 100, 300, 700, 1_500]);
  assert.equal(errors.length, 1);
});

Deno.test("Loop pauses after a failure although it was woken, so that a broken store is not hammered", async () => {
  const { clock, loop, at } = counting(() => {
    loop.wake();
    throw new Error("no");
  });
  loop.start();
  await clock.advance(99);
  await loop.stop();
  assert.deepEqual(at, [0]);
});
