import assert from "node:assert/strict";
import { EACH_KEY, limitName } from "../../src/domain/limit.ts";
import { DEFAULT_RETENTION } from "../../src/domain/queue.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { addJobs, begin, finish, limit, next } from "./limits_world.ts";
import { type Chapter, T, type World } from "./world.ts";

const ROUNDS = 60;

/** Ends a job while others look at its gate; then whoever waits there starts at once, not only after a while. */
async function endsMeanwhile(
  w: World,
  others: (driver: Driver, key: string) => Promise<unknown>,
): Promise<void> {
  const second = await w.reopen();
  for (let round = 0; round < ROUNDS; round++) {
    const key = `k${round}`;
    const [first = ""] = await addJobs(w, 1, key);
    await begin(w);
    const [waiting = ""] = await addJobs(w, 1, key);
    await Promise.all([others(second, key), finish(w, first)]);
    await next(w, { now: T });
    assert.equal((await w.job(waiting)).state, "running", `round ${round}`);
  }
}

/** Removes all that is old, gates too. */
async function prune(driver: Driver): Promise<void> {
  const request = { now: T, retention: DEFAULT_RETENTION, limit: 100 };
  for (let step = await driver.prune(request); step.cursor !== undefined;) {
    step = await driver.prune({ ...request, cursor: step.cursor });
  }
}

/** What holds at limits when several look at one gate at the same time. */
export const limitsRacesChapter: Chapter = {
  "a job that begins to wait while another one ends starts at once": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    await endsMeanwhile(w, (driver) => begin(w, {}, driver));
  },
  "a job that is tried in vain while another one ends is tried again at once": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    await endsMeanwhile(w, async (driver) => {
      await begin(w, {}, driver);
      const request = { worker: "w2", namespace: "default", queues: "all", types: "all", limit: 5 } as const;
      await driver.claimParked({ ...request, now: T, expiresAt: T + 1_000 });
    });
  },
  "a job that waits starts at once when its limit is resumed or removed while another one comes": async (
    w,
  ) => {
    const second = await w.reopen();
    for (let round = 0; round < ROUNDS; round++) {
      const type = `t${round}`;
      await limit(w, { concurrency: 1 }, { type, pausedAt: T });
      const [first = ""] = await addJobs(w, 1, undefined, { type });
      await begin(w);
      await addJobs(w, 1, undefined, { type });
      const open = round % 2 === 0
        ? limit(w, { concurrency: 1 }, { type })
        : w.driver.removeLimit(limitName("default", { type }), T);
      await Promise.all([begin(w, {}, second), open]);
      await next(w);
      assert.equal((await w.job(first)).state, "running", `round ${round}`);
    }
  },
  "a gate is not forgotten while somebody begins to wait at it": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    const second = await w.reopen();
    for (let round = 0; round < ROUNDS; round++) {
      const key = `k${round}`;
      const [first = "", waiting = ""] = await addJobs(w, 2, key);
      await w.driver.coolDown(limitName("default", { type: "t", key }), T); // so there is a gate
      await Promise.all([begin(w, {}, second), prune(w.driver)]);
      await finish(w, first);
      assert.deepEqual(await next(w), [waiting], `round ${round}`);
    }
  },
};
