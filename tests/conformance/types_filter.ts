import assert from "node:assert/strict";
import { type Chapter, released } from "./world.ts";

export const typesChapter: Chapter = {
  "only jobs of the types asked for start, in their order": async (w) => {
    const jobs = ["a", "b", "c", "a", "b"].map((type) => w.make({ type }));
    await w.driver.insert(jobs);
    const ids = jobs.map(({ id }) => id);
    assert.deepEqual(await w.claimIds({ types: ["a", "c"] }), [ids[0], ids[2], ids[3]]);
    assert.deepEqual(await w.claimIds({ types: ["z"] }), []);
    assert.deepEqual(await w.claimIds({ types: [] }), []);
    assert.deepEqual(await w.claimIds({ types: ["b"] }), [ids[1], ids[4]]);
  },
  "jobs of other types are left where they are, for whoever asks for them": async (w) => {
    const jobs = ["a", "b", "a", "b"].map((type) => w.make({ type }));
    await w.driver.insert(jobs);
    const ids = jobs.map(({ id }) => id);
    // The same driver has now seen everything up to the last job; those that it passed over must not be forgotten.
    assert.deepEqual(await w.claimIds({ types: ["b"] }), [ids[1], ids[3]]);
    assert.deepEqual(await w.list({ states: ["available"] }), [ids[0], ids[2]]);
    assert.deepEqual(await w.claimIds({ types: ["a"], limit: 1 }), [ids[0]]);
    assert.deepEqual(await w.claimIds(), [ids[2]]);
  },
  "a job behind thousands of another type is found by one claim": async (w) => {
    await w.addMany(3_000, { type: "other" });
    const wanted = await w.add({ type: "wanted" });
    assert.deepEqual(await w.claimIds({ types: ["wanted"], limit: 5 }), [wanted.id]);
    assert.equal((await w.claim({ types: ["other"], limit: 2 })).jobs.length, 2);
  },
  "the filter holds for each queue and for all": async (w) => {
    const a = await w.add({ queue: "one", type: "a" });
    const b = await w.add({ queue: "two", type: "b", priority: 5 });
    assert.deepEqual(await w.claimIds({ types: ["a"] }), [a.id]);
    assert.deepEqual(await w.claimIds({ queues: ["one", "two"], types: ["b"] }), [b.id]);
  },
  "a job that comes back is found under its type": async (w) => {
    await w.addMany(2, { type: "other" });
    const job = await w.start({ type: "wanted" }, { types: ["wanted"] });
    await w.settle(job, released);
    assert.deepEqual(await w.claimIds({ types: ["wanted"] }), [job.id]);
  },
};
