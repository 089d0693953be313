import assert from "node:assert/strict";
import { DEFAULT_RETENTION } from "../../src/domain/queue.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Maintenance } from "../../src/runtime/maintenance.ts";
import type { Rescuer } from "../../src/runtime/rescuer.ts";
import { Statistics } from "../../src/runtime/statistics.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { newJob } from "../conformance/world.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const POLL_MS = 1_000;

/** The upkeep of a store in memory, with a count of how often it asked for due jobs. */
function upkeep() {
  const clock = new FakeClock();
  const now = (): number => clock.now();
  let asked = 0;
  class Counting extends MemoryDriver {
    override promote(at: number, limit: number) {
      asked++;
      return super.promote(at, limit);
    }
  }
  const driver = new Counting({ now });
  const maintenance = new Maintenance({
    driver,
    clock,
    now,
    log: silentLogger,
    pollIntervalMs: POLL_MS,
    longestMs: () => POLL_MS,
    sweepMs: 5_000,
    retention: DEFAULT_RETENTION,
    auditRetentionMs: 0,
    statsRetentionMs: 0,
    rescuer: { sweep: () => Promise.resolve(0) } as Partial<Rescuer> as Rescuer,
    statistics: new Statistics(),
  });
  maintenance.start();
  const count = (): number => {
    const before = asked;
    asked = 0;
    return before;
  };
  const schedule = async (inMs: number): Promise<string> => {
    const job = newJob(inMs, { createdAt: now(), runAt: now() + inMs });
    await driver.insert([job]);
    return job.id;
  };
  const state = async (id: string): Promise<string | undefined> => (await driver.get([id]))[0]?.state;
  return { clock, maintenance, count, schedule, state };
}

Deno.test("the promoter asks once in a poll interval, unless claims say when the next job is due", async () => {
  const { clock, maintenance, count } = upkeep();
  await clock.advance(10_000);
  assert.ok(count() >= 10);
  for (let n = 0; n < 20; n++) {
    maintenance.sawDue(null, clock.monotonic());
    await clock.advance(POLL_MS);
  }
  assert.ok(count() <= 1);
  for (let n = 0; n < 20; n++) {
    maintenance.sawDue(null, clock.monotonic());
    await clock.advance(POLL_MS + 5);
  }
  assert.ok(count() <= 1, "a claim takes a moment, so each comes a little later than a poll interval");
  await clock.advance(10_000);
  assert.ok(count() >= 9, "what was seen is believed for one poll interval");
  const stopped = maintenance.stop();
  await clock.advance(0);
  await stopped;
});

Deno.test("a job that is due is made available at its time, whoever saw it", async () => {
  const { clock, maintenance, schedule, state } = upkeep();
  await clock.advance(10);
  const seen = await schedule(300);
  maintenance.sawDue(clock.now() + 300, clock.monotonic());
  await clock.advance(299);
  assert.equal(await state(seen), "scheduled");
  await clock.advance(POLL_MS + 60);
  assert.equal(await state(seen), "available");

  const before = clock.monotonic();
  maintenance.sawDue(null, before);
  const told = await schedule(20);
  await clock.advance(1);
  maintenance.wake();
  maintenance.sawDue(null, before); // this claim was under way
  await clock.advance(30);
  assert.equal(await state(told), "available", "a wake-up makes what was seen before worthless");

  const overdue = await schedule(0);
  maintenance.sawDue(clock.now(), clock.monotonic());
  await clock.advance(0);
  assert.equal(await state(overdue), "available");
  const stopped = maintenance.stop();
  await clock.advance(0);
  await stopped;
});
