import assert from "node:assert/strict";
import { type Chapter, T } from "./world.ts";

export const storeChapter: Chapter = {
  "a migrated store is ready and tells its time": async (w) => {
    const now = await w.driver.ready();
    assert.ok(Number.isFinite(now) && now > T, String(now));
    assert.ok(await w.driver.time() >= now);
  },
  "migrating again finds nothing to do and keeps everything": async (w) => {
    const job = await w.add();
    const before = await w.driver.migrate();
    assert.deepEqual(before.pending, []);
    const numbers = before.applied.map(({ number }) => number);
    assert.deepEqual(numbers, numbers.map((_, index) => index + 1));
    assert.deepEqual(await w.driver.migrate({ dryRun: true }), before);
    assert.deepEqual(await w.job(job.id), job);
  },
  "concurrent migrations do no harm": async (w) => {
    const other = await w.reopen();
    const results = await Promise.all([w.driver, other, w.driver, other].map((driver) => driver.migrate()));
    assert.ok(results.every(({ pending }) => pending.length === 0));
    await w.driver.ready();
  },
  "facts about the store have a name, a value and a level": async (w) => {
    const facts = await w.driver.inspect();
    assert.ok(facts.length > 0);
    for (const { name, value, level } of facts) {
      assert.ok(name !== "" && typeof value === "string");
      assert.ok(["ok", "warning", "error"].includes(level));
    }
    assert.deepEqual(facts.filter(({ level }) => level === "error"), []);
  },
  "it says which backend it is and where, without credentials": (w) => {
    assert.ok(["memory", "sqlite", "postgres"].includes(w.driver.backend));
    assert.ok(w.driver.location !== "" && !/:[^/@]*@/.test(w.driver.location), w.driver.location);
    return Promise.resolve();
  },
  "what one connection wrote the other sees": async (w) => {
    const other = await w.reopen();
    const job = await w.add();
    assert.deepEqual(await other.get([job.id]), [job]);
    const { jobs } = await w.claim({}, other);
    assert.deepEqual(jobs.map(({ id }) => id), [job.id]);
    assert.deepEqual(await w.claimIds(), []);
  },
  "a closed store refuses, and closing twice is fine": async (w) => {
    await w.driver.close();
    await w.driver.close();
    await assert.rejects(w.driver.ready(), { name: "JobdError" });
    await assert.rejects(w.driver.insert([w.make()]), { name: "JobdError" });
    await assert.rejects(w.claim(), { name: "JobdError" });
  },
  "closing with no time ends each call under way: done, or refused as not available": async (w) => {
    const calls = Array.from({ length: 20 }, () => w.driver.insert([w.make()]));
    const ends = Promise.allSettled(calls);
    await w.driver.close({ withinMs: 0 });
    for (const end of await ends) {
      assert.ok(end.status === "fulfilled" || end.reason.code === "store_unavailable");
    }
    await w.driver.close({ withinMs: 0 });
    await assert.rejects(w.driver.ready(), { code: "store_unavailable" });
  },
};
