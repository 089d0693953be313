import assert from "node:assert/strict";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { FakeClock, Faults } from "../../src/testing/mod.ts";

const away = { code: "store_unavailable" };

/** A store with faults, and for each of some calls whether it went well. */
function faulty() {
  const clock = new FakeClock();
  const faults = new Faults({ clock });
  const inner = new MemoryDriver({ now: () => clock.now() });
  const driver = faults.on(inner);
  const calls = async (count: number): Promise<boolean[]> => {
    const went: boolean[] = [];
    for (let n = 0; n < count; n++) went.push(await driver.time().then(() => true, () => false));
    return went;
  };
  return { clock, faults, inner, driver, calls };
}

Deno.test("Faults.fail() fails the calls that it names, and no others", async () => {
  const { faults, driver, calls } = faulty();
  faults.fail("time");
  assert.deepEqual(await calls(2), [false, true]);
  const fault = faults.fail("time", { skip: 1, every: 2, times: 2 });
  assert.deepEqual(await calls(6), [true, false, true, false, true, true]);
  assert.equal(fault.struck, 2);
  faults.fail("any", { skip: 1, error: new Error("mine") });
  await driver.ready();
  await assert.rejects(driver.ready(), /mine/);
  assert.deepEqual([faults.calls(), faults.calls("time"), faults.calls("claim")], [10, 8, 0]);
  const change = (name: string) => driver.updateQueue({ namespace: "default", name, at: 1 });
  faults.fail("updateQueue", { where: ([given]) => (given as { name: string }).name === "bad" });
  await change("good");
  await assert.rejects(change("bad"), away);
  for (const bad of [{ skip: -1 }, { every: 0 }, { times: 0.5 }]) {
    assert.throws(() => faults.fail("any", bad), { code: "invalid_request" });
  }
});

Deno.test("a call that fails after its effect has had it, one that fails before has not", async () => {
  const { faults, driver, inner } = faulty();
  const change = (name: string) => driver.updateQueue({ namespace: "default", name, at: 1 });
  faults.fail("updateQueue");
  await assert.rejects(change("before"), away);
  faults.fail("updateQueue", { when: "after" });
  await assert.rejects(change("after"), away);
  assert.deepEqual((await inner.queues("default")).map(({ name }) => name), ["after"]);
});

Deno.test("Faults.delay() lets calls take time on the clock", async () => {
  const { clock, faults, driver } = faulty();
  const fault = faults.delay("time", "2s");
  const start = clock.now();
  assert.equal(await clock.until(driver.time()), start + 2_000);
  assert.equal(clock.monotonic(), 2_000);
  fault.end();
  assert.equal(await driver.time(), start + 2_000);
  assert.throws(() => new Faults().delay("time", "1s"), { code: "invalid_request", message: /need a clock/ });
});

Deno.test("Faults.away() refuses everything for a while, Faults.silence() answers nothing", async () => {
  const { clock, faults, calls, driver } = faulty();
  faults.away({ for: "1m" });
  assert.deepEqual(await calls(2), [false, false]);
  await clock.advance("1m");
  assert.deepEqual(await calls(1), [true]);
  {
    using _ = faults.away();
    assert.deepEqual(await calls(1), [false]);
  }
  const silence = faults.silence();
  let answered = false;
  const asked = driver.time().finally(() => answered = true);
  const refused = assert.rejects(asked, away);
  await clock.advance("1h");
  assert.equal(answered, false);
  silence.end();
  await refused;
  faults.away();
  faults.clear();
  assert.deepEqual(await calls(1), [true]);
});

Deno.test("faults that were arranged later come first, and the store can always be closed", async () => {
  const { faults, driver } = faulty();
  faults.away();
  faults.fail("time", { error: new Error("first") });
  await assert.rejects(driver.time(), /first/);
  await assert.rejects(driver.time(), away);
  await driver.close();
});
