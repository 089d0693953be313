import assert from "node:assert/strict";
import { type Handler, type Job, JobdError } from "../../src/mod.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

/** A worker on a store that faults can come in the way of. */
async function disturbed(run: Handler["run"]) {
  const test = await TestJobd.open({
    handlers: { any: run },
    worker: { leaseMs: 600, concurrency: 2, backoff: { baseMs: 1, maxMs: 1, jitter: "none" } },
  });
  const { jobd, clock, faults } = test;
  await test.startWorker();
  return {
    jobd,
    clock,
    faults,
    enqueue: async (payload = {}): Promise<string> => (await jobd.enqueue({ type: "any", payload })).id,
    ended: (id: string): Promise<Job> => clock.until(jobd.jobs.wait(id)),
    [Symbol.asyncDispose]: () => test.close(),
  };
}

interface Batch {
  transitions: { attempt: number; to: string }[];
}

/** Whether a call of `settle` writes the end of a first attempt. */
const first = ([batch]: readonly unknown[]): boolean =>
  (batch as Batch).transitions.some(({ attempt }) => attempt === 1);

Deno.test("a job whose lease its worker gave up runs again once the store is back", async () => {
  await using world = await disturbed(async (job, context) => {
    if (job.attempt > 1) return job.attempt;
    await untilStopped(context).catch((reason) => assert.equal(reason, "lease_lost"));
    return "late";
  });
  const id = await world.enqueue();
  await world.clock.advance(1);
  world.faults.away({ for: "10s" });
  await world.clock.advance("10s");
  const job = await world.ended(id);
  assert.deepEqual([job.state, job.attempt, job.failures, job.result], ["completed", 2, 1, 2]);
});

Deno.test("jobs of a claim whose answer was lost run again, however busy the worker is", async () => {
  const release = Promise.withResolvers<void>();
  await using world = await disturbed(async (job, context) => {
    if ((job.payload as { busy?: boolean }).busy) {
      await Promise.race([release.promise, untilStopped(context)]);
    }
    return job.attempt;
  });
  const other = await world.enqueue({ busy: true });
  await world.clock.advance(1);
  const lost = world.faults.fail("claim", { when: "after" });
  const job = await world.ended(await world.enqueue());
  assert.equal(lost.struck, 1);
  assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 2, 1]);
  release.resolve();
  assert.equal((await world.ended(other)).attempt, 1);
});

Deno.test("a result that the store refuses is a failure of that attempt, and the job goes on", async () => {
  await using world = await disturbed((job) => job.attempt);
  world.faults.fail("settle", {
    where: ([batch]) =>
      (batch as Batch).transitions.some(({ attempt, to }) => attempt === 1 && to === "completed"),
    error: new JobdError("internal", "The store refused a value"),
    times: Infinity,
  });
  const ids = await Promise.all([world.enqueue(), world.enqueue()]);
  for (const id of ids) {
    const job = await world.ended(id);
    assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 2, 1]);
    assert.match((await world.jobd.jobs.executions(id))[0]?.error?.message ?? "", /refused a value/);
  }
});

Deno.test("a store that refuses every end for a while costs an attempt, not the job", async () => {
  await using world = await disturbed((job) => job.attempt);
  const refused = world.faults.fail("settle", {
    where: first,
    error: new JobdError("permission_denied", "The role lost its rights"),
    times: 4,
  });
  const job = await world.ended(await world.enqueue());
  assert.deepEqual([job.state, job.attempt, refused.struck], ["completed", 2, 4]);
});
