import assert from "node:assert/strict";
import {
  amendment,
  cancelled,
  type Chapter,
  decideAt,
  done,
  failed,
  LEASE,
  lost,
  MINUTE,
  released,
  SECOND,
  snoozed,
  T,
} from "./world.ts";

const CANCEL = { kind: "cancel", reason: "not wanted" } as const;
const REQUEST = { kind: "requestCancel" } as const;

export const cancelChapter: Chapter = {
  "a waiting job that is cancelled ends and never starts": async (w) => {
    const scheduled = await w.add({ runAt: T + MINUTE, expireAt: T + MINUTE });
    const available = await w.add();
    for (const job of [scheduled, available]) {
      assert.equal(await w.amend(job, CANCEL, T + 5), "applied");
      const error = { code: "cancelled", message: "not wanted" };
      const end = { state: "cancelled", finishedAt: T + 5, expireAt: null, error };
      assert.deepEqual(await w.job(job.id), { ...job, ...end });
    }
    assert.equal((await w.driver.promote(T + MINUTE, 10)).promoted, 0);
    assert.deepEqual(await w.claimIds({ now: T + MINUTE }), []);
  },
  "a job that started before the cancellation arrived is not cancelled by it": async (w) => {
    const waiting = await w.add();
    await w.claimOne();
    assert.equal(await w.amend(waiting, CANCEL), "stale");
    assert.equal((await w.job(waiting.id)).state, "running");
  },
  "cancellation and claim at the same moment: exactly one has the job": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    for (let round = 0; round < 10; round++) {
      const job = await w.add();
      const [amended, claimed] = await Promise.all([
        drivers[round % 2]?.amend([amendment(job, CANCEL, T)]),
        w.claim({}, drivers[(round + 1) % 2]),
      ]);
      const { state } = await w.job(job.id);
      if (claimed.jobs.length === 1) assert.deepEqual([amended, state], [["stale"], "running"]);
      else assert.deepEqual([amended, state], [["applied"], "cancelled"]);
    }
  },
  "a running job is asked to stop and can then only end as cancelled": async (w) => {
    const job = await w.start();
    assert.equal(await w.amend(job, REQUEST, T + 5), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, cancelRequestedAt: T + 5 });
    for (const outcome of [done, failed, snoozed, released, lost]) {
      assert.equal(await w.settle(job, outcome), "cancel_requested", outcome.kind);
    }
    assert.deepEqual(await w.job(job.id), { ...job, cancelRequestedAt: T + 5 });
    assert.equal(await w.settle(job, cancelled), "applied");
    const { state, cancelRequestedAt, finishedAt } = await w.job(job.id);
    assert.deepEqual([state, cancelRequestedAt, finishedAt], ["cancelled", null, T + SECOND]);
  },
  "a second request keeps the time of the first": async (w) => {
    const job = await w.start();
    assert.equal(await w.amend(job, REQUEST, T + 5), "applied");
    assert.equal(await w.amend(job, REQUEST, T + 9), "applied");
    assert.equal((await w.job(job.id)).cancelRequestedAt, T + 5);
  },
  "a run that ended before the request arrived keeps its end": async (w) => {
    const job = await w.start();
    await w.settle(job, done);
    assert.equal(await w.amend(job, REQUEST), "stale");
    assert.equal((await w.job(job.id)).state, "completed");
  },
  "a request for an earlier run does not hit the next one": async (w) => {
    const job = await w.start();
    await w.settle(job, released);
    await w.claimOne();
    assert.equal(await w.amend(job, REQUEST), "stale");
    assert.equal((await w.job(job.id)).cancelRequestedAt, null);
  },
  "request and end at the same moment: whichever was first decides": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    for (let round = 0; round < 10; round++) {
      const job = await w.start();
      const [requested, settled] = await Promise.all([
        drivers[round % 2]?.amend([amendment(job, REQUEST, T)]),
        drivers[(round + 1) % 2]?.settle({ transitions: [decideAt(job, done, T)], close: [] }),
      ]);
      const { state, cancelRequestedAt } = await w.job(job.id);
      if (settled?.[0] === "applied") {
        assert.deepEqual([requested, state, cancelRequestedAt], [["stale"], "completed", null]);
      } else {
        assert.deepEqual([requested, settled, state], [["applied"], ["cancel_requested"], "running"]);
        assert.equal(await w.settle(job, cancelled), "applied");
      }
    }
  },
  "a worker learns which of its jobs should stop": async (w) => {
    await w.addMany(3);
    const { jobs } = await w.claim({ worker: "w1", limit: 2 });
    const [first, second] = jobs;
    const other = await w.claimOne({ worker: "w2" });
    assert.ok(first && second);
    assert.deepEqual(await w.driver.cancelRequests("w1"), []);
    for (const job of [second, other]) await w.amend(job, REQUEST);
    assert.deepEqual(await w.driver.cancelRequests("w1"), [{ id: second.id, attempt: 1 }]);
    assert.deepEqual(await w.driver.cancelRequests("w2"), [{ id: other.id, attempt: 1 }]);
    await w.settle(second, cancelled);
    assert.deepEqual(await w.driver.cancelRequests("w1"), []);
  },
  "a job whose worker died is taken back as cancelled when that was requested": async (w) => {
    const job = await w.start();
    await w.amend(job, REQUEST);
    const [orphan] = await w.driver.orphans({ now: T + LEASE, workers: [], limit: 10 });
    assert.ok(orphan?.jobs[0]);
    const { leaseId, expiresAt } = orphan;
    const settle = (outcome: typeof lost): Promise<unknown> =>
      w.driver.settle({
        transitions: orphan.jobs.map((job) => decideAt(job, outcome, T + LEASE)),
        close: [leaseId],
        rescue: { leaseId, expiresAt },
      });
    assert.deepEqual(await settle(lost), ["applied"]);
    assert.equal((await w.job(job.id)).state, "cancelled");
  },
};
