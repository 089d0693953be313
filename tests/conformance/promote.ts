import assert from "node:assert/strict";
import { type Chapter, DAY, failed, MINUTE, SECOND, T } from "./world.ts";

export const promoteChapter: Chapter = {
  "a job becomes available when it is due, never before": async (w) => {
    const { id } = await w.add({ runAt: T + MINUTE });
    assert.deepEqual(await w.driver.promote(T + MINUTE - 1, 10), { promoted: 0, nextDueAt: T + MINUTE });
    assert.equal((await w.job(id)).state, "scheduled");
    assert.deepEqual(await w.driver.promote(T + MINUTE, 10), { promoted: 1, nextDueAt: null });
    const job = await w.job(id);
    assert.deepEqual([job.state, job.runAt], ["available", T + MINUTE]);
    assert.deepEqual(await w.claimIds(), [id]);
  },
  "nothing scheduled: nothing is due": async (w) => {
    await w.add();
    assert.deepEqual(await w.driver.promote(T + DAY, 10), { promoted: 0, nextDueAt: null });
  },
  "soonest first, at most `limit`, and it says when the next one is due": async (w) => {
    const delays = [5, 1, 4, 2, 3];
    const ids = (await w.driver.insert(delays.map((delay) => w.make({ runAt: T + delay * SECOND })))).map((
      { id },
    ) => id);
    assert.deepEqual(await w.driver.promote(T + 4 * SECOND, 2), { promoted: 2, nextDueAt: T + 3 * SECOND });
    assert.deepEqual(await w.driver.promote(T + 4 * SECOND, 5), { promoted: 2, nextDueAt: T + 5 * SECOND });
    assert.deepEqual(await w.claimIds(), [1, 3, 4, 2].map((index) => ids[index]));
  },
  "jobs due at the same instant are all promoted": async (w) => {
    const ids = await w.addMany(10, { runAt: T + SECOND });
    assert.deepEqual(await w.driver.promote(T + SECOND, 4), { promoted: 4, nextDueAt: T + SECOND });
    assert.deepEqual(await w.driver.promote(T + SECOND, 40), { promoted: 6, nextDueAt: null });
    assert.deepEqual((await w.claimIds()).toSorted(), ids);
  },
  "priority holds among promoted jobs, and promotion is their arrival": async (w) => {
    const low = await w.add({ runAt: T + SECOND, priority: -1 });
    const high = await w.add({ runAt: T + 2 * SECOND, priority: 1 });
    const medium = await w.add({ runAt: T + 3 * SECOND });
    const first = await w.add();
    await w.driver.promote(T + MINUTE, 10);
    const last = await w.add();
    assert.deepEqual(await w.claimIds(), [high.id, first.id, medium.id, last.id, low.id]);
  },
  "a retried job comes back like a delayed one": async (w) => {
    const job = await w.start();
    await w.settle(job, failed, T);
    assert.deepEqual(await w.driver.promote(T + 10 * SECOND - 1, 10), {
      promoted: 0,
      nextDueAt: T + 10 * SECOND,
    });
    assert.deepEqual(await w.driver.promote(T + 10 * SECOND, 10), { promoted: 1, nextDueAt: null });
    const again = await w.claimOne();
    assert.deepEqual([again.id, again.attempt, again.failures], [job.id, 2, 1]);
  },
  "concurrent promotions promote every job once": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const ids = await w.addMany(200, { runAt: T + SECOND });
    const results = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => drivers[n % 2]?.promote(T + SECOND, 60)));
    let promoted = results.reduce((sum, result) => sum + (result?.promoted ?? 0), 0);
    // Rows that another promotion held are left out by it, so the rest is for the next call.
    promoted += (await w.driver.promote(T + SECOND, 1_000)).promoted;
    assert.equal(promoted, 200);
    assert.deepEqual((await w.claimIds({ limit: 1_000 })).toSorted(), ids);
    assert.deepEqual(await w.claimIds(), []);
  },
  "the last instant that is allowed is kept exactly": async (w) => {
    const last = Date.UTC(3000, 0, 1) - 1;
    const job = await w.add({ runAt: last, expireAt: last });
    assert.deepEqual([job.runAt, job.expireAt], [last, last]);
    assert.deepEqual(await w.driver.promote(T, 10), { promoted: 0, nextDueAt: last });
  },
};
