import assert from "node:assert/strict";
import type { JobQuery } from "../../src/storage/driver.ts";
import { cancelled, type Chapter, done, doomed, expired, failed, MINUTE, SECOND, T } from "./world.ts";

export const listChapter: Chapter = {
  "without states: newest first": async (w) => {
    const ids = await w.addMany(5);
    assert.deepEqual(await w.list(), ids.toReversed());
    assert.deepEqual(await w.list({ states: [] }), ids.toReversed());
  },
  "an empty store has an empty page": async (w) => {
    assert.deepEqual(await w.driver.list({ namespace: "default", limit: 10 }), { items: [] });
    assert.deepEqual(await w.driver.list({ namespace: "default", states: ["blocked"], limit: 10 }), {
      items: [],
    });
  },
  "available jobs as they would run": async (w) => {
    const jobs = [0, 5, -5, 5].map((priority) => w.make({ priority }));
    await w.driver.insert(jobs);
    assert.deepEqual(await w.list({ states: ["available"] }), [1, 3, 0, 2].map((index) => jobs[index]?.id));
  },
  "scheduled jobs by start": async (w) => {
    const jobs = [3, 1, 2].map((minutes) => w.make({ runAt: T + minutes * MINUTE }));
    await w.driver.insert(jobs);
    assert.deepEqual(await w.list({ states: ["scheduled"] }), [1, 2, 0].map((index) => jobs[index]?.id));
  },
  "running jobs by the start of their lease": async (w) => {
    const [low, high] = [await w.add({ priority: -1 }), await w.add({ priority: 1 })];
    await w.claim();
    await w.claim();
    assert.deepEqual(await w.list({ states: ["running"] }), [high.id, low.id]);
  },
  "rare endings by end, latest first": async (w) => {
    for (
      const [outcome, state] of [[doomed, "dead"], [cancelled, "cancelled"], [expired, "expired"]] as const
    ) {
      const ids = [];
      for (const second of [2, 9, 5]) ids.push((await w.finish(outcome, {}, T + second * SECOND)).id);
      assert.deepEqual(await w.list({ states: [state] }), [ids[1], ids[2], ids[0]]);
    }
  },
  "completed jobs newest first": async (w) => {
    const first = await w.finish(done, {}, T + 9 * SECOND);
    const second = await w.finish(done, {}, T + 2 * SECOND);
    await w.add();
    assert.deepEqual(await w.list({ states: ["completed"] }), [second.id, first.id]);
  },
  "several states are walked in the order given": async (w) => {
    const dead = await w.finish(doomed);
    const completed = await w.finish(done);
    const scheduled = await w.add({ runAt: T + MINUTE });
    const available = await w.add();
    assert.deepEqual(await w.list({ states: ["available", "dead", "scheduled"] }), [
      available.id,
      dead.id,
      scheduled.id,
    ]);
    assert.deepEqual(await w.list({ states: ["completed", "available"], limit: 1 }), [
      completed.id,
      available.id,
    ]);
  },
  "pages of every size hold every job once, in the same order": async (w) => {
    for (const runAt of [T, T + MINUTE]) await w.driver.insert(w.makeMany(7, { runAt }));
    for (let n = 0; n < 4; n++) await w.finish(n % 2 ? done : doomed, { queue: "q" }, T + n * SECOND);
    await w.claim({ limit: 3, queues: ["default"] });
    const queries: Partial<JobQuery>[] = [
      {},
      { states: ["available"] },
      { states: ["scheduled"] },
      { states: ["running"] },
      { states: ["dead", "completed"] },
      {
        states: ["running", "available", "scheduled", "dead", "completed", "cancelled", "expired", "blocked"],
      },
    ];
    for (const query of queries) {
      const whole = await w.list(query);
      assert.equal(new Set(whole).size, whole.length);
      for (const limit of [1, 2, 3, 5, 100]) assert.deepEqual(await w.list({ ...query, limit }), whole);
    }
    assert.equal((await w.list()).length, 18);
  },
  "jobs that end at the same instant are all on some page": async (w) => {
    const ids = [];
    for (let n = 0; n < 6; n++) ids.push((await w.finish(doomed)).id);
    assert.deepEqual(await w.list({ states: ["dead"], limit: 2 }), ids.toReversed());
  },
  "a walk goes on where it stopped when jobs come and go": async (w) => {
    const ids = await w.addMany(6);
    const first = await w.driver.list({ namespace: "default", limit: 3 });
    assert.deepEqual(first.items.map(({ id }) => id), ids.slice(3).toReversed());
    assert.ok(first.nextCursor);
    await w.add();
    for (const id of ids.slice(3)) await w.amend(await w.job(id), { kind: "delete" });
    assert.deepEqual(await w.list({ cursor: first.nextCursor, limit: 2 }), ids.slice(0, 3).toReversed());
  },
  "a page does not hold more than its limit": async (w) => {
    await w.addMany(5);
    const page = await w.driver.list({ namespace: "default", limit: 2 });
    assert.equal(page.items.length, 2);
    assert.ok(page.nextCursor);
  },
  "a cursor that no page gave is refused": async (w) => {
    await assert.rejects(w.driver.list({ namespace: "default", limit: 1, cursor: "nonsense" }), {
      code: "invalid_request",
    });
    await assert.rejects(w.driver.list({ namespace: "default", limit: 1, cursor: "" }), {
      code: "invalid_request",
    });
  },
  "filters: namespace, queue, type, tags, origin, creation": async (w) => {
    const plain = await w.add();
    const other = await w.add({ queue: "mail", type: "send", createdAt: T + MINUTE, runAt: T });
    const tagged = await w.add({ options: { tags: ["a", "b"], origin: "web" } });
    const single = await w.add({ options: { tags: ["a"], origin: "we" } });
    await w.add({ namespace: "elsewhere" });
    const expectations: [Partial<JobQuery>, string[]][] = [
      [{ queues: ["mail"] }, [other.id]],
      [{ queues: ["mail", "default", "none"] }, [single.id, tagged.id, other.id, plain.id]],
      [{ queues: [] }, []],
      [{ types: ["send"] }, [other.id]],
      [{ types: ["send", "test"], queues: ["default"] }, [single.id, tagged.id, plain.id]],
      [{ tags: ["a"] }, [single.id, tagged.id]],
      [{ tags: ["b", "a"] }, [tagged.id]],
      [{ tags: ["A"] }, []],
      [{ anyTags: ["b", "c", "a"] }, [single.id, tagged.id]],
      [{ anyTags: ["b", "c"] }, [tagged.id]],
      [{ anyTags: ["b"], tags: ["a"] }, [tagged.id]],
      [{ anyTags: [] }, []],
      [{ origin: "web" }, [tagged.id]],
      [{ createdBefore: T + MINUTE }, [single.id, tagged.id, plain.id]],
      [{ createdBefore: T }, []],
      [{ namespace: "nowhere" }, []],
    ];
    for (const [query, ids] of expectations) {
      assert.deepEqual(await w.list(query), ids, JSON.stringify(query));
      const available = await w.list({ ...query, states: ["available"] });
      assert.deepEqual(available.toSorted().toReversed(), ids, JSON.stringify(query));
    }
  },
  "filters hold in every state": async (w) => {
    const states = [
      "scheduled",
      "available",
      "running",
      "dead",
      "cancelled",
      "expired",
      "completed",
    ] as const;
    for (const queue of ["wanted", "other"]) {
      for (const outcome of [done, doomed, cancelled, expired]) await w.finish(outcome, { queue });
      await w.start({ queue });
      await w.add({ queue });
      await w.add({ queue, runAt: T + MINUTE });
    }
    for (const state of states) {
      const jobs = await w.driver.get(await w.list({ states: [state], queues: ["wanted"] }));
      assert.deepEqual(jobs.map((job) => [job.state, job.queue]), [[state, "wanted"]]);
    }
  },
  "search looks into payload and error message, ASCII case ignored": async (w) => {
    const payload = await w.add({ payload: { prompt: "Summarise the REPORT 100% of a_b \\o/" } });
    const error = await w.finish({ kind: "failed", error: { code: "error", message: "Disk Full!" } }, {
      queue: "q",
    });
    const unicode = await w.add({ payload: "Straße ÄÖ" });
    const expectations: [string, string[]][] = [
      ["report", [payload.id]],
      ["PROMPT", [payload.id]],
      ["disk full!", [error.id]],
      ["100%", [payload.id]],
      ["1%0", []],
      ["a_b", [payload.id]],
      ["a-b", []],
      ["straße", [unicode.id]],
      ["ÄÖ", [unicode.id]],
      ["nothing like it", []],
    ];
    for (const [search, ids] of expectations) assert.deepEqual(await w.list({ search }), ids, search);
    assert.deepEqual(await w.list({ search: "disk", states: ["scheduled"] }), [error.id]);
  },
  "jobs are read by id; unknown ones are absent": async (w) => {
    const ids = await w.addMany(3);
    const unknown = w.make().id;
    const found = await w.driver.get([ids[2] ?? "", unknown, ids[0] ?? ""]);
    assert.deepEqual(found.map(({ id }) => id).toSorted(), [ids[0], ids[2]]);
    assert.deepEqual(await w.driver.get([]), []);
    assert.deepEqual((await w.driver.get([ids[0] ?? "", ids[0] ?? ""])).length, 1);
  },
  "a job is found by the beginning or the end of its id": async (w) => {
    const first = await w.add({ id: "018f0000-0000-7000-8000-00000000abcd" });
    const second = await w.add({ id: "018f0000-0000-7000-8000-00000000abce" });
    const third = await w.add({ id: "028f0000-0000-7000-8000-0000018f0000" });
    const find = async (text: string, limit = 10): Promise<string[]> =>
      (await w.driver.find(text, limit)).map(({ id }) => id).toSorted();
    assert.deepEqual(await find("018f0000-0000-7"), [first.id, second.id]);
    assert.deepEqual(await find("abcd"), [first.id]);
    assert.deepEqual(await find("ABCD"), [first.id]);
    assert.deepEqual(await find(third.id), [third.id]);
    assert.deepEqual(await find("018f0000"), [first.id, second.id, third.id]);
    assert.equal((await find("018f0000", 2)).length, 2);
    for (const text of ["ffff", "%", "_", "'", "", "zz", third.id + "0"]) {
      assert.deepEqual(await find(text), [], text);
    }
  },
  "a failed job is listed where it is now": async (w) => {
    const job = await w.finish(failed);
    assert.deepEqual(await w.list({ states: ["running", "available"] }), []);
    assert.deepEqual(await w.list({ states: ["scheduled"] }), [job.id]);
  },
};
