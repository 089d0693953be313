import assert from "node:assert/strict";
import { byJob } from "../e2e/effects.ts";
import { BACKENDS, Fleet, until } from "../e2e/fleet.ts";

/** The lease of daemons that are not told another one; the shorter tests use shorter ones. */
const LEASE_MS = 30_000;

for (const backend of BACKENDS) {
  Deno.test(`${backend}: a handler that blocks the event loop for 90 s keeps its job, at the usual lease`, async () => {
    await using fleet = await Fleet.of(backend);
    await fleet.start({ concurrency: 2, queues: ["blocked"], leaseMs: LEASE_MS });
    const other = await fleet.start({ concurrency: 2, queues: ["default"], leaseMs: LEASE_MS });
    const { id } = await fleet.jobd.enqueue({ type: "blocker", queue: "blocked", payload: { ms: 90_000 } });
    await until("the blocker runs", async () => byJob(await fleet.effects(), "start").has(id));
    const requests = Array.from({ length: 20 }, () => ({ type: "canary", payload: { ms: 50 } }));
    const neighbours = (await fleet.jobd.enqueueMany(requests)).map((job) => job.id);
    await fleet.drained(neighbours);
    assert.equal((await fleet.jobd.jobs.get(id)).state, "running");
    await fleet.drained([id], 300_000);
    await fleet.check([...neighbours, id]);
    const job = await fleet.jobd.jobs.get(id);
    assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 1, 0]);
    const starts = byJob(await fleet.effects(), "start");
    for (const neighbour of neighbours) assert.equal(starts.get(neighbour)?.[0]?.pid, other.pid);
  });
}
