import assert from "node:assert/strict";
import { openDriver } from "../../src/storage/open.ts";
import { BACKENDS, Fleet, PERMISSIONS } from "./fleet.ts";
import { COUNT, handOver, jobsOfRound, rescue, T } from "./group_rounds.ts";

const PROGRAM = new URL("./dying_group.ts", import.meta.url).pathname;
const MINUTE = 60_000;

for (const backend of BACKENDS) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`${backend}: kill -9 ${when} each statement of gathering, hand-over and end: no job is lost, none handled twice at a time`, async () => {
      await using fleet = await Fleet.of(backend);
      const driver = await openDriver(fleet.url, {});
      let killed = 0;
      for (let nth = 1;; nth++) {
        const args = ["run", "--quiet", "--no-check", ...PERMISSIONS, PROGRAM, fleet.url];
        const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
          args: [...args, `${nth}`, when, `${nth}`],
          stdin: "null",
        }).output();
        assert.ok(code === 0 || code === 137, new TextDecoder().decode(stderr));
        const jobs = jobsOfRound(nth);
        const ids = jobs.map(({ id }) => id);
        assert.ok([0, COUNT].includes((await driver.get(ids)).length), "inserted whole or not at all");
        // The producer asks again, since it does not know; what the dead one had comes back; all of it ends.
        await driver.insert(jobs);
        const handled: string[] = [];
        for (let minute = 2; minute < 40 && handled.length < COUNT; minute++) {
          await rescue(driver, T + minute * MINUTE);
          const groups = await handOver(driver, T + minute * MINUTE, () => "completed");
          handled.push(...groups.flat());
          handled.push(
            ...(minute === 2 ? (await driver.get(ids)) : []).flatMap((job) =>
              job.state === "completed" && !handled.includes(job.id) ? [job.id] : []
            ),
          );
        }
        assert.deepEqual(handled.sort(), ids, `killed ${when} statement ${nth}`);
        const states = new Set((await driver.get(ids)).map(({ state }) => state));
        assert.deepEqual([...states], ["completed"]);
        assert.deepEqual(await driver.groups({ namespace: "default", limit: 10 }), []);
        if (new TextDecoder().decode(stdout).trim() === "done") break;
        killed++;
      }
      assert.ok(killed >= 10, `only ${killed} statements were met`);
      await driver.close();
    });
  }
}
