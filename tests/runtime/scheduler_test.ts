import assert from "node:assert/strict";
import { defineJob, Jobd, type Schedule } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const noted = defineJob({ type: "noted", run: () => null });

/** The ticks for which there are jobs, in minutes after the start; each job once. */
async function ticks({ jobd }: TestJobd): Promise<number[]> {
  const jobs = await Array.fromAsync(jobd.jobs.list());
  return jobs.map(({ options }) => ((options.schedule?.tick ?? 0) - START) / MINUTE).sort((a, b) => a - b);
}

const MINUTES = [1, 2, 3, 4, 5];

for (const when of ["before", "after"] as const) {
  Deno.test(`whichever call of the scheduler fails, ${when} its effect: no tick is lost, none comes twice`, async () => {
    for (const method of ["dueSchedules", "commitTicks"] as const) {
      for (let skip = 0; skip < 6; skip++) {
        await using test = await TestJobd.open({ now: START });
        await test.jobd.schedules.create("s", { every: "1m", job: { type: "noted" } });
        test.faults.fail(method, { when, skip, times: 2 });
        await test.clock.advance("5m30s");
        assert.deepEqual(await ticks(test), MINUTES, `${method} ${skip}`);
        const history = await test.jobd.schedules.history("s");
        assert.deepEqual(history.map(({ number }) => number), [5, 4, 3, 2, 1]);
      }
    }
  });
}

Deno.test("workers die at any moment around a tick: others go on, each tick has one job", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [noted] });
  const workers = [await test.startWorker(), await test.startWorker()];
  await test.jobd.schedules.create("s", { every: "1m", job: noted });
  for (let round = 0; round < 10; round++) {
    await test.clock.advance(MINUTE - 200 + 40 * round);
    workers[round % 2]?.kill();
    workers[round % 2] = await test.startWorker();
    await test.clock.advance(200 - 40 * Math.min(round, 5));
  }
  await test.clock.set(START + 20 * MINUTE);
  assert.deepEqual(await ticks(test), Array.from({ length: 20 }, (_, at) => at + 1));
});

Deno.test("a store that was away: the rule for missed ticks is applied once, when it is back", async () => {
  for (
    const [missed, expected] of [["latest", [1, 7]], ["all", [1, 2, 3, 4, 5, 6, 7]], ["skip", [
      1,
      7,
    ]]] as const
  ) {
    await using test = await TestJobd.open({ now: START });
    await test.jobd.schedules.create("s", { every: "1m", missed, job: { type: "noted" } });
    await test.clock.advance("90s");
    {
      using _ = test.faults.away();
      await test.clock.advance("6m");
    }
    await test.clock.advance("20s");
    assert.deepEqual(await ticks(test), expected, missed);
  }
});

Deno.test("the store's clock is set forth and back: no tick comes twice, none before its time", async () => {
  await using test = await TestJobd.open({ now: START, handlers: [noted] });
  await test.startWorker();
  await test.jobd.schedules.create("s", { every: "1m", job: noted });
  await test.clock.advance("90s");
  test.clock.step(60 * MINUTE);
  await test.clock.advance("30s");
  assert.deepEqual(await ticks(test), [1, 62]);
  test.clock.step(-60 * MINUTE);
  await test.clock.advance("50m");
  assert.deepEqual(await ticks(test), [1, 62], "what it shows has been before");
  await test.clock.advance("11m");
  assert.deepEqual(await ticks(test), [1, 62, 63]);
});

Deno.test("a schedule that another release wrote holds up no other one", async () => {
  const store = new MemoryDriver();
  await using test = await TestJobd.open({ now: START, store });
  const { schedules } = test.jobd;
  await schedules.create("a", { every: "1m", job: { type: "noted" } });
  await schedules.create("b", { every: "1m", job: { type: "noted" } });
  await schedules.create("c", { every: "1m", job: { type: "noted" } });
  const spoil = async (name: string, spec: object): Promise<void> => {
    const schedule = await schedules.get(name);
    const spoilt = { ...schedule, spec: { ...schedule.spec, ...spec } } as Schedule;
    await store.saveSchedule({ schedule: spoilt, seen: schedule.version, records: [], events: [] });
  };
  await spoil("a", { cron: "some day" });
  await spoil("b", { job: { type: "no type!" } });
  await test.clock.advance("3m");
  assert.deepEqual(await ticks(test), [1, 2, 3]);
  const [failed] = await schedules.history("b");
  assert.equal(failed?.outcome, "failed");
  assert.match(failed?.reason ?? "", /Invalid type/);
});

Deno.test("a program that only schedules", async () => {
  await using test = await TestJobd.open({ now: START });
  const store = new MemoryDriver({ now: () => test.clock.now() });
  const jobd = await Jobd.open(store, { clock: test.clock });
  const runner = jobd.schedules.scheduler();
  await runner.start();
  await jobd.schedules.create("s", { every: "1m", job: { type: "noted" } });
  await test.clock.advance("3m");
  assert.equal((await Array.fromAsync(jobd.jobs.list())).length, 3);
  await runner.stop();
  await test.clock.advance("3m");
  assert.equal((await Array.fromAsync(jobd.jobs.list())).length, 3);
  assert.throws(() => jobd.schedules.scheduler({ pollIntervalMs: 0 }), { code: "invalid_request" });
  await jobd.close();
});

Deno.test("thousands of schedules on the same minute: few, bounded batches, one job each", async () => {
  await using test = await TestJobd.open({ now: START });
  const count = 3_000;
  const names = Array.from({ length: count }, (_, number) => `s${number}`);
  await Promise.all(
    names.map((name) => test.jobd.schedules.create(name, { cron: "* * * * *", job: { type: "noted" } })),
  );
  const before = { due: test.faults.calls("dueSchedules"), commit: test.faults.calls("commitTicks") };
  await test.clock.advance("1m");
  const made = test.enqueued();
  assert.equal(new Set(made.map(({ options }) => options.schedule?.name)).size, count);
  assert.equal(made.length, count);
  // Five hundred are read at once, and no more than that are written.
  assert.ok(test.faults.calls("commitTicks") - before.commit <= 6, `${test.faults.calls("commitTicks")}`);
  assert.ok(test.faults.calls("dueSchedules") - before.due <= 8, `${test.faults.calls("dueSchedules")}`);
});

Deno.test("however often it is woken, it asks the store ten times a second at most", async () => {
  await using test = await TestJobd.open({ now: START });
  await test.jobd.schedules.create("s", { every: "1h", job: { type: "noted" } });
  await test.clock.advance("1s");
  const before = test.faults.calls("dueSchedules");
  for (let count = 0; count < 100; count++) {
    await test.jobd.limits.set({ queue: "default", concurrency: 1 + count });
    await test.clock.advance(10);
  }
  const asked = test.faults.calls("dueSchedules") - before;
  assert.ok(asked >= 5 && asked <= 12, `${asked}`);
});
