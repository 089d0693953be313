import assert from "node:assert/strict";
import { chance, pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { BACKENDS, Fleet } from "./fleet.ts";

const JOBS = 300;

for (const backend of BACKENDS) {
  Deno.test(`${backend}: ${JOBS} cancellations at random moments: what was acknowledged holds, each job ends once`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    await Promise.all([fleet.start({ concurrency: 10 }), fleet.start({ concurrency: 10 })]);
    const requests = Array.from({ length: JOBS }, () => ({
      type: "canary",
      payload: { ms: Math.floor(random() * 60), failTimes: random() < 0.2 ? 1 : 0 },
    }));
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    const acknowledged = new Set<string>();
    const refused = new Set<string>();
    const waiting = new Set<string>();
    await Promise.all(ids.map(async (id) => {
      await pass(random() * 1_500);
      const { succeeded, failed } = await fleet.jobd.jobs.act("cancel", [id]);
      if (succeeded.includes(id)) acknowledged.add(id);
      for (const { code } of failed) {
        assert.equal(code, "conflict");
        refused.add(id);
      }
      // A job that was cancelled while it waited has ended by now; one that runs is told to stop.
      const { state, attempt } = await fleet.jobd.jobs.get(id);
      if (state === "cancelled" && attempt === 0) waiting.add(id);
    }));
    const states = await fleet.drained(ids);
    await fleet.check(ids);
    const starts = byJob(await fleet.effects(), "start");
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.equal(states.get(id), acknowledged.has(id) ? "cancelled" : "completed");
      assert.equal(job.state, states.get(id), `${id} ended twice`);
      assert.ok((starts.get(id)?.length ?? 0) <= 2);
      if (waiting.has(id)) assert.equal(starts.get(id), undefined, `${id} started after its cancellation`);
    }
    assert.equal(acknowledged.size + refused.size, JOBS);
    assert.ok(waiting.size > 0, "no cancellation met a waiting job");
    const finished = ids.filter((id) => states.get(id) === "completed");
    const report = await fleet.jobd.jobs.act("cancel", finished);
    assert.deepEqual([report.succeeded, report.failed.length], [[], finished.length]);
  });
}
