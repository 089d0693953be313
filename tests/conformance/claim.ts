import assert from "node:assert/strict";
import type { ClaimResult } from "../../src/storage/driver.ts";
import { type Chapter, done, failed, LEASE, MINUTE, released, SECOND, T } from "./world.ts";

function assertNothing({ leaseId, jobs }: ClaimResult): void {
  assert.deepEqual({ leaseId, jobs }, { leaseId: null, jobs: [] });
}

export const claimChapter: Chapter = {
  "a claimed job runs: attempt, start, worker and lease are set": async (w) => {
    const added = await w.add({ payload: { n: 1 } });
    const { leaseId, jobs } = await w.claim({ worker: "w7", now: T + SECOND });
    assert.equal(typeof leaseId, "string");
    const running = { state: "running", attempt: 1, startedAt: T + SECOND, worker: "w7", leaseId };
    assert.deepEqual(jobs, [{ ...added, ...running }]);
    assert.deepEqual(await w.job(added.id), jobs[0]);
  },
  "nothing to claim gives no lease": async (w) => {
    assertNothing(await w.claim());
    await w.add({ runAt: T + MINUTE });
    assertNothing(await w.claim({ now: T + DAY_LATER }));
    assert.deepEqual(await w.driver.orphans({ now: T + DAY_LATER, workers: ["w1"], limit: 10 }), []);
  },
  "a claim that says when the next job is due says the truth": async (w) => {
    const says = (job: { runAt: number } | null, { nextDueAt }: ClaimResult): void => {
      if (nextDueAt !== undefined) assert.equal(nextDueAt, job?.runAt ?? null);
    };
    says(null, await w.claim());
    await w.add({ runAt: T + 2 * MINUTE });
    const next = await w.add({ runAt: T + MINUTE });
    says(next, await w.claim());
    await w.driver.promote(T + DAY_LATER, 10);
    assert.equal((await w.claim({ limit: 10 })).jobs.length, 2);
    says(null, await w.claim());
  },
  "a queue that nobody made gives nothing": async (w) => {
    await w.add();
    assertNothing(await w.claim({ queues: ["unknown"] }));
    assertNothing(await w.claim({ queues: [] }));
    assert.deepEqual((await w.driver.queues("default")).map(({ name }) => name), ["default"]);
  },
  "jobs of one claim have one lease, jobs of another have another": async (w) => {
    await w.addMany(3);
    const first = await w.claim({ limit: 2 });
    const second = await w.claim({ limit: 2 });
    assert.deepEqual(first.jobs.map(({ leaseId }) => leaseId), [first.leaseId, first.leaseId]);
    assert.equal(second.jobs.length, 1);
    assert.notEqual(first.leaseId, second.leaseId);
  },
  "at most `limit` jobs start": async (w) => {
    const ids = await w.addMany(5);
    assert.deepEqual(await w.claimIds({ limit: 2 }), ids.slice(0, 2));
    assert.deepEqual(await w.claimIds({ limit: 100 }), ids.slice(2));
  },
  "higher priority first, then in order of arrival": async (w) => {
    const priorities = [0, 5, -5, 32_767, 5, 0, -32_767, 10];
    const jobs = priorities.map((priority) => w.make({ priority }));
    for (const job of jobs) await w.insert(job);
    const order = [3, 7, 1, 4, 0, 5, 2, 6].map((index) => jobs[index]?.id);
    assert.deepEqual(await w.claimIds(), order);
  },
  "a job of higher priority that comes later still starts before those that wait": async (w) => {
    const [first, second] = await w.addMany(2);
    assert.deepEqual(await w.claimIds({ limit: 1 }), [first]);
    const urgent = await w.add({ priority: 1 });
    assert.deepEqual(await w.claimIds({ limit: 1 }), [urgent.id]);
    assert.deepEqual(await w.claimIds({ limit: 1 }), [second]);
  },
  "order of arrival is not order of creation": async (w) => {
    const late = await w.add({ createdAt: T + MINUTE, runAt: T });
    const early = await w.add({ createdAt: T });
    assert.deepEqual(await w.claimIds(), [late.id, early.id]);
  },
  "queues are served in the order of the request": async (w) => {
    const [low] = await w.addMany(1, { queue: "a", priority: 0 });
    const [high] = await w.addMany(1, { queue: "b", priority: 9 });
    const [other] = await w.addMany(1, { queue: "c", priority: 99 });
    assert.deepEqual(await w.claimIds({ queues: ["a", "b"] }), [low, high]);
    assert.deepEqual(await w.claimIds({ queues: ["b", "c"] }), [other]);
  },
  "a queue that is named twice gives its jobs once": async (w) => {
    const ids = await w.addMany(2, { queue: "a" });
    assert.deepEqual(await w.claimIds({ queues: ["a", "b", "a"] }), ids);
  },
  "an ordered request fills up from the next queue": async (w) => {
    const b = await w.addMany(3, { queue: "b" });
    const a = await w.addMany(2, { queue: "a" });
    assert.deepEqual(await w.claimIds({ queues: ["a", "b"], limit: 3 }), [...a, b[0]]);
    assert.deepEqual(await w.claimIds({ queues: ["a", "b"], limit: 3 }), b.slice(1));
  },
  "all queues: the highest priority of any queue first": async (w) => {
    const ids = [];
    for (const [index, priority] of [3, 9, 1, 7, 5].entries()) {
      ids.push((await w.add({ queue: `q${index % 3}`, priority })).id);
    }
    assert.deepEqual(await w.claimIds({ limit: 2 }), [ids[1], ids[3]]);
    assert.deepEqual(await w.claimIds({ limit: 9 }), [ids[4], ids[0], ids[2]]);
  },
  "all queues: those of other namespaces are not among them": async (w) => {
    const mine = await w.add({ namespace: "mine" });
    const theirs = await w.add({ namespace: "theirs", priority: 9 });
    assert.deepEqual(await w.claimIds({ namespace: "mine" }), [mine.id]);
    assert.deepEqual(await w.claimIds({ namespace: "mine", queues: ["default"] }), []);
    assert.deepEqual(await w.claimIds({ namespace: "theirs", queues: ["default"] }), [theirs.id]);
  },
  "a queue that appears later is seen": async (w) => {
    await w.add({ queue: "a" });
    await w.claimOne();
    const later = await (await w.reopen()).insert([w.make({ queue: "b" })]);
    assert.deepEqual(await w.claimIds(), [later[0]?.id]);
  },
  "a job that comes back is claimed again, whoever brought it back": async (w) => {
    const other = await w.reopen();
    const [first, second] = await w.addMany(2);
    const job = await w.claimOne();
    await w.claimOne();
    assert.equal(job.id, first);
    await w.settle(job, released);
    assert.deepEqual(await w.claimIds(), [first]);
    const [result] = await other.insert([w.make()]);
    assert.deepEqual(await w.claimIds(), [result?.id]);
    assert.notEqual(second, result?.id);
  },
  "the attempt counts every claim and never goes down": async (w) => {
    let job = await w.start({ maxAttempts: 10 });
    for (let attempt = 1; attempt <= 4; attempt++) {
      assert.equal(job.attempt, attempt);
      await w.settle(job, attempt % 2 === 0 ? released : failed);
      await w.driver.promote(T + 10 * MINUTE, 10);
      job = await w.claimOne({ now: T + attempt * MINUTE, worker: `w${attempt}` });
      assert.deepEqual([job.worker, job.startedAt], [`w${attempt}`, T + attempt * MINUTE]);
    }
  },
  "a new attempt keeps the failure and the progress of the one before": async (w) => {
    const job = await w.start();
    await w.driver.progress(job, { step: 3 });
    await w.settle(job, failed);
    await w.driver.promote(T + MINUTE, 10);
    const next = await w.claimOne();
    assert.deepEqual(next.progress, { step: 3 });
    assert.equal(next.error?.message, "it broke");
  },
  "a completed job is never claimed again": async (w) => {
    await w.finish(done);
    assert.deepEqual(await w.claimIds({ now: T + LEASE * 100 }), []);
  },
  "eight concurrent claimers on two connections get every job once": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const ids = (await Promise.all(
      [1, 2, 3, 4].map((priority) => w.addMany(100, { priority, queue: `q${priority % 2}` })),
    ))
      .flat();
    const claimed: string[] = [];
    await Promise.all(Array.from({ length: 8 }, async (_, n) => {
      for (;;) {
        const { jobs } = await w.claim({ worker: `w${n}`, limit: 7 }, drivers[n % 2]);
        if (jobs.length === 0) return;
        claimed.push(...jobs.map(({ id }) => id));
        assert.ok(jobs.every((job) => job.attempt === 1 && job.worker === `w${n}`));
      }
    }));
    // An empty claim may mean that others held the rest for a moment, so what is left is claimed alone.
    claimed.push(...await w.claimIds({ limit: 1000 }));
    assert.deepEqual(claimed.toSorted(), ids.toSorted());
  },
};

const DAY_LATER = 86_400_000;
