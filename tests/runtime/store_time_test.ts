import assert from "node:assert/strict";
import { StoreTime } from "../../src/runtime/store_time.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

Deno.test("StoreTime follows the store, not the wall clock of this machine", async () => {
  const clock = new FakeClock();
  const time = await StoreTime.of(clock, () => Promise.resolve(5_000));
  clock.step(7_200_000);
  assert.equal(time.now(), 5_000);
  await clock.advance(250);
  assert.equal(time.now(), 5_250);
  await time.refresh(() => Promise.resolve(9_000));
  assert.equal(time.now(), 9_000);
});

Deno.test("StoreTime is never ahead of the store, and a slow answer does not set it back", async () => {
  const clock = new FakeClock();
  // The store reads its clock at once; the answer is on its way for 100 ms.
  const slow = (reading: number) => async (): Promise<number> => {
    await clock.advance(100);
    return reading;
  };
  const time = await StoreTime.of(clock, slow(1_000));
  assert.equal(time.now(), 1_000);
  await time.refresh(slow(1_080));
  assert.equal(time.now(), 1_100);
  await time.refresh(slow(1_250));
  assert.equal(time.now(), 1_250);
});

Deno.test("StoreTime follows a step of the store's clock back", async () => {
  const clock = new FakeClock();
  const time = await StoreTime.of(clock, () => Promise.resolve(100_000));
  await time.refresh(() => Promise.resolve(40_000));
  assert.equal(time.now(), 40_000);
});
