import assert from "node:assert/strict";
import type { Execution } from "../../src/domain/job.ts";
import {
  cancelled,
  type Chapter,
  done,
  doomed,
  expired,
  failed,
  lost,
  MINUTE,
  released,
  SECOND,
  snoozed,
  T,
} from "./world.ts";

export const executionsChapter: Chapter = {
  "a job that never ran has no history": async (w) => {
    const job = await w.add();
    assert.deepEqual(await w.driver.executions(job.id), []);
    await w.amend(job, { kind: "cancel", reason: "x" });
    assert.deepEqual(await w.driver.executions(job.id), []);
    assert.deepEqual(await w.driver.executions(w.make().id), []);
  },
  "the running attempt is part of it": async (w) => {
    const job = await w.start({}, { worker: "w3", now: T + SECOND });
    assert.deepEqual(await w.driver.executions(job.id), [{
      jobId: job.id,
      attempt: 1,
      worker: "w3",
      startedAt: T + SECOND,
      finishedAt: null,
      outcome: "running",
      error: null,
    }]);
  },
  "every attempt is kept: who, when, how, why; without gaps": async (w) => {
    const { id } = await w.add({ maxAttempts: 9 });
    const outcomes = [failed, released, snoozed, lost, done];
    for (const [index, outcome] of outcomes.entries()) {
      const now = T + index * 10 * MINUTE;
      const job = await w.claimOne({ worker: `w${index}`, now });
      await w.settle(job, outcome, now + SECOND);
      await w.driver.promote(now + 9 * MINUTE, 10);
    }
    const history = await w.driver.executions(id);
    assert.deepEqual(
      history.map(({ attempt, worker, outcome, error }) => [attempt, worker, outcome, error?.code ?? null]),
      [
        [1, "w0", "failed", "error"],
        [2, "w1", "released", null],
        [3, "w2", "snoozed", null],
        [4, "w3", "lost", "worker_lost"],
        [5, "w4", "completed", null],
      ],
    );
    for (const [index, { jobId, startedAt, finishedAt }] of history.entries()) {
      const now = T + index * 10 * MINUTE;
      assert.deepEqual([jobId, startedAt, finishedAt], [id, now, now + SECOND]);
    }
  },
  "why a job was put off stays with the attempt, and the job keeps its latest failure": async (w) => {
    const { id, error } = await w.finish(failed);
    await w.driver.promote(T + MINUTE, 10);
    await w.settle(await w.claimOne(), {
      kind: "snoozed",
      delayMs: MINUTE,
      reason: "rate_limited: slow down",
    });
    const history = (await w.driver.executions(id)).map(({ outcome, error }) => [outcome, error?.message]);
    assert.deepEqual(history, [["failed", "it broke"], ["snoozed", "rate_limited: slow down"]]);
    const page = await w.driver.listExecutions({ namespace: "default", limit: 1 });
    assert.deepEqual(page.items.map(({ error }) => error), [{
      code: "snoozed",
      message: "rate_limited: slow down",
    }]);
    assert.deepEqual((await w.job(id)).error, error);
    const fresh = await w.finish({ kind: "snoozed", delayMs: MINUTE, reason: "later" });
    assert.equal(fresh.error, null);
  },
  "the attempt that ended a job says how": async (w) => {
    const expectations = [
      [done, "completed", null],
      [doomed, "failed", "error"],
      [cancelled, "cancelled", "cancelled"],
      [expired, "expired", "expired"],
    ] as const;
    for (const [outcome, recorded, code] of expectations) {
      const job = await w.finish(outcome);
      const [execution] = await w.driver.executions(job.id);
      assert.deepEqual([execution?.outcome, execution?.error?.code ?? null], [recorded, code]);
    }
    const job = await w.finish(lost, { maxAttempts: 1 });
    assert.equal((await w.driver.executions(job.id))[0]?.outcome, "lost");
  },
  "a job that ends while it waits keeps how its attempts ended": async (w) => {
    for (
      const change of [{ kind: "cancel", reason: "x" }, { kind: "expire" }, { kind: "archive" }] as const
    ) {
      const job = await w.finish(failed);
      const before = await w.driver.executions(job.id);
      assert.equal(before[0]?.outcome, "failed");
      await w.amend(job, change);
      assert.deepEqual(await w.driver.executions(job.id), before);
    }
  },
  "the history of a job stays when it starts a new life": async (w) => {
    for (const outcome of [doomed, done, cancelled]) {
      const job = await w.finish(outcome);
      const before = await w.driver.executions(job.id);
      await w.amend(job, { kind: "makeAvailable" });
      assert.deepEqual(await w.driver.executions(job.id), before, outcome.kind);
      await w.settle(await w.claimOne(), done);
      const after = await w.driver.executions(job.id);
      assert.deepEqual(after.slice(0, 1), before);
      assert.deepEqual(after.map(({ attempt, outcome }) => [attempt, outcome]).slice(1), [[2, "completed"]]);
    }
  },
  "a completed job that had failed before keeps its failure out of the attempt that succeeded": async (w) => {
    const job = await w.finish(failed);
    await w.driver.promote(T + MINUTE, 10);
    await w.settle(await w.claimOne(), done);
    await w.amend(await w.job(job.id), { kind: "makeAvailable" });
    const errors = (await w.driver.executions(job.id)).map(({ error }) => error?.code ?? null);
    assert.deepEqual(errors, ["error", null]);
  },
  "attempts of all jobs: newest job first, latest attempt first, page after page": async (w) => {
    const ids = [];
    for (let n = 0; n < 3; n++) {
      const job = await w.start();
      ids.push(job.id);
      await w.settle(job, released);
      await w.settle(await w.claimOne(), n === 1 ? doomed : done);
    }
    await w.start();
    await w.add();
    await w.start({ namespace: "other" }, { namespace: "other" });
    const whole = (await w.driver.listExecutions({ namespace: "default", limit: 100 })).items;
    assert.deepEqual(
      whole.slice(1).map(({ jobId, attempt, outcome }) => [jobId, attempt, outcome]),
      [
        [ids[2], 2, "completed"],
        [ids[2], 1, "released"],
        [ids[1], 2, "failed"],
        [ids[1], 1, "released"],
        [ids[0], 2, "completed"],
        [ids[0], 1, "released"],
      ],
    );
    assert.equal(whole[0]?.outcome, "running");
    for (const limit of [1, 2, 3]) {
      const paged: Execution[] = [];
      let cursor: string | undefined;
      do {
        const query = { namespace: "default", limit, ...(cursor === undefined ? {} : { cursor }) };
        const page = await w.driver.listExecutions(query);
        assert.ok(page.items.length <= limit);
        paged.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      assert.deepEqual(paged, whole);
    }
  },
};
