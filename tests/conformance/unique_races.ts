import assert from "node:assert/strict";
import type { NewJob } from "../../src/domain/job.ts";
import { WAITING_STATES } from "../../src/domain/states.ts";
import type { Driver, InsertResult } from "../../src/storage/driver.ts";
import { delayed, holderIn, make } from "./unique_world.ts";
import { cancelled, type Chapter, DAY, done, MINUTE, T } from "./world.ts";

/** What holds when many contest one key at the same time. */
export const uniqueRacesChapter: Chapter = {
  "of concurrent requests for one key exactly one makes the job, whatever the policy": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    for (const onConflict of ["keep", "replace", "debounce", "fail"] as const) {
      const results = await race(
        drivers,
        24,
        () => make(w, { key: onConflict, onConflict }, delayed(MINUTE, { type: onConflict })),
      );
      const outcomes = results.map((result) => typeof result === "string" ? result : result.outcome);
      const rest =
        { keep: "existing", replace: "replaced", debounce: "replaced", fail: "conflict" }[onConflict];
      assert.deepEqual(outcomes.toSorted(), ["created", ...Array(23).fill(rest)].toSorted(), onConflict);
      assert.equal((await w.list({ types: [onConflict] })).length, 1);
    }
  },
  "of concurrent requests that cancel each other one is left, and each of the others was displaced once":
    async (w) => {
      const drivers = [w.driver, await w.reopen(), await w.reopen()];
      const results = (await race(drivers, 20, () => make(w, { onConflict: "cancel" }))) as InsertResult[];
      const left = await w.list({ states: ["available"] });
      assert.equal(left.length, 1);
      const displaced = results.flatMap(({ displaced }) => displaced?.id ?? []);
      assert.equal(new Set(displaced).size, 19);
      assert.deepEqual([...displaced, ...left].toSorted(), results.map(({ id }) => id).toSorted());
    },
  "a key that its holder gives up goes to exactly one of those who want it": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    await holderIn(w, "dead", { states: ["unfinished", "completed"] });
    const results = await race(drivers, 18, (n) => make(w, n % 2 === 0 ? {} : { onConflict: "replace" }));
    const made = results.filter((result) => typeof result !== "string" && result.outcome === "created");
    assert.equal(made.length, 1);
    assert.equal((await w.list({ states: ["available"] })).length, 1);
  },
  "requests, claims and ends at the same time lose nothing and never give a key to two": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    const policies = ["replace", "cancel", "debounce", "keep"] as const;
    const produce = async (driver: Driver, lane: number): Promise<void> => {
      for (let n = 0; n < 25; n++) {
        const onConflict = policies[(n + lane) % policies.length] ?? "keep";
        await driver.insert([
          make(w, { onConflict, states: ["unfinished"] }, delayed(1 + n % 3, { payload: n })),
        ]);
      }
    };
    const consume = async (driver: Driver): Promise<void> => {
      for (let n = 0; n < 25; n++) {
        await driver.promote(T + MINUTE, 10);
        const { jobs } = await w.claim({ limit: 2, now: T + MINUTE }, driver);
        for (const job of jobs) {
          const ended = await w.settle(job, done);
          if (ended === "cancel_requested") assert.equal(await w.settle(job, cancelled), "applied");
        }
      }
    };
    await Promise.all([...drivers.map(produce), ...drivers.slice(0, 2).map(consume)]);
    const waiting = await w.list({ states: [...WAITING_STATES, "running"] });
    assert.ok(waiting.length <= 1, `${waiting.length} jobs have the key`);
    await w.driver.promote(T + DAY, 10);
    assert.deepEqual(await w.claimIds({ now: T + DAY }), waiting);
  },
};

/** Inserts jobs one by one, all at the same time over several drivers; a refusal counts by its code. */
async function race(
  drivers: Driver[],
  count: number,
  job: (n: number) => NewJob,
): Promise<(InsertResult | string)[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      try {
        const [result] = await (drivers[n % drivers.length] as Driver).insert([job(n)]);
        return result as InsertResult;
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    }),
  );
}
