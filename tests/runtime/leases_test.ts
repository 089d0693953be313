import assert from "node:assert/strict";
import { Leases } from "../../src/runtime/leases.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

function holding(alive: (asked: number) => string[] | Promise<string[]>) {
  const clock = new FakeClock();
  const lost: string[] = [];
  let calls = 0;
  const driver = { extend: async () => await alive(++calls) } as unknown as Driver;
  const leases = new Leases({
    driver,
    clock,
    now: () => clock.now(),
    worker: "w",
    leaseMs: 6_000,
    onLost: (id) => void lost.push(id),
  });
  return { clock, lost, leases };
}

Deno.test("Leases are given up before their end unless they were renewed", async () => {
  const { clock, lost, leases } = holding(() => ["a"]);
  leases.opened("a", clock.monotonic());
  leases.opened("b", clock.monotonic());
  await clock.advance(3_999);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, []);
  leases.closed("b");
  await leases.renew();
  await clock.advance(3_999);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, []);
  await clock.advance(1);
  await leases.giveUpLapsing();
  await leases.giveUpLapsing();
  assert.deepEqual(lost, ["a"]);
});

Deno.test("Leases that the store does not have any more are lost at once; those granted meanwhile are not", async () => {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const { clock, lost, leases } = holding(() => promise);
  leases.opened("old", clock.monotonic());
  const renewal = leases.renew();
  leases.opened("new", clock.monotonic());
  resolve([]);
  await renewal;
  assert.deepEqual(lost, ["old"]);
});

Deno.test("Leases count from before the call that renewed them, however long it took", async () => {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const { clock, lost, leases } = holding(() => promise);
  leases.opened("a", clock.monotonic());
  await clock.advance(2_000);
  const renewal = leases.renew();
  await clock.advance(1_500);
  resolve(["a"]);
  await renewal;
  await clock.advance(2_499);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, []);
  await clock.advance(1);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, ["a"]);
});

Deno.test("Leases: after a pause of the process the store is asked before anything is given up", async () => {
  const { clock, lost, leases } = holding(() => ["kept"]);
  leases.opened("kept", clock.monotonic());
  leases.opened("gone", clock.monotonic());
  await clock.advance(60_000);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, ["gone"]);
  await clock.advance(300);
  await leases.giveUpLapsing();
  assert.deepEqual(lost, ["gone"]);
});

Deno.test("Leases: after a pause a store that does not answer is not waited for long", async () => {
  const never = Promise.withResolvers<string[]>();
  const { clock, lost, leases } = holding(() => never.promise);
  leases.opened("a", clock.monotonic());
  await clock.advance(60_000);
  const given = leases.giveUpLapsing();
  await clock.advance(599);
  assert.deepEqual(lost, []);
  await clock.advance(1);
  await given;
  assert.deepEqual(lost, ["a"]);
  never.resolve(["a"]);
  await clock.advance(0);
  assert.deepEqual(lost, ["a"]);
});
