import assert from "node:assert/strict";
import { newSchedule } from "../../src/domain/schedule_change.ts";
import { openDriver } from "../../src/storage/open.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { BACKENDS, Fleet, PERMISSIONS } from "./fleet.ts";

const T = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const COUNT = 3;
const PROGRAM = new URL("./dying_commit.ts", import.meta.url).pathname;

/** Adds schedules whose tick is due. */
async function add(driver: Driver, round: string): Promise<string[]> {
  const names = Array.from({ length: COUNT }, (_, number) => `${round}-${number}`);
  for (const name of names) {
    const spec = { everyMs: MINUTE, missed: "latest", overlap: "allow", job: { type: "t" } } as const;
    const given = { id: name, namespace: "default", name, spec, source: "operator" as const };
    await driver.saveSchedule({ schedule: newSchedule(given, T), seen: null, records: [], events: [] });
  }
  return names;
}

/** How many of the ticks are written; all parts of a tick are there, or none. */
async function written(driver: Driver, names: string[]): Promise<number> {
  let count = 0;
  for (const schedule of await driver.schedules({ namespace: "default", names, limit: COUNT })) {
    const { lastTick, lastJobId } = schedule.state;
    const jobs = await driver.get(lastJobId === null ? [] : [lastJobId]);
    const ticks = await driver.ticks({ scheduleId: schedule.id, limit: 9 });
    assert.equal(jobs.length, lastTick === null ? 0 : 1, "a tick and its job");
    assert.equal(ticks.length, jobs.length, "a tick and its history");
    count += jobs.length;
  }
  return count;
}

async function jobsOf(driver: Driver): Promise<number> {
  return (await driver.list({ namespace: "default", limit: 1_000 })).items.length;
}

for (const backend of BACKENDS) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`${backend}: kill -9 ${when} each statement of a tick's commit: it is written whole or not at all, and then once`, async () => {
      await using fleet = await Fleet.of(backend);
      const driver = await openDriver(fleet.url, {});
      const commit = async (nth: number): Promise<string> => {
        const args = [
          "run",
          "--quiet",
          "--no-check",
          ...PERMISSIONS,
          PROGRAM,
          fleet.url,
          `${nth}`,
          when,
          `${T + MINUTE}`,
        ];
        const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" })
          .output();
        assert.ok(code === 0 || code === 137, new TextDecoder().decode(stderr));
        return new TextDecoder().decode(stdout).trim();
      };
      const all: string[] = [];
      let killed = 0;
      for (let nth = 1;; nth++) {
        const names = await add(driver, `r${nth}`);
        all.push(...names);
        const answer = await commit(nth);
        assert.ok([0, COUNT].includes(await written(driver, names)), `killed ${when} statement ${nth}`);
        // Whoever comes next finishes what is left, and nothing else.
        assert.equal(await commit(1_000_000), "done");
        assert.equal(await written(driver, names), COUNT);
        assert.equal(await jobsOf(driver), all.length, "no job twice");
        if (answer === "done") break;
        killed++;
      }
      assert.ok(killed >= 5, `only ${killed} statements were met`);
      await driver.close();
    });
  }
}
