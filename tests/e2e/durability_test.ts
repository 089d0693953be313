import assert from "node:assert/strict";
import { byJob } from "./effects.ts";
import { BACKENDS, Fleet, until } from "./fleet.ts";

const canaries = (count: number, payload: Record<string, number>, more = {}) =>
  Array.from({ length: count }, () => ({ type: "canary", payload, ...more }));

for (const backend of BACKENDS) {
  Deno.test(`${backend}: kill -9 of a worker under 20 running jobs loses none and doubles none`, async () => {
    await using fleet = await Fleet.of(backend);
    const victim = await fleet.start({ concurrency: 20 });
    const ids = (await fleet.jobd.enqueueMany(canaries(20, { ms: 1_500 }))).map(({ id }) => id);
    await until("20 jobs run", async () => byJob(await fleet.effects(), "start").size === 20);
    victim.kill("SIGKILL");
    await victim.ended;
    await fleet.start({ concurrency: 20 });
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    await fleet.check(ids);
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.deepEqual([job.attempt, job.failures], [2, 1]);
      const [first, second] = await fleet.jobd.jobs.executions(id);
      assert.deepEqual([first?.outcome, second?.outcome], ["lost", "completed"]);
    }
  });

  Deno.test(`${backend}: SIGTERM in the middle hands jobs back at no cost`, async () => {
    await using fleet = await Fleet.of(backend);
    const leaving = await fleet.start({ concurrency: 5, shutdownTimeoutMs: 300 });
    const ids = (await fleet.jobd.enqueueMany(canaries(5, { ms: 3_000 }))).map(({ id }) => id);
    await until("5 jobs run", async () => byJob(await fleet.effects(), "start").size === 5);
    leaving.kill("SIGTERM");
    assert.equal((await leaving.ended).code, 0);
    for (const id of ids) {
      const job = await fleet.jobd.jobs.get(id);
      assert.deepEqual([job.state, job.failures, job.releases], ["available", 0, 1]);
    }
    await fleet.start({ concurrency: 5 });
    await fleet.drained(ids);
    await fleet.check(ids);
    for (const id of ids) assert.equal((await fleet.jobd.jobs.get(id)).attempt, 2);
  });

  Deno.test(`${backend}: a handler that blocks the event loop for longer than its lease keeps its job`, async () => {
    await using fleet = await Fleet.of(backend);
    await fleet.start({ concurrency: 2, queues: ["blocked"], leaseMs: 2_000 });
    await fleet.start({ concurrency: 2, queues: ["default"], leaseMs: 2_000 });
    const { id } = await fleet.jobd.enqueue({ type: "blocker", queue: "blocked", payload: { ms: 9_000 } });
    await until("the blocker runs", async () => byJob(await fleet.effects(), "start").has(id));
    const neighbours = (await fleet.jobd.enqueueMany(canaries(10, { ms: 50 }))).map((job) => job.id);
    await fleet.drained([...neighbours, id]);
    await fleet.check([...neighbours, id]);
    const job = await fleet.jobd.jobs.get(id);
    assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 1, 0]);
  });

  Deno.test(`${backend}: a job that kills its daemon each time is dead after exactly its attempts`, async () => {
    await using fleet = await Fleet.of(backend);
    const poison = (await fleet.jobd.enqueue({ type: "assassin", maxAttempts: 3, payload: {} })).id;
    const ids = (await fleet.jobd.enqueueMany(canaries(10, { ms: 100 }, { maxAttempts: 10 }))).map(({ id }) =>
      id
    );
    await until("the poison is dead", async () => {
      const daemon = await fleet.start({ concurrency: 2 }).catch(() => undefined);
      await Promise.race([daemon?.ended, fleet.drained([poison, ...ids])]);
      return (await fleet.jobd.jobs.get(poison)).state === "dead";
    });
    await fleet.start({ concurrency: 2 });
    const states = await fleet.drained(ids);
    assert.deepEqual([...new Set(states.values())], ["completed"]);
    const job = await fleet.jobd.jobs.get(poison);
    assert.deepEqual([job.attempt, job.failures, job.error?.code], [3, 3, "worker_lost"]);
    assert.equal(byJob(await fleet.effects(), "start").get(poison)?.length, 3);
    await fleet.check(ids);
  });

  Deno.test(`${backend}: two daemons share one store and run each job once`, async () => {
    await using fleet = await Fleet.of(backend);
    await Promise.all([fleet.start({ concurrency: 4 }), fleet.start({ concurrency: 4 })]);
    const ids = (await fleet.jobd.enqueueMany(canaries(400, { ms: 10 }))).map(({ id }) => id);
    await fleet.drained(ids);
    await fleet.check(ids);
    const starts = (await fleet.effects()).filter(({ event }) => event === "start");
    assert.equal(starts.length, 400);
    assert.equal(new Set(starts.map(({ pid }) => pid)).size, 2);
  });

  Deno.test(`${backend}: delayed and retried jobs never start early`, async () => {
    await using fleet = await Fleet.of(backend);
    await fleet.start({ concurrency: 20 });
    const delays = [0, 150, 400, 900, 1_500];
    const ids: string[] = [];
    for (const delay of delays) {
      const backoff = { base: 300, max: 300, jitter: "none" } as const;
      ids.push((await fleet.jobd.enqueue({ type: "canary", payload: { failTimes: 1 }, delay, backoff })).id);
    }
    await fleet.drained(ids);
    await fleet.check(ids);
    const starts = byJob(await fleet.effects(), "start");
    for (const [index, id] of ids.entries()) {
      const job = await fleet.jobd.jobs.get(id);
      const [first, second] = await fleet.jobd.jobs.executions(id);
      assert.ok(first && second && first.finishedAt !== null);
      const delay = delays[index] ?? 0;
      // Without a delay the two instants are those of two processes, each behind the store by the way of an answer.
      if (delay > 0) assert.ok(first.startedAt - job.createdAt >= delay, `attempt 1 of ${id} started early`);
      assert.ok(second.startedAt >= first.finishedAt + 300, `attempt 2 of ${id} started before its backoff`);
      // Handlers and store share this machine's clock.
      assert.ok((starts.get(id)?.[0]?.at ?? 0) >= job.createdAt + delay);
    }
  });

  Deno.test(`${backend}: higher priority first, then in order of arrival`, async () => {
    await using fleet = await Fleet.of(backend);
    const priorities = [0, 5, -3, 5, 0, 20, -3, 7];
    const requests = priorities.map((priority) => ({ type: "canary", payload: {}, priority }));
    const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
    await fleet.start({ concurrency: 1 });
    await fleet.drained(ids);
    const order = (await fleet.effects()).filter(({ event }) => event === "start").map(({ job }) =>
      ids.indexOf(job)
    );
    assert.deepEqual(order, [5, 7, 1, 3, 0, 4, 2, 6]);
  });
}
