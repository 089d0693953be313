import assert from "node:assert/strict";
import { StoreTime } from "../../src/runtime/store_time.ts";
import { FakeClock } from "../support/fake_clock.ts";

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

Deno.test("StoreTime takes half of the round trip as the way back", async () => {
  const clock = new FakeClock();
  const time = await StoreTime.of(clock, async () => {
    await clock.advance(100);
    return 1_000;
  });
  assert.equal(time.now(), 1_050);
});
