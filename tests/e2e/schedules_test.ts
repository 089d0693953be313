import assert from "node:assert/strict";
import { formatInstant } from "../../src/domain/instant.ts";
import { chance, pass } from "./chance.ts";
import { BACKENDS, type Daemon, Fleet, until } from "./fleet.ts";

const KILLS = 12;
const SCHEDULES = ["a", "b", "c"];
const SECOND = 1_000;

/** For which ticks there are jobs, by schedule, in order; a tick with two jobs is there twice. */
async function ticksOf(fleet: Fleet): Promise<Map<string, number[]>> {
  const ticks = new Map<string, number[]>();
  for await (const { options: { schedule } } of fleet.jobd.jobs.list()) {
    if (schedule !== undefined) ticks.set(schedule.name, [...ticks.get(schedule.name) ?? [], schedule.tick]);
  }
  for (const list of ticks.values()) list.sort((a, b) => a - b);
  return ticks;
}

/** Each second from the first to the last, once. */
function assertEachOnce(ticks: number[], where: string): void {
  for (const [index, tick] of ticks.entries()) {
    const expected = (ticks[0] ?? 0) + index * SECOND;
    assert.equal(formatInstant(tick), formatInstant(expected), `${where}: tick ${index} of ${ticks.length}`);
  }
}

for (const backend of BACKENDS) {
  Deno.test(`${backend}: kill -9 around ${KILLS} ticks loses none and doubles none`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const daemons: Daemon[] = await Promise.all([fleet.start(), fleet.start()]);
    for (const name of SCHEDULES) {
      const job = { type: "canary", maxAttempts: 100 };
      await fleet.jobd.schedules.create(name, { cron: "* * * * * *", missed: "all", job });
    }
    const began = Date.now();
    for (let kill = 0; kill < KILLS; kill++) {
      // A moment from shortly before a tick to when it is surely written.
      await pass(SECOND - (Date.now() % SECOND) + random() * 40 - 10);
      const victims = kill % 3 === 0 ? [0, 1] : [Math.floor(random() * 2)];
      for (const which of victims) {
        daemons[which]?.kill("SIGKILL");
        await daemons[which]?.ended;
        daemons[which] = await fleet.start();
      }
    }
    const end = Date.now();
    await until("the last tick is there", async () => {
      const ticks = await ticksOf(fleet);
      return SCHEDULES.every((name) => (ticks.get(name)?.at(-1) ?? 0) > end);
    });
    const ticks = await ticksOf(fleet);
    for (const name of SCHEDULES) {
      const own = ticks.get(name) ?? [];
      assertEachOnce(own, name);
      assert.ok((own[0] ?? Infinity) <= began + 2 * SECOND, "the first tick is missing");
      const history = await fleet.jobd.schedules.history(name);
      assert.ok(history.every(({ outcome }) => outcome === "started"));
    }
  });

  Deno.test(`${backend}: of three daemons one writes each tick, and its job runs once`, async () => {
    await using fleet = await Fleet.of(backend);
    await Promise.all([fleet.start(), fleet.start(), fleet.start()]);
    const job = { type: "canary", payload: { ms: 10 } };
    for (let number = 0; number < 50; number++) {
      await fleet.jobd.schedules.create(`s${number}`, { cron: "* * * * * *", missed: "all", job });
    }
    const end = Date.now() + 3 * SECOND;
    await until("three more ticks of each", async () => {
      const ticks = [...(await ticksOf(fleet)).values()];
      return ticks.length === 50 && ticks.every((list) => (list.at(-1) ?? 0) > end);
    });
    const ticks = await ticksOf(fleet);
    for (const [name, list] of ticks) assertEachOnce(list, name);
    for (const { name } of await fleet.jobd.schedules.list()) await fleet.jobd.schedules.pause(name);
    const ids = (await Array.fromAsync(fleet.jobd.jobs.list())).map(({ id }) => id);
    await fleet.drained(ids);
    await fleet.check(ids);
  });
}
