import assert from "node:assert/strict";
import { chance, pass } from "../e2e/chance.ts";
import { BACKENDS, type Daemon, Fleet, freeze } from "../e2e/fleet.ts";

for (const backend of BACKENDS) {
  Deno.test(`${backend}: daemons frozen for about as long as their lease, again and again: each end counts once`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const options = { concurrency: 8, leaseMs: 600 };
    const daemons = await Promise.all([fleet.start(options), fleet.start(options)]);
    const ids: string[] = [];
    for (let round = 0; round < 10; round++) {
      const requests = Array.from({ length: 12 }, () => ({
        type: "canary",
        payload: { ms: Math.floor(random() * 600) },
        maxAttempts: 50,
      }));
      ids.push(...(await fleet.jobd.enqueueMany(requests)).map(({ id }) => id));
      await pass(random() * 200);
      const daemon = daemons[Math.floor(random() * 2)] as Daemon;
      await freeze(fleet.jobd, daemon);
      await pass(450 + random() * 400);
      daemon.kill("SIGCONT");
    }
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    const jobs = await Promise.all(ids.map((id) => fleet.jobd.jobs.get(id)));
    assert.ok(jobs.some(({ failures }) => failures > 0), "no freeze outlasted a lease");
    for (const { id, attempt, failures } of jobs) assert.equal(attempt, failures + 1, id);
  });
}
