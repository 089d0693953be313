import assert from "node:assert/strict";
import { openDriver } from "../../src/storage/open.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { checkCounts, MEMBERS, roundOf, T } from "./batch_round.ts";
import { BACKENDS, Fleet, PERMISSIONS } from "./fleet.ts";

const PROGRAM = new URL("./dying_batch.ts", import.meta.url).pathname;
/** The one that fails for good adds none. */
const ADDED = MEMBERS - 1;
/** More statements than anything has. */
const NEVER = 1_000_000;

/** Does something in a process that is killed at one of its statements. */
async function doing(url: string, ...words: (string | number)[]): Promise<string> {
  const args = ["run", "--quiet", "--no-check", ...PERMISSIONS, PROGRAM, url, ...words.map(String)];
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  assert.ok(code === 0 || code === 137, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

async function exist(driver: Driver, jobs: { id: string }[]): Promise<number> {
  return (await driver.get(jobs.map(({ id }) => id))).length;
}

async function claimAll(driver: Driver): Promise<void> {
  await driver.claim({
    worker: "w",
    namespace: "default",
    queues: "all",
    types: ["test"],
    limit: 100,
    now: T,
    expiresAt: T + 3_600_000,
  });
}

for (const backend of BACKENDS) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`${backend}: kill -9 ${when} each statement of making, ending and counting a batch: counts are those of its jobs, callbacks come once`, async () => {
      await using fleet = await Fleet.of(backend);
      const driver = await openDriver(fleet.url, {});
      const met = { create: 0, end: 0, tell: 0 };
      let open = new Set(["create", "end", "tell"] as const);
      for (let nth = 1; open.size > 0; nth++) {
        const { batch, jobs, more } = roundOf(nth);
        const next = new Set(open);
        /** Does it with a kill, if it has so many statements, and then to its end. */
        const step = async (what: keyof typeof met): Promise<void> => {
          if (open.has(what)) {
            if (await doing(fleet.url, nth, when, what, nth) === "done") next.delete(what);
            else met[what]++;
          }
        };
        await step("create");
        const [made] = (await driver.batches({ namespace: "default", ids: [batch.id], limit: 1 })).items;
        assert.equal(await exist(driver, jobs), made === undefined ? 0 : MEMBERS, "a batch and its jobs");
        await driver.createBatch(batch, jobs);
        assert.deepEqual((await checkCounts(driver, batch.id)).total, MEMBERS);

        await claimAll(driver);
        await step("end");
        const { open: left, total } = await checkCounts(driver, batch.id) as { open: number; total: number };
        const ended = left !== MEMBERS;
        assert.deepEqual([left, total], ended ? [ADDED, MEMBERS + ADDED] : [MEMBERS, MEMBERS]);
        await doing(fleet.url, NEVER, when, "end", nth);
        assert.equal(await exist(driver, more), ADDED);

        // First only a dead one is to be told, then the end; each with a kill of its own.
        await step("tell");
        await checkCounts(driver, batch.id);
        await doing(fleet.url, NEVER, when, "tell", nth);
        const { complete, finish, dead } = batch.callbacks;
        assert.ok(complete && finish && dead);
        assert.deepEqual([await exist(driver, [dead]), await exist(driver, [complete, finish])], [1, 0]);
        await claimAll(driver);
        await doing(fleet.url, NEVER, when, "end", nth);
        await step("tell");
        await checkCounts(driver, batch.id);
        await doing(fleet.url, NEVER, when, "tell", nth);
        assert.equal((await checkCounts(driver, batch.id)).open, 0);
        assert.deepEqual([await exist(driver, [dead, finish]), await exist(driver, [complete])], [2, 0]);
        const [last] = (await driver.batches({ namespace: "default", ids: [batch.id], limit: 1 })).items;
        assert.deepEqual([last?.state, last?.told], ["failed", ["finish", "dead"]]);
        open = next;
      }
      for (const [what, count] of Object.entries(met)) {
        assert.ok(count >= 5, `${what}: only ${count} statements were met`);
      }
      await driver.close();
    });
  }
}
