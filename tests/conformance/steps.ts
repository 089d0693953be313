import assert from "node:assert/strict";
import { type Chapter, done, failed, released, T } from "./world.ts";

export const stepsChapter: Chapter = {
  "what an attempt keeps is there for the next one, and replaced by name": async (w) => {
    const job = await w.start();
    assert.equal(await w.driver.step(job.id, "download"), undefined);
    assert.equal(await w.driver.saveStep(job, { name: "download", value: { bytes: 7 }, at: T }), true);
    assert.equal(await w.driver.saveStep(job, { name: "", value: "the checkpoint", at: T }), true);
    await w.settle(job, released);
    const next = await w.claimOne();
    assert.deepEqual(await w.driver.step(next.id, "download"), { bytes: 7 });
    assert.equal(await w.driver.saveStep(next, { name: "download", value: null, at: T + 1 }), true);
    assert.equal(await w.driver.step(next.id, "download"), null);
    assert.equal(await w.driver.step(next.id, ""), "the checkpoint");
    assert.equal(await w.driver.step(next.id, "other"), undefined);
    assert.equal(await w.driver.step(w.make().id, ""), undefined);
    assert.equal(await w.driver.step("no id", ""), undefined);
  },
  "only the live attempt may keep something": async (w) => {
    const zombie = await w.start();
    await w.settle(zombie, released);
    assert.equal(await w.driver.saveStep(zombie, { name: "a", value: 1, at: T }), false);
    const live = await w.claimOne();
    assert.equal(await w.driver.saveStep(zombie, { name: "a", value: 1, at: T }), false);
    assert.equal(
      await w.driver.saveStep({ id: w.make().id, attempt: 1 }, { name: "a", value: 1, at: T }),
      false,
    );
    assert.equal(await w.driver.step(live.id, "a"), undefined);
    await w.settle(live, done);
    assert.equal(await w.driver.saveStep(live, { name: "a", value: 1, at: T }), false);
  },
  "a dead job that is retried goes on where it stopped, a completed one begins anew": async (w) => {
    for (const [outcome, state, kept] of [[failed, "dead", 1], [done, "completed", undefined]] as const) {
      const job = await w.start({ maxAttempts: 1 });
      await w.driver.saveStep(job, { name: "a", value: 1, at: T });
      await w.settle(job, outcome);
      const amendment = { id: job.id, from: state, attempt: job.attempt, at: T };
      assert.deepEqual(await w.driver.amend([{ ...amendment, change: { kind: "makeAvailable" } }]), [
        "applied",
      ]);
      assert.equal(await w.driver.step(job.id, "a"), kept);
      await w.settle(await w.claimOne(), done);
    }
  },
  "steps go with their job": async (w) => {
    const job = await w.start();
    await w.driver.saveStep(job, { name: "a", value: 1, at: T });
    await w.settle(job, done);
    const amendment = { id: job.id, from: "completed", attempt: job.attempt, at: T } as const;
    assert.deepEqual(await w.driver.amend([{ ...amendment, change: { kind: "delete" } }]), ["applied"]);
    assert.equal(await w.driver.step(job.id, "a"), undefined);
  },
};
