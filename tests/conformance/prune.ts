import assert from "node:assert/strict";
import type { Retention } from "../../src/domain/queue.ts";
import { FOREVER_MS } from "../../src/domain/retention.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { ask } from "./waits.ts";
import {
  cancelled,
  type Chapter,
  DAY,
  done,
  doomed,
  expired,
  failed,
  MINUTE,
  SECOND,
  T,
  type World,
} from "./world.ts";

const RETENTION: Retention = { completed: DAY, cancelled: 2 * DAY, expired: 3 * DAY, dead: 4 * DAY };

/** Walks until the end; returns how many jobs were removed and how many steps it took. */
async function prune(w: World, now: number, limit = 100): Promise<{ deleted: number; steps: number }> {
  let [deleted, steps] = [0, 0];
  let cursor: string | undefined;
  do {
    const request = { now, retention: RETENTION, limit, ...(cursor === undefined ? {} : { cursor }) };
    const result = await w.driver.prune(request);
    deleted += result.deleted;
    steps++;
    cursor = result.cursor;
  } while (cursor !== undefined);
  return { deleted, steps };
}

export const pruneChapter: Chapter = {
  "final jobs go when they are older than the retention of their state": async (w) => {
    const ids = [];
    for (const outcome of [done, cancelled, expired, doomed]) ids.push((await w.finish(outcome, {}, T)).id);
    assert.equal((await prune(w, T + DAY - 1)).deleted, 0);
    for (const [index, day] of [1, 2, 3, 4].entries()) {
      assert.equal((await prune(w, T + day * DAY + 1)).deleted, 1);
      assert.deepEqual((await w.list()).toSorted(), ids.slice(index + 1));
    }
    assert.equal((await prune(w, T + 99 * DAY)).deleted, 0);
  },
  "unfinished jobs stay however old they are": async (w) => {
    const ids = [await w.add(), await w.start({ queue: "q" }), await w.finish(failed, { queue: "r" })].map((
      { id },
    ) => id);
    ids.push((await w.add({ runAt: T + MINUTE })).id);
    assert.equal((await prune(w, T + 1_000 * DAY)).deleted, 0);
    assert.deepEqual((await w.list()).toSorted(), ids);
  },
  "the job's own retention beats the queue's, which beats the default": async (w) => {
    const settings = { retentionMs: { completed: 5 * MINUTE } };
    await w.driver.updateQueue({ namespace: "default", name: "short", at: T, settings });
    const plain = await w.finish(done, {}, T);
    const queue = await w.finish(done, { queue: "short" }, T);
    const own = await w.finish(done, { queue: "short", options: { retentionMs: 10 * MINUTE } }, T);
    const otherState = await w.finish(doomed, { queue: "short" }, T);
    const never = await w.finish(done, { options: { retentionMs: 0 } }, T);
    const left = async (now: number): Promise<string[]> => {
      await prune(w, now);
      return (await w.list()).toSorted();
    };
    assert.deepEqual(await left(T + 1), [plain.id, queue.id, own.id, otherState.id]);
    assert.ok(never);
    assert.deepEqual(await left(T + 5 * MINUTE + 1), [plain.id, own.id, otherState.id]);
    assert.deepEqual(await left(T + 10 * MINUTE + 1), [plain.id, otherState.id]);
    assert.deepEqual(await left(T + DAY + 1), [otherState.id]);
  },
  "history and log go with the job": async (w) => {
    const job = await w.start();
    const chunk = { seq: 0, at: T, stream: "stdout", offset: 0, text: "x" } as const;
    await w.driver.appendLogs([{ ...job, chunks: [chunk] }]);
    await w.settle(job, failed, T);
    await w.driver.promote(T + MINUTE, 1);
    await w.settle(await w.claimOne(), done, T + MINUTE);
    assert.equal((await w.driver.executions(job.id)).length, 2);
    assert.equal((await prune(w, T + 2 * DAY)).deleted, 1);
    assert.deepEqual(await w.driver.executions(job.id), []);
    assert.deepEqual(await w.driver.logs({ jobId: job.id, limit: 9 }), []);
    assert.deepEqual((await w.driver.listExecutions({ namespace: "default", limit: 9 })).items, []);
  },
  "steps and waits go with the job": async (w) => {
    const job = await w.start();
    assert.equal(await w.driver.saveStep(job, { name: "s", value: 1, at: T }), true);
    assert.ok(await ask(w, job));
    await w.settle(job, done, T);
    assert.equal(await w.driver.step(job.id, "s"), 1);
    assert.equal((await w.driver.waits(job.id)).length, 1);
    assert.equal((await prune(w, T + 2 * DAY)).deleted, 1);
    assert.equal(await w.driver.step(job.id, "s"), undefined);
    assert.deepEqual(await w.driver.waits(job.id), []);
  },
  "what is kept for ever stays, by the job, its queue or the default": async (w) => {
    const settings = { retentionMs: { dead: FOREVER_MS } };
    await w.driver.updateQueue({ namespace: "default", name: "kept", at: T, settings });
    const ids = [
      await w.finish(done, { options: { retentionMs: FOREVER_MS } }, T),
      await w.finish(doomed, { queue: "kept" }, T),
      await w.finish(cancelled, { queue: "kept" }, T),
    ].map(({ id }) => id);
    const retention = { ...RETENTION, cancelled: FOREVER_MS };
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const request = { now: T + 99 * 365 * DAY, retention, limit: 2 };
      cursor = (await w.driver.prune({ ...request, ...(cursor === undefined ? {} : { cursor }) })).cursor;
    }
    assert.deepEqual((await w.list()).toSorted(), ids);
  },
  "several prune while jobs are added, claimed and settled: nobody is in the other's way": async (w) => {
    await w.addMany(120);
    const { jobs } = await w.claim({ limit: 120 });
    for (const job of jobs) await w.settle(job, done, T);
    const fresh = T + 2 * DAY;
    let deleted = 0;
    const pruneAll = async (driver: Driver): Promise<void> => {
      let cursor: string | undefined;
      do {
        const request = { now: fresh, retention: RETENTION, limit: 5 };
        const step = await driver.prune({ ...request, ...(cursor === undefined ? {} : { cursor }) });
        assert.ok(step.deleted <= 5);
        deleted += step.deleted;
        cursor = step.cursor;
      } while (cursor !== undefined);
    };
    const ran: string[] = [];
    const work = async (): Promise<void> => {
      for (let n = 0; n < 30; n++) {
        const job = await w.start({ createdAt: fresh, runAt: fresh });
        assert.equal(await w.settle(job, done, fresh), "applied");
        ran.push(job.id);
      }
    };
    await Promise.all([work(), pruneAll(w.driver), pruneAll(await w.reopen())]);
    assert.equal(deleted, 120);
    assert.deepEqual((await w.list()).toSorted(), ran);
  },
  "a walk of small steps removes the same": async (w) => {
    await w.addMany(25);
    const { jobs } = await w.claim({ limit: 20 });
    for (const job of jobs) await w.settle(job, done, T);
    const { deleted, steps } = await prune(w, T + 2 * DAY, 4);
    assert.equal(deleted, 20);
    assert.ok(steps > 1);
    assert.equal((await w.list()).length, 5);
  },
  "a job that was retried in time is not removed": async (w) => {
    const job = await w.finish(doomed, {}, T);
    await w.amend(job, { kind: "makeAvailable" });
    assert.equal((await prune(w, T + 99 * DAY)).deleted, 0);
    assert.deepEqual(await w.claimIds(), [job.id]);
  },
  "the walk through an empty store comes to its end": async (w) => {
    assert.equal((await prune(w, T + DAY)).deleted, 0);
  },
  "waiting jobs past their deadline are overdue, others are not": async (w) => {
    const available = await w.add({ expireAt: T + 2 * SECOND });
    const scheduled = await w.add({ expireAt: T + SECOND, runAt: T + MINUTE });
    await w.start({ expireAt: T + SECOND, queue: "q" });
    await w.finish(done, { expireAt: T + SECOND, queue: "q" });
    await w.add();
    const overdue = async (now: number, limit = 10): Promise<string[]> =>
      (await w.driver.overdue(now, limit)).map(({ id }) => id).toSorted();
    assert.deepEqual(await overdue(T + SECOND - 1), []);
    assert.deepEqual(await overdue(T + SECOND), [scheduled.id]);
    assert.deepEqual(await overdue(T + MINUTE), [available.id, scheduled.id].toSorted());
    assert.equal((await overdue(T + MINUTE, 1)).length, 1);
  },
  "running jobs past their deadline do not hide waiting ones": async (w) => {
    await w.addMany(5, { expireAt: T + 1 });
    await w.claim({ limit: 5 });
    const waiting = await w.add({ expireAt: T + SECOND });
    assert.deepEqual((await w.driver.overdue(T + MINUTE, 2)).map(({ id }) => id), [waiting.id]);
  },
  "an overdue job that is expired is overdue no more": async (w) => {
    const job = await w.add({ expireAt: T + SECOND });
    assert.deepEqual(await w.driver.overdue(T + SECOND, 10), [job]);
    assert.equal(await w.amend(job, { kind: "expire" }), "applied");
    assert.deepEqual(await w.driver.overdue(T + SECOND, 10), []);
  },
};
