import assert from "node:assert/strict";
import type { Orphan, SettleResult } from "../../src/storage/driver.ts";
import { type Chapter, decideAt, done, LEASE, lost, SECOND, T, type World } from "./world.ts";

/** Takes back the jobs of an orphan, as the rescuer does. */
async function rescue(w: World, orphan: Orphan, driver = w.driver): Promise<SettleResult[]> {
  const { leaseId, expiresAt, jobs } = orphan;
  const transitions = jobs.map((job) => decideAt(job, lost, T + LEASE));
  return await driver.settle({ transitions, close: [leaseId], rescue: { leaseId, expiresAt } });
}

async function onlyOrphan(w: World, now = T + LEASE): Promise<Orphan> {
  const orphans = await w.driver.orphans({ now, workers: [], limit: 10 });
  assert.equal(orphans.length, 1);
  return orphans[0] as Orphan;
}

export const leasesChapter: Chapter = {
  "a lease ends at its time, not before": async (w) => {
    const job = await w.start();
    assert.deepEqual(await w.driver.orphans({ now: T + LEASE - 1, workers: [], limit: 10 }), []);
    assert.deepEqual(await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 }), [
      { leaseId: job.leaseId, worker: "w1", expiresAt: T + LEASE, jobs: [job] },
    ]);
  },
  "renewing moves the end of all leases of the worker and of no other": async (w) => {
    await w.addMany(3);
    const [first, second] = [await w.claim(), await w.claim()];
    const other = await w.claim({ worker: "w2" });
    const renewed = await w.driver.extend("w1", T + 2 * LEASE);
    assert.deepEqual(renewed.toSorted(), [first.leaseId, second.leaseId].toSorted());
    const orphans = await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 });
    assert.deepEqual(orphans.map(({ leaseId }) => leaseId), [other.leaseId]);
    assert.deepEqual(await w.driver.extend("nobody", T), []);
  },
  "only the leases that are named are renewed, and only those of the worker": async (w) => {
    await w.addMany(3);
    const [named, other] = [await w.claim(), await w.claim()];
    const foreign = await w.claim({ worker: "w2" });
    const ids = [named.leaseId, foreign.leaseId, "999999"].map(String);
    assert.deepEqual(await w.driver.extend("w1", T + 2 * LEASE, ids), [named.leaseId]);
    assert.deepEqual(await w.driver.extend("w1", T + 2 * LEASE, []), []);
    const orphans = await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 });
    assert.deepEqual(
      orphans.map(({ leaseId }) => leaseId).toSorted(),
      [other.leaseId, foreign.leaseId].toSorted(),
    );
  },
  "the leases of a dead worker are found before they end": async (w) => {
    await w.addMany(2);
    const mine = await w.claim({ worker: "dead" });
    await w.claim({ worker: "alive" });
    const orphans = await w.driver.orphans({ now: T, workers: ["dead", "unknown"], limit: 10 });
    assert.deepEqual(orphans.map(({ leaseId }) => leaseId), [mine.leaseId]);
  },
  "leases that are named are found before they end, whoever has them": async (w) => {
    await w.addMany(3);
    const [mine, other] = [await w.claim(), await w.claim({ worker: "w2" })];
    await w.claim();
    const leases = [other.leaseId, mine.leaseId, "999999"].map(String);
    const found = await w.driver.orphans({ now: 0, workers: [], leases, limit: 10 });
    assert.deepEqual(
      found,
      [mine, other].map(({ leaseId, jobs }, at) => ({
        leaseId,
        worker: ["w1", "w2"][at],
        expiresAt: T + LEASE,
        jobs,
      })),
    );
    assert.deepEqual(await w.driver.orphans({ now: 0, workers: [], leases: [], limit: 10 }), []);
  },
  "only jobs that still run are part of an orphan": async (w) => {
    await w.addMany(3);
    const { jobs } = await w.claim({ limit: 3 });
    const [first, second, third] = jobs;
    assert.ok(first && second && third);
    await w.settle(first, done);
    await w.settle(third, { kind: "released" });
    const again = await w.claimOne({ worker: "w2", expiresAt: T + 9 * LEASE });
    assert.equal(again.id, third.id);
    assert.deepEqual((await onlyOrphan(w)).jobs, [second]);
  },
  "a rescue takes the jobs back and closes the lease": async (w) => {
    const ids = await w.addMany(2);
    await w.claim({ limit: 2 });
    assert.deepEqual(await rescue(w, await onlyOrphan(w)), ["applied", "applied"]);
    assert.deepEqual(await w.driver.orphans({ now: T + LEASE, workers: ["w1"], limit: 10 }), []);
    assert.deepEqual(await w.driver.extend("w1", T + 2 * LEASE), []);
    assert.deepEqual(await w.list({ states: ["scheduled"] }), ids);
  },
  "a rescue does nothing when the lease was renewed meanwhile": async (w) => {
    const job = await w.start();
    const orphan = await onlyOrphan(w);
    await w.driver.extend("w1", T + 2 * LEASE);
    assert.deepEqual(await rescue(w, orphan), ["stale"]);
    assert.deepEqual(await w.job(job.id), job);
    assert.deepEqual(await w.driver.extend("w1", T + 3 * LEASE), [job.leaseId]);
    assert.equal(await w.settle(job, done), "applied");
  },
  "a rescue does nothing when the lease is closed": async (w) => {
    const job = await w.start();
    const orphan = await onlyOrphan(w);
    await w.driver.settle({ transitions: [], close: [orphan.leaseId] });
    assert.deepEqual(await rescue(w, orphan), ["stale"]);
    assert.deepEqual(await w.job(job.id), job);
  },
  "a lease is rescued once, however many try": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    await w.addMany(3);
    await w.claim({ limit: 3 });
    const orphan = await onlyOrphan(w);
    const results = await Promise.all([0, 1, 2, 3].map((n) => rescue(w, orphan, drivers[n % 2])));
    assert.equal(results.filter((result) => result.every((one) => one === "applied")).length, 1);
    assert.equal(results.filter((result) => result.every((one) => one === "stale")).length, 3);
    for (const job of orphan.jobs) assert.equal((await w.job(job.id)).failures, 1);
  },
  "a worker that ends its job just before the rescue wins": async (w) => {
    const job = await w.start();
    const orphan = await onlyOrphan(w);
    assert.equal(await w.settle(job, done), "applied");
    assert.deepEqual(await rescue(w, orphan), ["stale"]);
    assert.equal((await w.job(job.id)).state, "completed");
    assert.deepEqual(await rescue(w, await onlyOrphan(w)), []);
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), []);
  },
  "a job whose cancellation is requested during its rescue is taken back by the next one": async (w) => {
    await w.addMany(2);
    const { jobs: [first, second] } = await w.claim({ limit: 2 });
    assert.ok(first && second);
    const orphan = await onlyOrphan(w);
    await w.amend(second, { kind: "requestCancel" });
    assert.deepEqual((await rescue(w, orphan)).toSorted(), ["applied", "cancel_requested"]);
    assert.deepEqual(await rescue(w, await onlyOrphan(w)), ["applied"]);
    assert.equal((await w.job(second.id)).state, "cancelled");
    assert.deepEqual(await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 }), []);
  },
  "a worker that was given up finds its writes refused": async (w) => {
    const zombie = await w.start();
    await rescue(w, await onlyOrphan(w));
    assert.equal(await w.settle(zombie, done), "stale");
    assert.equal(await w.driver.progress(zombie, { late: true }), false);
    await w.driver.promote(T + 60 * SECOND, 10);
    const live = await w.claimOne({ worker: "w2" });
    assert.equal(await w.settle(zombie, done), "stale");
    assert.equal(await w.driver.progress(zombie, { late: true }), false);
    await w.driver.appendLogs([{
      ...zombie,
      chunks: [{ seq: 0, at: T, stream: "stdout", offset: 0, text: "late" }],
    }]);
    assert.deepEqual(await w.driver.logs({ jobId: zombie.id, limit: 10 }), []);
    assert.deepEqual(await w.job(zombie.id), live);
  },
  "a job that is always lost ends dead after exactly its attempts": async (w) => {
    const { id } = await w.add({ maxAttempts: 3 });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await w.claimOne();
      await rescue(w, await onlyOrphan(w));
      await w.driver.promote(T + 1_000 * SECOND, 10);
    }
    const { state, attempt, failures, error } = await w.job(id);
    assert.deepEqual([state, attempt, failures, error?.code], ["dead", 3, 3, "worker_lost"]);
    assert.deepEqual(await w.claimIds(), []);
  },
  "a lease without open jobs is an orphan like others, and closing it is a rescue of nothing": async (w) => {
    const job = await w.start();
    await w.settle(job, done);
    const orphan = await onlyOrphan(w);
    assert.deepEqual(orphan.jobs, []);
    assert.deepEqual(await rescue(w, orphan), []);
    assert.deepEqual(await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 }), []);
  },
  "a look for orphans is bounded, and repeating it finds the rest": async (w) => {
    await w.addMany(5);
    for (let n = 0; n < 5; n++) await w.claim();
    let rescued = 0;
    for (const expected of [2, 2, 1, 0]) {
      const orphans = await w.driver.orphans({ now: T + LEASE, workers: [], limit: 2 });
      assert.equal(orphans.length, expected);
      for (const orphan of orphans) rescued += (await rescue(w, orphan)).length;
    }
    assert.equal(rescued, 5);
  },
  "progress is kept only for the live run": async (w) => {
    const job = await w.start();
    assert.equal(await w.driver.progress(job, { percent: 50 }), true);
    assert.deepEqual((await w.job(job.id)).progress, { percent: 50 });
    assert.equal(await w.driver.progress({ id: job.id, attempt: 2 }, "x"), false);
    await w.settle(job, done);
    assert.equal(await w.driver.progress(job, "x"), false);
    assert.deepEqual((await w.job(job.id)).progress, { percent: 50 });
  },
  "liveness locks may be taken and given back": async (w) => {
    const held = await w.driver.holdLiveness("w1");
    const again = await w.driver.holdLiveness("w2");
    const { epoch, workers } = await w.driver.absentWorkers();
    assert.equal(typeof epoch, "string");
    assert.ok(!workers.includes("w1"));
    await held[Symbol.asyncDispose]();
    await again[Symbol.asyncDispose]();
  },
};
