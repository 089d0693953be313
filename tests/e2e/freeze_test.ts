import assert from "node:assert/strict";
import { byJob } from "./effects.ts";
import { BACKENDS, Fleet, freeze, until } from "./fleet.ts";

for (const backend of BACKENDS) {
  Deno.test(`${backend}: what a daemon writes that was frozen for longer than its lease is refused`, async () => {
    await using fleet = await Fleet.of(backend);
    const frozen = await fleet.start({ concurrency: 6, leaseMs: 1_500 });
    const requests = [100, 100, 100, 60_000, 60_000, 60_000].map((ms) => ({
      type: "canary",
      payload: { ms: ms + 1_000, slowUntil: 1 },
    }));
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    await until("all run", async () => byJob(await fleet.effects(), "start").size === ids.length);
    await freeze(fleet.jobd, frozen);
    const other = await fleet.start({ concurrency: 6, leaseMs: 1_500 });
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    const before = await fleet.effects();
    assert.ok(before.every(({ attempt, pid }) => attempt < 2 || pid === other.pid));
    frozen.kill("SIGCONT");
    // Each of its attempts comes to an end: finished too late, or stopped because the lease is gone.
    await until("the frozen attempts are over", async () => {
      const late = (await fleet.effects()).slice(before.length);
      return new Set(late.filter(({ pid }) => pid === frozen.pid).map(({ job }) => job)).size === ids.length;
    });
    const after = await fleet.jobd.enqueueMany(Array.from({ length: 40 }, () => ({ type: "canary" })));
    await fleet.drained(after.map(({ id }) => id));
    await fleet.check([...ids, ...after.map(({ id }) => id)]);
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.deepEqual([job.state, job.attempt, job.failures, job.result], ["completed", 2, 1, {
        attempt: 2,
      }]);
      const [first, second] = await fleet.jobd.jobs.executions(id);
      assert.deepEqual([first?.outcome, second?.outcome], ["lost", "completed"]);
    }
    const pids = new Set((await fleet.effects()).slice(before.length).map(({ pid }) => pid));
    assert.ok(pids.has(frozen.pid), "it goes on working");
  });

  Deno.test(`${backend}: a handler that blocks the event loop costs its neighbours time, not their attempt`, async () => {
    await using fleet = await Fleet.of(backend);
    // Long enough that a machine with much else to do renews it in time.
    const options = { concurrency: 2, leaseMs: 8_000 };
    await fleet.start({ ...options, queues: ["shared"] });
    const [neighbour, blocker] = await fleet.jobd.enqueueMany([
      { type: "canary", queue: "shared", payload: { ms: 18_000 } },
      { type: "blocker", queue: "shared", payload: { ms: 14_000 } },
    ]);
    assert.ok(neighbour && blocker);
    const ids = [neighbour.id, blocker.id];
    await until("both run", async () => byJob(await fleet.effects(), "start").size === 2);
    await fleet.start(options);
    await fleet.drained(ids);
    await fleet.check(ids);
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 1, 0]);
    }
  });
}
