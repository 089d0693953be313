import assert from "node:assert/strict";
import { chance, pass } from "../e2e/chance.ts";
import { byJob } from "../e2e/effects.ts";
import { BACKENDS, type Daemon, Fleet, until } from "../e2e/fleet.ts";

const KILLS = 30;
const RESTARTS = 12;
const JOBS = 500;

/** Short jobs that may be lost many times before they are through. */
function shortJobs(count: number, random: () => number): { type: string; payload: { ms: number } }[] {
  return Array.from({ length: count }, () => ({
    type: "canary",
    payload: { ms: Math.floor(random() * 80) },
    maxAttempts: 50,
    backoff: { base: 20, max: 50 },
  }));
}

for (const backend of BACKENDS) {
  Deno.test(`${backend}: ${KILLS} kills at random moments under load: nothing is lost, nothing runs twice at once`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const daemons = await Promise.all([fleet.start({ concurrency: 5 }), fleet.start({ concurrency: 5 })]);
    const ids: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const jobs = shortJobs(Math.ceil((JOBS - ids.length) / (KILLS - kill)), random);
      ids.push(...(await fleet.jobd.enqueueMany(jobs)).map(({ id }) => id));
      await pass(random() * 150);
      const which = Math.floor(random() * daemons.length);
      const victim = daemons[which] as Daemon;
      victim.kill("SIGKILL");
      await victim.ended;
      daemons[which] = await fleet.start({ concurrency: 5 });
    }
    const states = await fleet.drained(ids);
    assert.equal(ids.length, JOBS);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    const jobs = await Promise.all(ids.map((id) => fleet.jobd.jobs.get(id)));
    assert.ok(jobs.some(({ failures }) => failures > 0), "no kill met a running job");
    for (const { id, attempt, failures } of jobs) {
      assert.equal(attempt, failures + 1, `${id} had attempts that count as nothing`);
    }
  });

  Deno.test(`${backend}: ${RESTARTS} restarts in random order under load hand every job on`, async () => {
    const random = chance();
    await using fleet = await Fleet.of(backend);
    const options = { concurrency: 4, shutdownTimeoutMs: 20 };
    const daemons = await Promise.all([1, 2, 3].map(() => fleet.start(options)));
    const ids: string[] = [];
    for (let restart = 0; restart < RESTARTS; restart++) {
      ids.push(...(await fleet.jobd.enqueueMany(shortJobs(20, random))).map(({ id }) => id));
      await pass(random() * 100);
      const which = Math.floor(random() * daemons.length);
      const leaving = daemons[which] as Daemon;
      leaving.kill("SIGTERM");
      const [{ code }, next] = await Promise.all([leaving.ended, fleet.start(options)]);
      assert.equal(code, 0);
      daemons[which] = next;
    }
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    const jobs = await Promise.all(ids.map((id) => fleet.jobd.jobs.get(id)));
    assert.ok(jobs.some(({ releases }) => releases > 0), "no restart met a running job");
    for (const { id, attempt, failures, releases } of jobs) {
      assert.equal(attempt, 1 + failures + releases, `${id} was neither finished nor handed back`);
    }
  });

  Deno.test(`${backend}: a promise that a handler leaves behind ends a library program, not its jobs`, async () => {
    await using fleet = await Fleet.of(backend);
    const careless = await fleet.start({ concurrency: 3 });
    const [long, leak] = await fleet.jobd.enqueueMany([
      { type: "canary", payload: { ms: 2_000 } },
      { type: "leaker", payload: {} },
    ]);
    assert.ok(long && leak);
    // Deno ends a program whose promise fails unheard, unless the program listens for that, as the daemon does.
    assert.notEqual((await careless.ended).code, 0);
    await until("both have started", async () => byJob(await fleet.effects(), "start").size === 2);
    await fleet.start({ concurrency: 3 });
    const states = await fleet.drained([long.id]);
    assert.equal(states.get(long.id), "completed");
    await fleet.check([long.id]);
    assert.deepEqual((await fleet.jobd.jobs.get(long.id)).failures, 1);
    assert.equal((await fleet.jobd.jobs.get(leak.id)).state, "completed");
  });
}
