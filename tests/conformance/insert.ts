import assert from "node:assert/strict";
import type { Json } from "../../src/domain/json.ts";
import { type Chapter, done, idOf, MINUTE, T } from "./world.ts";

export const insertChapter: Chapter = {
  "a job is stored as it was given, with everything else at its beginning": async (w) => {
    const given = w.make({
      queue: "mail",
      type: "email.send",
      priority: 7,
      payload: { to: "user@example.com" },
      maxAttempts: 9,
      expireAt: T + MINUTE,
      options: {
        timeoutMs: 1,
        backoff: { baseMs: 1, maxMs: 2, jitter: "full" },
        retentionMs: 3,
        ttlMs: MINUTE,
        uniqueKey: "k",
        origin: "o",
        tags: ["a", "b"],
        meta: { x: [1] },
      },
    });
    assert.deepEqual(await w.driver.insert([given]), [{
      id: given.id,
      outcome: "created",
      state: "available",
    }]);
    assert.deepEqual(await w.job(given.id), {
      ...given,
      state: "available",
      attempt: 0,
      failures: 0,
      releases: 0,
      startedAt: null,
      finishedAt: null,
      cancelRequestedAt: null,
      worker: null,
      leaseId: null,
      waitingFor: null,
      gathering: false,
      progress: null,
      result: null,
      error: null,
    });
  },
  "a job that starts later is scheduled, one that starts now or should have started is available": async (
    w,
  ) => {
    assert.equal((await w.add({ runAt: T + 1 })).state, "scheduled");
    assert.equal((await w.add({ runAt: T })).state, "available");
    const late = await w.add({ runAt: T - 1 });
    assert.deepEqual([late.state, late.runAt], ["available", T - 1]);
  },
  "nothing to insert gives nothing": async (w) => {
    assert.deepEqual(await w.driver.insert([]), []);
  },
  "results are in the order of the jobs, whatever becomes of each": async (w) => {
    const [first, second] = [w.make(), w.make({ runAt: T + MINUTE })];
    await w.driver.insert([second]);
    const third = w.make();
    assert.deepEqual(await w.driver.insert([third, second, first]), [
      { id: third.id, outcome: "created", state: "available" },
      { id: second.id, outcome: "existing", state: "scheduled" },
      { id: first.id, outcome: "created", state: "available" },
    ]);
  },
  "repeating an insert changes nothing and says what state the job is in by now": async (w) => {
    const given = w.make({ payload: { n: 1 } });
    await w.insert(given);
    const again = (): Promise<unknown> => w.driver.insert([{ ...given, payload: { n: 2 }, priority: 5 }]);
    assert.deepEqual(await again(), [{ id: given.id, outcome: "existing", state: "available" }]);
    const job = await w.claimOne();
    assert.deepEqual(await again(), [{ id: given.id, outcome: "existing", state: "running" }]);
    await w.settle(job, done);
    assert.deepEqual(await again(), [{ id: given.id, outcome: "existing", state: "completed" }]);
    assert.deepEqual((await w.job(given.id)).payload, { n: 1 });
    assert.deepEqual(await w.claimIds(), []);
  },
  "the same id twice in one call is inserted once": async (w) => {
    const given = w.make();
    const results = await w.driver.insert([given, { ...given, payload: 2 }]);
    assert.deepEqual(results.map(({ id, outcome }) => [id, outcome]), [[given.id, "created"], [
      given.id,
      "existing",
    ]]);
    assert.deepEqual((await w.job(given.id)).payload, {});
    assert.deepEqual(await w.claimIds(), [given.id]);
  },
  "of the same id twice in one call the first counts, whatever unique keys they have": async (w) => {
    const [holder] = await w.addMany(1, { options: { uniqueKey: "held" } });
    const [plain, kept] = [w.make(), w.make()];
    const results = await w.driver.insert([
      plain,
      { ...kept, options: { uniqueKey: "held" } },
      { ...plain, payload: 2, options: { uniqueKey: "free" } },
      { ...kept, payload: 2 },
    ]);
    assert.deepEqual(results.map(({ id, outcome }) => `${id} ${outcome}`), [
      `${plain.id} created`,
      `${holder} existing`,
      `${plain.id} existing`,
      `${kept.id} created`,
    ]);
    assert.deepEqual([(await w.job(plain.id)).payload, (await w.job(kept.id)).payload], [{}, 2]);
  },
  "all jobs are inserted or none": async (w) => {
    const jobs = [w.make(), w.make({ payload: 1n as unknown as Json }), w.make()];
    await assert.rejects(w.driver.insert(jobs));
    assert.deepEqual(await w.driver.get(jobs.map(({ id }) => id)), []);
    assert.deepEqual(await w.claimIds(), []);
  },
  "a job that exists already creates its queue all the same": async (w) => {
    const [options, lock] = [{ uniqueKey: "k" }, w.make({ options: { uniqueKey: "k" } })];
    await w.driver.insert([lock, w.make({ queue: "named", options })]);
    assert.deepEqual((await w.driver.queues("default")).map(({ name }) => name), [lock.queue, "named"]);
  },
  "unknown queues are created at the time of their first job": async (w) => {
    await w.driver.insert([
      w.make({ queue: "b", createdAt: T + 5 }),
      w.make({ queue: "a" }),
      w.make({ queue: "a" }),
    ]);
    assert.deepEqual(await w.driver.queues("default"), [
      { namespace: "default", name: "a", pausedAt: null, createdAt: T, settings: {} },
      { namespace: "default", name: "b", pausedAt: null, createdAt: T + 5, settings: {} },
    ]);
  },
  "many jobs become available in the order given": async (w) => {
    // Ids run against the order of the list, so an order by id would be seen.
    const jobs = Array.from({ length: 300 }, (_, index) => w.make({ id: idOf(1000 - index) }));
    await w.driver.insert(jobs);
    assert.deepEqual(await w.claimIds({ limit: 1000 }), jobs.map(({ id }) => id));
  },
  "a text of 10,000 characters and a bulk of 2,000 jobs fit": async (w) => {
    const text = "Ünïcödé 漢字 😀 ".repeat(700).slice(0, 10_000).toWellFormed();
    const long = await w.add({ payload: { text }, queue: "long" });
    assert.deepEqual(long.payload, { text });
    const ids = await w.addMany(2_000, { queue: "bulk" });
    assert.deepEqual(await w.claimIds({ queues: ["bulk"], limit: 2_000 }), ids);
  },
  "concurrent inserts of one job insert it once": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const given = w.make();
    const results = await Promise.all(Array.from({ length: 8 }, (_, n) => drivers[n % 2]?.insert([given])));
    const outcomes = results.map((result) => result?.[0]?.outcome);
    assert.equal(outcomes.filter((outcome) => outcome === "created").length, 1);
    assert.equal(outcomes.filter((outcome) => outcome === "existing").length, 7);
    assert.deepEqual(await w.claimIds(), [given.id]);
  },
};
