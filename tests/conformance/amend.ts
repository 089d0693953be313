import assert from "node:assert/strict";
import type { Change } from "../../src/domain/amendment.ts";
import type { Job } from "../../src/domain/job.ts";
import {
  amendment,
  cancelled,
  type Chapter,
  done,
  doomed,
  expired,
  failed,
  MINUTE,
  SECOND,
  T,
} from "./world.ts";

const AVAILABLE: Change = { kind: "makeAvailable" };
const AT = T + 2 * SECOND;

export const amendChapter: Chapter = {
  "a delayed job runs now": async (w) => {
    const job = await w.add({ runAt: T + MINUTE });
    assert.equal(await w.amend(job, AVAILABLE), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, state: "available", runAt: AT });
    assert.deepEqual(await w.driver.promote(T + MINUTE, 10), { promoted: 0, nextDueAt: null });
    assert.deepEqual(await w.claimIds(), [job.id]);
  },
  "a retrying job runs now and keeps its failures": async (w) => {
    const job = await w.finish(failed);
    assert.equal(await w.amend(job, AVAILABLE), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, state: "available", runAt: AT });
    const again = await w.claimOne();
    assert.deepEqual([again.attempt, again.failures], [2, 1]);
  },
  "a final job starts a new life: what it left is forgotten, except its attempts": async (w) => {
    for (const outcome of [done, doomed, cancelled, expired]) {
      const run = await w.start();
      await w.driver.progress(run, { percent: 50 });
      await w.settle(run, outcome);
      const job = await w.job(run.id);
      assert.equal(await w.amend(job, AVAILABLE), "applied", outcome.kind);
      assert.deepEqual(await w.job(job.id), {
        ...job,
        state: "available",
        failures: 0,
        releases: 0,
        runAt: AT,
        finishedAt: null,
        progress: null,
        result: null,
        error: null,
      });
      const again = await w.claimOne();
      assert.deepEqual([again.id, again.attempt], [job.id, 2]);
      assert.equal(await w.settle(again, done), "applied");
    }
  },
  "a new life begins with what is new about it: payload, queue, priority, attempts, options": async (w) => {
    const job = await w.finish(doomed, { queue: "q", options: { tags: ["a"], ttlMs: MINUTE } });
    const other = await w.finish(doomed, { queue: "q" });
    const set = { queue: "slow", priority: 7, payload: { put: "right" }, maxAttempts: 9 };
    const change: Change = { kind: "reviveWith", set: { ...set, options: { tags: ["b"] } } };
    assert.equal(await w.amend(job, change), "applied");
    const after = await w.job(job.id);
    assert.deepEqual(after, {
      ...job,
      ...set,
      state: "available",
      failures: 0,
      runAt: AT,
      expireAt: AT + MINUTE,
      finishedAt: null,
      error: null,
      options: { tags: ["b"], ttlMs: MINUTE },
    });
    assert.equal((await w.driver.executions(job.id)).length, 1);
    assert.deepEqual(await w.list({ states: ["dead"] }), [other.id]);
    const again = await w.claimOne();
    assert.deepEqual([again.id, again.queue, again.payload], [job.id, "slow", { put: "right" }]);
    assert.equal(await w.settle(again, done), "applied");
  },
  "a new life may begin later": async (w) => {
    const job = await w.finish(doomed);
    const change: Change = { kind: "reviveWith", set: { runAt: T + MINUTE } };
    assert.equal(await w.amend(job, change), "applied");
    const { state, runAt, failures } = await w.job(job.id);
    assert.deepEqual([state, runAt, failures], ["scheduled", T + MINUTE, 0]);
    assert.deepEqual(await w.claimIds(), []);
    await w.driver.promote(T + MINUTE, 10);
    assert.deepEqual(await w.claimIds({ now: T + MINUTE }), [job.id]);
  },
  "a new life with another payload has no steps of the old one, and one with the same has them": async (
    w,
  ) => {
    for (const [set, kept] of [[{ payload: 1 }, undefined], [{ priority: 1 }, 1]] as const) {
      const run = await w.start();
      await w.driver.saveStep(run, { name: "s", value: 1, at: AT });
      await w.settle(run, doomed);
      assert.equal(await w.amend(await w.job(run.id), { kind: "reviveWith", set }), "applied");
      assert.equal(await w.driver.step(run.id, "s"), kept);
      await w.settle(await w.claimOne(), done);
    }
  },
  "only a final job, as it was seen, whose unique key is free, starts a new life with something new": async (
    w,
  ) => {
    const change: Change = { kind: "reviveWith", set: { priority: 3 } };
    const waiting = await w.add();
    assert.equal(await w.amend(waiting, change), "stale");
    assert.deepEqual(await w.job(waiting.id), waiting);
    await w.settle(await w.claimOne(), done);
    const unique = { unique: { key: "k" } };
    const job = await w.finish(doomed, { options: unique });
    const holder = await w.add({ options: unique });
    assert.equal(await w.amend(job, change), "conflict");
    assert.deepEqual(await w.job(job.id), job);
    await w.settle(await w.claimOne(), done);
    assert.equal((await w.job(holder.id)).state, "completed");
    assert.equal(await w.amend({ ...job, attempt: 7 }, change), "stale");
    assert.equal(await w.amend(job, change), "applied");
  },
  "jobs that come to life together arrive in the order given, wherever they come": async (w) => {
    const jobs = [];
    for (const queue of ["a", "b", "a", "b"]) jobs.push(await w.finish(doomed, { queue }));
    const changes: Change[] = [
      { kind: "reviveWith", set: { queue: "b" } },
      { kind: "reviveWith", set: { payload: 1 } },
      { kind: "reviveWith", set: { queue: "b" } },
      AVAILABLE,
    ];
    const results = await w.driver.amend(
      jobs.map((job, index) => amendment(job, changes[index] as Change, AT)),
    );
    assert.deepEqual(results, ["applied", "applied", "applied", "applied"]);
    const order = [];
    for (const _ of jobs) order.push((await w.claimOne()).id);
    assert.deepEqual(order, jobs.map(({ id }) => id));
  },
  "a new life has its full time to live again": async (w) => {
    const job = await w.finish(doomed, { expireAt: T + MINUTE, options: { ttlMs: MINUTE } });
    assert.equal(job.expireAt, null);
    await w.amend(job, AVAILABLE, T + 5 * MINUTE);
    assert.equal((await w.job(job.id)).expireAt, T + 6 * MINUTE);
  },
  "a job that was retried is in no list of final jobs": async (w) => {
    const job = await w.finish(doomed);
    await w.amend(job, AVAILABLE);
    assert.deepEqual(await w.list({ states: ["dead", "cancelled", "expired", "completed"] }), []);
  },
  "a waiting job expires and never starts": async (w) => {
    for (const runAt of [T, T + MINUTE]) {
      const job = await w.add({ runAt, expireAt: T + MINUTE });
      assert.equal(await w.amend(job, { kind: "expire" }), "applied");
      const after = await w.job(job.id);
      assert.deepEqual(after, {
        ...job,
        state: "expired",
        finishedAt: AT,
        expireAt: null,
        error: { code: "expired", message: after.error?.message },
      });
    }
    await w.driver.promote(T + MINUTE, 10);
    assert.deepEqual(await w.claimIds({ now: T + MINUTE }), []);
  },
  "a waiting job that is archived is a dead letter: it never starts, unless it is retried": async (w) => {
    const retrying = await w.finish(failed);
    for (const job of [await w.add(), await w.add({ runAt: T + MINUTE, expireAt: T + MINUTE }), retrying]) {
      assert.equal(await w.amend(job, { kind: "archive" }), "applied");
      assert.deepEqual(await w.job(job.id), {
        ...job,
        state: "dead",
        finishedAt: AT,
        expireAt: null,
        error: { code: "archived", message: "Archived on request" },
      });
    }
    assert.equal((await w.list({ states: ["dead"] })).length, 3);
    assert.deepEqual(await w.claimIds(), []);
    await w.driver.promote(T + 5 * MINUTE, 10);
    assert.deepEqual(await w.claimIds(), []);
    await w.amend(await w.job(retrying.id), AVAILABLE);
    assert.deepEqual(await w.claimIds(), [retrying.id]);
  },
  "a running or a final job is not archived": async (w) => {
    const ended = await w.finish(done);
    const running = await w.start();
    for (const job of [ended, running]) {
      assert.equal(await w.amend(job, { kind: "archive" }), "stale");
      assert.deepEqual(await w.job(job.id), job);
    }
  },
  "a deleted job is gone with its history and log": async (w) => {
    const retrying = await w.start();
    const chunk = { seq: 0, at: T, stream: "stdout", offset: 0, text: "x" } as const;
    await w.driver.appendLogs([{ ...retrying, chunks: [chunk] }]);
    await w.settle(retrying, failed);
    const jobs = [
      await w.job(retrying.id),
      await w.add(),
      await w.finish(doomed, { queue: "q" }),
      await w.finish(done, { queue: "q" }),
    ];
    for (const job of jobs) {
      assert.equal(await w.amend(job, { kind: "delete" }), "applied", job.state);
      assert.deepEqual(await w.driver.get([job.id]), []);
      assert.deepEqual(await w.driver.executions(job.id), []);
      assert.deepEqual(await w.driver.logs({ jobId: job.id, limit: 10 }), []);
      assert.equal(await w.amend(job, { kind: "delete" }), "stale");
    }
    assert.deepEqual(await w.list(), []);
    assert.deepEqual(await w.driver.promote(T + MINUTE, 10), { promoted: 0, nextDueAt: null });
    assert.deepEqual(await w.claimIds(), []);
  },
  "a running job is not deleted": async (w) => {
    const job = await w.start();
    assert.equal(await w.amend(job, { kind: "delete" }), "stale");
    assert.deepEqual(await w.job(job.id), job);
  },
  "nothing is written when the job is not as it was seen": async (w) => {
    const job = await w.add();
    const views: Partial<Job>[] = [{ state: "scheduled" }, { state: "dead" }, { state: "running" }, {
      attempt: 1,
    }];
    const changes: Change[] = [
      { kind: "cancel", reason: "x" },
      { kind: "requestCancel" },
      { kind: "expire" },
      AVAILABLE,
      { kind: "delete" },
    ];
    for (const view of views) {
      for (const change of changes) {
        assert.equal(
          await w.amend({ ...job, ...view }, change),
          "stale",
          `${JSON.stringify(view)} ${change.kind}`,
        );
      }
    }
    assert.deepEqual(await w.job(job.id), job);
    assert.deepEqual(await w.claimIds(), [job.id]);
  },
  "the operator's view of an earlier attempt is stale": async (w) => {
    const first = await w.finish(doomed);
    await w.amend(first, AVAILABLE);
    await w.settle(await w.claimOne(), doomed);
    assert.equal(await w.amend(first, AVAILABLE), "stale");
    assert.equal((await w.job(first.id)).state, "dead");
  },
  "unknown jobs are stale": async (w) => {
    const job = await w.add();
    await w.amend(job, { kind: "delete" });
    for (const change of [AVAILABLE, { kind: "cancel", reason: "x" }] as const) {
      assert.equal(await w.amend(job, change), "stale");
    }
  },
  "results are in the order of the amendments, each judged by itself": async (w) => {
    const scheduled = await w.add({ runAt: T + MINUTE });
    const dead = await w.finish(doomed);
    const available = await w.add({ queue: "q" });
    const running = await w.start({ queue: "r" });
    const gone = await w.add();
    await w.amend(gone, { kind: "delete" });
    const cancel: Change = { kind: "cancel", reason: "x" };
    assert.deepEqual(
      await w.driver.amend([
        amendment(dead, AVAILABLE, AT),
        amendment(gone, cancel, AT),
        amendment(available, cancel, AT),
        amendment(running, { kind: "requestCancel" }, AT),
        amendment({ ...scheduled, attempt: 4 }, cancel, AT),
        amendment(scheduled, AVAILABLE, AT),
        amendment(available, { kind: "delete" }, AT),
      ]),
      ["applied", "stale", "applied", "applied", "stale", "applied", "stale"],
    );
    assert.deepEqual(await w.driver.amend([]), []);
  },
  "jobs made available together arrive in the order given": async (w) => {
    const jobs: Job[] = [];
    for (let n = 0; n < 5; n++) {
      jobs.push(n % 2 === 0 ? await w.add({ runAt: T + MINUTE }) : await w.finish(doomed));
    }
    const order = [2, 4, 0, 3, 1].flatMap((index) => jobs[index] ?? []);
    await w.driver.amend(order.map((job) => amendment(job, AVAILABLE, AT)));
    assert.deepEqual(await w.claimIds(), order.map(({ id }) => id));
  },
  "of concurrent operators one is heard": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const job = await w.finish(doomed);
    const results = await Promise.all(
      [0, 1, 2, 3].map((n) => drivers[n % 2]?.amend([amendment(job, AVAILABLE, AT)])),
    );
    assert.deepEqual(results.flat().toSorted(), ["applied", "stale", "stale", "stale"]);
    assert.deepEqual(await w.claimIds(), [job.id]);
    assert.equal((await w.driver.executions(job.id)).length, 2);
  },
};
