import assert from "node:assert/strict";
import type { NewJob } from "../../src/domain/job.ts";
import type { InsertResult } from "../../src/storage/driver.ts";
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
  snoozed,
  T,
  type World,
} from "./world.ts";

const KEY: Partial<NewJob> = { options: { uniqueKey: "k" } };

/** Inserts a job with the key and says whether it was created. */
async function again(w: World, over: Partial<NewJob> = {}): Promise<InsertResult> {
  return await w.insert(w.make({ ...KEY, ...over }));
}

export const uniqueChapter: Chapter = {
  "a second job with the key of a waiting or running one is not inserted": async (w) => {
    const holder = await w.add({ ...KEY, runAt: T + MINUTE });
    assert.deepEqual(await again(w), { id: holder.id, outcome: "existing", state: "scheduled" });
    await w.driver.promote(T + MINUTE, 10);
    assert.deepEqual(await again(w), { id: holder.id, outcome: "existing", state: "available" });
    await w.claimOne();
    assert.deepEqual(await again(w), { id: holder.id, outcome: "existing", state: "running" });
    assert.deepEqual(await w.list(), [holder.id]);
  },
  "inside one call the first job with the key wins": async (w) => {
    const [first, second, other] = [w.make(KEY), w.make(KEY), w.make()];
    assert.deepEqual(await w.driver.insert([first, second, other]), [
      { id: first.id, outcome: "created", state: "available" },
      { id: first.id, outcome: "existing", state: "available" },
      { id: other.id, outcome: "created", state: "available" },
    ]);
  },
  "the key belongs to namespace and type, not to the queue": async (w) => {
    const holder = await w.add(KEY);
    assert.equal((await again(w, { type: "other" })).outcome, "created");
    assert.equal((await again(w, { namespace: "other" })).outcome, "created");
    assert.equal((await again(w, { queue: "other" })).id, holder.id);
  },
  "keys are compared exactly": async (w) => {
    const keys = ["k", "K", "k ", "é", "e\u0301", "k%", "漢".repeat(512)];
    for (const uniqueKey of keys) {
      assert.equal((await again(w, { options: { uniqueKey } })).outcome, "created", uniqueKey);
    }
    for (const uniqueKey of keys) {
      assert.equal((await again(w, { options: { uniqueKey } })).outcome, "existing", uniqueKey);
    }
  },
  "every ending frees the key": async (w) => {
    for (const outcome of [done, doomed, cancelled, expired]) {
      const job = await w.start(KEY);
      assert.equal(await w.settle(job, outcome), "applied");
      const next = await again(w);
      assert.equal(next.outcome, "created", outcome.kind);
      await w.amend(await w.job(next.id), { kind: "cancel", reason: "test" });
    }
    const deleted = await w.add(KEY);
    await w.amend(deleted, { kind: "delete" });
    assert.equal((await again(w)).outcome, "created");
  },
  "cancelling, expiring and archiving a waiting job free the key": async (w) => {
    for (
      const change of [{ kind: "cancel", reason: "test" }, { kind: "expire" }, { kind: "archive" }] as const
    ) {
      const waiting = await w.add({ ...KEY, runAt: T + MINUTE });
      assert.equal(await w.amend(waiting, change), "applied");
      const next = await again(w);
      assert.equal(next.outcome, "created", change.kind);
      await w.amend(await w.job(next.id), { kind: "delete" });
    }
  },
  "retry, snooze, hand-back and loss keep the key": async (w) => {
    for (const outcome of [failed, snoozed, released, lost]) {
      const job = await w.start(KEY);
      assert.equal(await w.settle(job, outcome), "applied");
      assert.deepEqual((await again(w)).id, job.id, outcome.kind);
      await w.amend(await w.job(job.id), { kind: "delete" });
    }
  },
  "of concurrent jobs with one key one is created, and all name it": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const results = await Promise.all(w.makeMany(12, KEY).map((job, n) => drivers[n % 2]?.insert([job])));
    const flat = results.map((result) => result?.[0]);
    assert.equal(flat.filter((result) => result?.outcome === "created").length, 1);
    assert.equal(new Set(flat.map((result) => result?.id)).size, 1);
    assert.equal((await w.list()).length, 1);
  },
  "an operator's retry takes the key again": async (w) => {
    const dead = await w.finish(doomed, KEY);
    assert.equal(await w.amend(dead, { kind: "makeAvailable" }), "applied");
    assert.equal((await again(w)).id, dead.id);
  },
  "an operator's retry is a conflict while another job has the key": async (w) => {
    const dead = await w.finish(doomed, KEY);
    const holder = await again(w);
    assert.equal(await w.amend(dead, { kind: "makeAvailable" }), "conflict");
    assert.deepEqual(await w.job(dead.id), dead);
    await w.amend(await w.job(holder.id), { kind: "cancel", reason: "test" });
    assert.equal(await w.amend(dead, { kind: "makeAvailable" }), "applied");
  },
  "of two dead jobs with one key only the first is retried": async (w) => {
    const first = await w.finish(doomed, KEY);
    const second = await w.finish(doomed, KEY);
    const amendments = [second, first].map((job) => ({
      id: job.id,
      from: job.state,
      attempt: job.attempt,
      at: T + MINUTE,
      change: { kind: "makeAvailable" } as const,
    }));
    assert.deepEqual(await w.driver.amend(amendments), ["applied", "conflict"]);
    assert.deepEqual(await w.list({ states: ["available"] }), [second.id]);
  },
};
