import assert from "node:assert/strict";
import { answerTo, ask, parkedJob } from "./waits.ts";
import { type Chapter, decideAt, MINUTE, parkedAt, SECOND, T } from "./world.ts";

const AT = T + SECOND;
const ROUNDS = 20;

export const waitsRacesChapter: Chapter = {
  "an answer and the end of the attempt that waits for it may come at the same moment": async (w) => {
    for (let round = 0; round < ROUNDS; round++) {
      const job = await w.start();
      await ask(w, job);
      const [answered] = await Promise.all([
        w.amend(job, answerTo("approval", round)),
        w.settle(job, parkedAt("approval"), AT),
      ]);
      // One that saw the job running may come too late, and looks again.
      if (answered === "stale") {
        assert.equal(await w.amend(await w.job(job.id), answerTo("approval", round)), "applied");
      }
      const next = await w.claimOne();
      assert.equal(next.id, job.id);
      assert.equal((await ask(w, next)).value, round);
      await w.settle(next, { kind: "completed", result: null });
    }
  },
  "of answers at the same moment one is kept": async (w) => {
    for (let round = 0; round < ROUNDS; round++) {
      const job = await parkedJob(w);
      const results = await Promise.all([1, 2, 3].map((value) => w.amend(job, answerTo("approval", value))));
      assert.deepEqual(results.filter((result) => result === "applied").length, 1);
      const next = await w.claimOne();
      assert.equal((await ask(w, next)).value, results.indexOf("applied") + 1);
      await w.settle(next, { kind: "completed", result: null });
      assert.deepEqual(await w.claimIds(), []);
    }
  },
  "an answer, a timeout, a cancellation and a result from outside: one of them moves the job": async (w) => {
    for (let round = 0; round < ROUNDS; round++) {
      const job = await parkedJob(w, "approval", AT + MINUTE);
      const [answer, cancel, complete, ended] = await Promise.all([
        w.amend(job, answerTo("approval"), AT + MINUTE - 1),
        w.amend(job, { kind: "cancel", reason: "no" }),
        w.amend(job, { kind: "complete", result: 1 }),
        w.driver.endWaits(AT + MINUTE, 10),
      ]);
      const moved = [answer, cancel, complete].filter((result) => result === "applied").length;
      assert.equal(moved + ended.released.length, 1, JSON.stringify({ answer, cancel, complete, ended }));
      const { state } = await w.job(job.id);
      const claimed = await w.claimIds({ now: AT + MINUTE });
      assert.deepEqual(claimed, state === "available" ? [job.id] : []);
      for (const id of claimed) {
        await w.write(decideAt(await w.job(id), { kind: "completed", result: null }, AT));
      }
    }
  },
  "two that end waits at the same moment end each once": async (w) => {
    const ids = [];
    for (let n = 0; n < 10; n++) ids.push((await parkedJob(w, "approval", AT + MINUTE)).id);
    const ended = await Promise.all([w.driver.endWaits(AT + MINUTE, 7), w.driver.endWaits(AT + MINUTE, 7)]);
    const rest = await w.driver.endWaits(AT + MINUTE, 10);
    const released = [...ended, rest].flatMap(({ released }) => released);
    assert.deepEqual(released.sort(), ids.sort());
    assert.deepEqual((await w.claimIds()).sort(), ids.sort());
  },
};
