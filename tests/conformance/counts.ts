import assert from "node:assert/strict";
import { cancelled, type Chapter, done, doomed, expired, MINUTE, T, type World } from "./world.ts";

/** Counts as text, those that are zero left out: whether a backend names empty states is its own affair. */
async function counts(w: World, cap = 100, namespace = "default"): Promise<string[]> {
  return (await w.driver.counts(namespace, cap))
    .filter(({ count }) => count > 0)
    .map(({ queue, state, count, capped }) => `${queue} ${state} ${count}${capped ? "+" : ""}`)
    .toSorted();
}

export const countsChapter: Chapter = {
  "jobs of each queue in each state are counted, completed ones are not": async (w) => {
    for (const queue of ["a", "b"]) {
      for (const outcome of [done, doomed, cancelled, expired]) await w.finish(outcome, { queue });
      await w.start({ queue });
    }
    await w.addMany(3, { queue: "a" });
    await w.addMany(2, { queue: "b", runAt: T + MINUTE });
    await w.add({ namespace: "other" });
    const both = ["cancelled 1", "dead 1", "expired 1", "running 1"].flatMap((
      text,
    ) => [`a ${text}`, `b ${text}`]);
    assert.deepEqual(await counts(w), [...both, "a available 3", "b scheduled 2"].toSorted());
    assert.deepEqual(await counts(w, 100, "other"), ["default available 1"]);
    assert.deepEqual(await counts(w, 100, "nowhere"), []);
  },
  "counting stops at the cap and says so": async (w) => {
    await w.addMany(7);
    await w.addMany(7, { runAt: T + MINUTE });
    assert.deepEqual(await counts(w, 5), ["default available 5+", "default scheduled 5+"]);
    assert.deepEqual(await counts(w, 8), ["default available 7", "default scheduled 7"]);
  },
  "jobs of each type are counted likewise, over all queues": async (w) => {
    const types = async (cap = 100, namespace = "default"): Promise<string[]> =>
      (await w.driver.typeCounts(namespace, cap))
        .map(({ type, state, count, capped }) => `${type} ${state} ${count}${capped ? "+" : ""}`);
    for (const queue of ["a", "b"]) {
      for (const outcome of [done, doomed, cancelled, expired]) await w.finish(outcome, { queue, type: "x" });
      await w.start({ queue, type: "y" });
    }
    await w.addMany(3, { queue: "a", type: "x" });
    await w.addMany(2, { queue: "b", type: "Z", runAt: T + MINUTE });
    await w.add({ namespace: "other", type: "x" });
    const expected = [
      "Z scheduled 2",
      "x available 3",
      "x cancelled 2",
      "x dead 2",
      "x expired 2",
      "y running 2",
    ];
    assert.deepEqual(await types(), expected);
    assert.deepEqual(await types(2), expected.map((text) => text.replace("available 3", "available 2+")));
    assert.deepEqual(await types(100, "other"), ["x available 1"]);
    assert.deepEqual(await types(100, "nowhere"), []);
  },
  "counts follow the jobs": async (w) => {
    await w.add();
    assert.deepEqual(await counts(w), ["default available 1"]);
    const job = await w.claimOne();
    assert.deepEqual(await counts(w), ["default running 1"]);
    await w.settle(job, doomed);
    assert.deepEqual(await counts(w), ["default dead 1"]);
    await w.amend(await w.job(job.id), { kind: "makeAvailable" });
    assert.deepEqual(await counts(w), ["default available 1"]);
    await w.settle(await w.claimOne(), done);
    assert.deepEqual(await counts(w), []);
  },
};
