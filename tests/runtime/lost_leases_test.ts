import assert from "node:assert/strict";
import { type Handler, type Job, Jobd } from "../../src/mod.ts";
import { JobdError } from "../../src/domain/errors.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

/** Decides what becomes of a call: the method, what it was given, and how to let it have its effect. */
type Interference = (
  method: keyof Driver,
  args: unknown[],
  effect: () => Promise<unknown>,
) => Promise<unknown>;

const away = (): JobdError => new JobdError("store_unavailable", "The store is away");

/** A worker on a store in memory, each call of which the test may interfere with. */
async function interfered(run: Handler["run"]) {
  const inner = new MemoryDriver({ now: () => Date.now() });
  const state: { interfere: Interference } = { interfere: (_method, _args, effect) => effect() };
  const driver = new Proxy(inner as Driver, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        state.interfere(name as keyof Driver, args, async () => await member.apply(target, args));
    },
  });
  const jobd = await Jobd.open(inner);
  const daemon = await Jobd.open(driver);
  const worker = daemon.worker({
    handlers: [{ type: "any", outOfProcess: true, run }],
    pollIntervalMs: 20,
    leaseMs: 600,
    concurrency: 2,
    backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
  });
  await worker.start();
  return {
    jobd,
    state,
    enqueue: async (payload = {}): Promise<string> => (await jobd.enqueue({ type: "any", payload })).id,
    ended: (id: string): Promise<Job> => jobd.jobs.wait(id, { timeoutMs: 20_000 }),
    async [Symbol.asyncDispose]() {
      state.interfere = (_method, _args, effect) => effect();
      await worker.stop({ timeoutMs: 0 });
      await daemon.close();
    },
  };
}

Deno.test("a job whose lease its worker gave up runs again once the store is back", async () => {
  const given = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await using world = await interfered(async (job, { signal }) => {
    if (job.attempt > 1) return job.attempt;
    started.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    given.resolve();
    return "late";
  });
  const id = await world.enqueue();
  await started.promise;
  world.state.interfere = () => Promise.reject(away());
  await given.promise;
  world.state.interfere = (_method, _args, effect) => effect();
  const job = await world.ended(id);
  assert.deepEqual([job.state, job.attempt, job.failures, job.result], ["completed", 2, 1, 2]);
});

Deno.test("jobs of a claim whose answer was lost run again, however busy the worker is", async () => {
  const release = Promise.withResolvers<void>();
  const busy = Promise.withResolvers<void>();
  await using world = await interfered(async (job) => {
    if ((job.payload as { busy?: boolean }).busy) {
      busy.resolve();
      await release.promise;
    }
    return job.attempt;
  });
  const other = await world.enqueue({ busy: true });
  await busy.promise;
  let lost = 0;
  world.state.interfere = async (method, _args, effect) => {
    const answer = await effect();
    if (method !== "claim" || (answer as { leaseId: unknown }).leaseId === null || lost > 0) return answer;
    lost++;
    throw away();
  };
  const job = await world.ended(await world.enqueue());
  assert.equal(lost, 1);
  assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 2, 1]);
  release.resolve();
  assert.equal((await world.ended(other)).attempt, 1);
});

Deno.test("a result that the store refuses is a failure of that attempt, and the job goes on", async () => {
  await using world = await interfered((job) => Promise.resolve(job.attempt));
  world.state.interfere = (method, args, effect) => {
    const [batch] = args as [{ transitions: { attempt: number; to: string }[] }];
    const bad = method === "settle" &&
      batch.transitions.some(({ attempt, to }) => attempt === 1 && to === "completed");
    return bad ? Promise.reject(new JobdError("internal", "The store refused a value")) : effect();
  };
  const ids = await Promise.all([world.enqueue(), world.enqueue()]);
  for (const id of ids) {
    const job = await world.ended(id);
    assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 2, 1]);
    assert.match((await world.jobd.jobs.executions(id))[0]?.error?.message ?? "", /refused a value/);
  }
});

Deno.test("a store that refuses every end for a while costs an attempt, not the job", async () => {
  await using world = await interfered((job) => Promise.resolve(job.attempt));
  let refused = 0;
  world.state.interfere = (method, args, effect) => {
    const [batch] = args as [{ transitions: { attempt: number }[] }];
    const first = method === "settle" && batch.transitions.some(({ attempt }) => attempt === 1);
    if (!first || ++refused > 4) return effect();
    return Promise.reject(new JobdError("permission_denied", "The role lost its rights"));
  };
  const job = await world.ended(await world.enqueue());
  assert.deepEqual([job.state, job.attempt], ["completed", 2]);
});
