import assert from "node:assert/strict";
import type { Replacement } from "../../src/domain/replacement.ts";
import type { Job } from "../../src/domain/job.ts";
import type { AmendResult } from "../../src/storage/driver.ts";
import { amendment, type Chapter, done, doomed, failed, MINUTE, SECOND, T, type World } from "./world.ts";

const AT = T + 2 * SECOND;

function patch(w: World, job: Job, to: Replacement): Promise<AmendResult> {
  return w.amend(job, { kind: "replace", set: to }, AT);
}

/** The queues that exist, with the time of their creation. */
async function queues(w: World): Promise<[string, number][]> {
  return (await w.driver.queues("default")).map(({ name, createdAt }) => [name, createdAt]);
}

export const updateChapter: Chapter = {
  "what is named is changed, all else stays": async (w) => {
    const options = { tags: ["a"], timeoutMs: SECOND, ttlMs: MINUTE, origin: "web", uniqueKey: "k" };
    const before = { payload: { a: 1 }, options, expireAt: T + MINUTE };
    const waiting = await w.add(before);
    const later = await w.add({ ...before, type: "other", runAt: T + MINUTE });
    for (const job of [waiting, later]) {
      const to: Replacement = {
        payload: { b: [null, "ä 😀", 0.5] },
        maxAttempts: 9,
        expireAt: T + 5 * MINUTE,
        options: { tags: ["b", "c"], timeoutMs: null, meta: { x: null } },
      };
      assert.equal(await patch(w, job, to), "applied");
      const { timeoutMs: _, ...kept } = options;
      assert.deepEqual(await w.job(job.id), {
        ...job,
        payload: to.payload,
        maxAttempts: 9,
        expireAt: T + 5 * MINUTE,
        options: { ...kept, tags: ["b", "c"], meta: { x: null } },
      });
    }
    assert.deepEqual(await w.list({ tags: ["b"] }), [later.id, waiting.id]);
    assert.deepEqual(await w.list({ tags: ["a"] }), []);
    assert.deepEqual(await w.driver.overdue(T + 2 * MINUTE, 10), []);
    assert.equal((await w.insert(w.make({ options: { uniqueKey: "k" } }))).outcome, "existing");
    assert.deepEqual((await w.claimOne()).payload, { b: [null, "ä 😀", 0.5] });
  },
  "a payload may become null, a deadline may go": async (w) => {
    const job = await w.add({ payload: { a: 1 }, expireAt: T + MINUTE, options: { ttlMs: MINUTE } });
    assert.equal(await patch(w, job, { payload: null, expireAt: null, options: { ttlMs: null } }), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, payload: null, expireAt: null, options: {} });
    assert.deepEqual(await w.driver.overdue(T + 2 * MINUTE, 10), []);
  },
  "an available job keeps its place unless queue or priority change": async (w) => {
    const ids = await w.addMany(3);
    for (const id of ids.slice(0, 2)) {
      await patch(w, await w.job(id), { payload: 1, maxAttempts: 4, runAt: T, options: { tags: ["x"] } });
    }
    assert.deepEqual(await w.list({ states: ["available"] }), ids);
    assert.deepEqual(await w.claimIds(), ids);
  },
  "with another priority an available job is the last to arrive there": async (w) => {
    const [one = "", two = "", three = ""] = await w.addMany(3);
    const [high = ""] = await w.addMany(1, { priority: 5 });
    assert.equal(await patch(w, await w.job(one), { priority: -1 }), "applied");
    assert.equal(await patch(w, await w.job(two), { priority: 5 }), "applied");
    assert.equal((await w.job(two)).priority, 5);
    assert.deepEqual(await w.list({ states: ["available"] }), [high, two, three, one]);
    assert.deepEqual(await w.claimIds({ limit: 2 }), [high, two]);
    assert.deepEqual(await w.claimIds(), [three, one]);
    assert.deepEqual(await w.claimIds(), []);
  },
  "a job moves to another queue, which is created if there is none": async (w) => {
    const job = await w.add();
    const scheduled = await w.add({ runAt: T + MINUTE });
    for (const each of [job, scheduled]) assert.equal(await patch(w, each, { queue: "new" }), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, queue: "new" });
    assert.deepEqual(await w.job(scheduled.id), { ...scheduled, queue: "new" });
    assert.deepEqual(await queues(w), [["default", T], ["new", AT]]);
    assert.deepEqual(await w.claimIds({ queues: ["default"] }), []);
    assert.deepEqual(await w.claimIds({ queues: ["new"] }), [job.id]);
    await w.driver.promote(T + MINUTE, 10);
    assert.deepEqual(await w.claimIds({ queues: ["new"] }), [scheduled.id]);
  },
  "a job that moved is found by workers that looked before, also by those of other processes": async (w) => {
    const others = [w.driver, await w.reopen()];
    await w.addMany(3, { queue: "here" });
    for (const driver of others) await w.claim({ queues: ["here", "there"] }, driver);
    const [last] = (await w.driver.list({ namespace: "default", states: ["available"], limit: 1 })).items;
    assert.ok(last);
    await patch(w, last, { queue: "there", priority: 3 });
    const { jobs } = await w.claim({ queues: ["there"] }, others[1]);
    assert.deepEqual(jobs.map(({ id, queue, priority }) => [id, queue, priority]), [[last.id, "there", 3]]);
  },
  "a scheduled job gets another time, an available one is put off": async (w) => {
    const scheduled = await w.add({ runAt: T + MINUTE });
    const available = await w.add();
    assert.equal(await patch(w, scheduled, { runAt: T + 3 * MINUTE, priority: 7 }), "applied");
    assert.equal(await patch(w, available, { runAt: T + 2 * MINUTE }), "applied");
    assert.deepEqual(await w.job(scheduled.id), { ...scheduled, runAt: T + 3 * MINUTE, priority: 7 });
    assert.deepEqual(await w.job(available.id), {
      ...available,
      state: "scheduled",
      runAt: T + 2 * MINUTE,
    });
    assert.deepEqual(await w.claimIds(), []);
    assert.deepEqual(await w.driver.promote(T + MINUTE, 10), { promoted: 0, nextDueAt: T + 2 * MINUTE });
    assert.deepEqual(await w.list({ states: ["scheduled"] }), [available.id, scheduled.id]);
    await w.driver.promote(T + 3 * MINUTE, 10);
    assert.deepEqual(await w.claimIds(), [scheduled.id, available.id]);
  },
  "a scheduled job whose time has come is available": async (w) => {
    const first = await w.add();
    const job = await w.add({ runAt: T + MINUTE });
    const retrying = await w.finish(failed, { queue: "q" });
    assert.equal(await patch(w, job, { runAt: AT }), "applied");
    assert.equal(await patch(w, retrying, { runAt: T, queue: "default" }), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, state: "available", runAt: AT });
    assert.deepEqual(await w.driver.promote(T + MINUTE, 10), { promoted: 0, nextDueAt: null });
    assert.deepEqual(await w.claimIds(), [first.id, job.id, retrying.id]);
    assert.equal((await w.job(retrying.id)).failures, 1);
  },
  "jobs moved together arrive in the order given": async (w) => {
    const jobs: Job[] = [];
    for (let n = 0; n < 6; n++) jobs.push(await w.add({ runAt: n % 2 === 0 ? T : T + MINUTE }));
    const order = [3, 0, 5, 4, 1, 2].flatMap((index) => jobs[index] ?? []);
    const to: Replacement = { queue: "q", priority: 2, runAt: T };
    await w.driver.amend(order.map((job) => amendment(job, { kind: "replace", set: to }, AT)));
    assert.deepEqual(await w.claimIds({ queues: ["q"] }), order.map(({ id }) => id));
  },
  "jobs that run, have ended, or are not as they were seen are left alone": async (w) => {
    const waiting = await w.add({ queue: "other" });
    const jobs = [
      await w.start(),
      await w.finish(done),
      await w.finish(doomed),
      { ...waiting, attempt: 1 },
      { ...waiting, state: "scheduled" as const },
    ];
    for (const to of [{ payload: 1 }, { queue: "new", priority: 4 }, { runAt: T + MINUTE }]) {
      for (const job of jobs) {
        const before = await w.job(job.id);
        assert.equal(await patch(w, job, to), "stale", `${job.state} ${JSON.stringify(to)}`);
        assert.deepEqual(await w.job(job.id), before);
      }
    }
    assert.deepEqual((await queues(w)).map(([name]) => name), ["default", "other"]);
    assert.deepEqual(await w.claimIds({ queues: ["other"] }), [waiting.id]);
  },
  "updates at the same time are all kept, or told that they were not": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const job = await w.add();
    const patches: Replacement[] = [
      { options: { tags: ["a"] } },
      { options: { origin: "web" } },
      { options: { timeoutMs: 5 } },
      { priority: 4 },
      { queue: "q" },
      { maxAttempts: 8 },
    ];
    const results = (await Promise.all(
      patches.map((to, n) => drivers[n % 2]?.amend([amendment(job, { kind: "replace", set: to }, AT)])),
    )).flat();
    const after = await w.job(job.id);
    const kept: [boolean, AmendResult | undefined][] = [
      [after.options.tags !== undefined, results[0]],
      [after.options.origin === "web", results[1]],
      [after.options.timeoutMs === 5, results[2]],
      [after.priority === 4, results[3]],
      [after.queue === "q", results[4]],
      [after.maxAttempts === 8, results[5]],
    ];
    for (const [is, result] of kept) assert.equal(is, result === "applied");
    assert.deepEqual(await w.claimIds(), [job.id]);
    assert.deepEqual(await w.claimIds(), []);
  },
  "an update and a claim at the same time: the job runs once, as it was before or after": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    for (let round = 0; round < 10; round++) {
      const job = await w.add({ payload: 0 });
      const [claimed, result] = await Promise.all([
        w.claim({ queues: "all" }, drivers[round % 2]),
        drivers[(round + 1) % 2]?.amend([
          amendment(job, { kind: "replace", set: { payload: 1, priority: 1 } }, AT),
        ]),
      ]);
      const run = claimed.jobs[0] ?? await w.claimOne();
      assert.equal(run.id, job.id);
      const changed = result?.[0] === "applied";
      assert.deepEqual([run.payload, run.priority], changed ? [1, 1] : [0, 0]);
      assert.equal(await w.settle(run, done), "applied");
      assert.deepEqual(await w.claimIds(), []);
    }
  },
};
