import assert from "node:assert/strict";
import { createLogger, type Handler, Jobd } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const GRACE_MS = 60_000;

/** A worker on a store that can fall silent: calls have their effect before, and never come to an end from then on. */
async function silenceable(run: Handler["run"]) {
  const clock = new FakeClock();
  const inner = new MemoryDriver({ now: () => clock.now() });
  let silent = false;
  const driver: Driver = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        silent && name !== "close" ? new Promise(() => {}) : member.apply(target, args);
    },
  });
  const jobd = await Jobd.open(driver, { clock });
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ write: (line) => void lines.push(JSON.parse(line)), now: () => clock.now() });
  const worker = jobd.worker({
    concurrency: 2,
    shutdownTimeoutMs: GRACE_MS,
    leaseMs: 10 * GRACE_MS,
    handlers: [{ type: "any", outOfProcess: true, run }],
    log,
  });
  const state = { stopped: false };
  void worker.stopped.then(() => state.stopped = true);
  return {
    clock,
    jobd,
    worker,
    state,
    fallSilent: () => silent = true,
    warnings: () =>
      lines.filter(({ level }) => level !== "info").map(({ message, jobs }) => ({ message, jobs })),
    async running(count: number): Promise<void> {
      await worker.start();
      await jobd.enqueueMany(Array.from({ length: count }, () => ({ type: "any", timeout: "1d" })));
      await clock.advance(2_000);
      assert.equal(worker.running, count);
    },
  };
}

const untilAborted: Handler["run"] = (_, { signal }) =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(null)));

const GIVEN_UP = "The store does not answer: the worker stops without it, and others rescue what it leaves";

Deno.test("a worker on a store that answers nothing stops soon after its grace, and says what it leaves", async () => {
  const { clock, worker, state, running, fallSilent, warnings, jobd } = await silenceable(untilAborted);
  await running(2);
  fallSilent();
  await clock.advance(20_000);
  const stopped = worker.stop();
  await clock.advance(GRACE_MS - 1);
  assert.deepEqual([state.stopped, worker.running], [false, 2]);
  await clock.advance(3_900);
  assert.equal(state.stopped, false);
  await clock.advance(200);
  assert.equal(state.stopped, true);
  assert.deepEqual(warnings(), [{ message: GIVEN_UP, jobs: 2 }]);
  assert.equal(clock.pending, 0);
  await stopped;
  await jobd.close();
});

Deno.test("a second stop with no time ends the grace and leaves the store one second", async () => {
  const { clock, worker, state, running, fallSilent, warnings, jobd } = await silenceable(untilAborted);
  await running(1);
  fallSilent();
  void worker.stop();
  await clock.advance(5_000);
  void worker.stop({ timeoutMs: 0 });
  await clock.advance(900);
  assert.equal(state.stopped, false);
  await clock.advance(200);
  assert.equal(state.stopped, true);
  assert.deepEqual(warnings(), [{ message: GIVEN_UP, jobs: 1 }]);
  await jobd.close();
});

Deno.test("the store is not given up before the jobs have ended", async () => {
  const { clock, worker, state, running, warnings, jobd } = await silenceable((_, { signal }) =>
    new Promise((resolve) => signal.addEventListener("abort", () => clock.after(20_000, () => resolve(null))))
  );
  await running(1);
  const stopped = worker.stop({ timeoutMs: 0 });
  await clock.advance(19_000);
  void worker.stop({ timeoutMs: 0 });
  await clock.advance(900);
  assert.deepEqual([state.stopped, worker.running], [false, 1]);
  await clock.advance(200);
  await stopped;
  assert.deepEqual(warnings(), []);
  const [job] = await Array.fromAsync(jobd.jobs.list({}));
  assert.deepEqual([job?.state, job?.releases], ["available", 1]);
  await jobd.close();
});

Deno.test("a worker that is stopped while it waits for the store at its start stops too", async () => {
  const { clock, worker, state, fallSilent, jobd } = await silenceable(untilAborted);
  fallSilent();
  const failed = assert.rejects(worker.start(), { code: "store_unavailable" });
  void worker.stop({ timeoutMs: 1_000 });
  // What does the work is loaded first, which takes real time.
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(5_100);
  await failed;
  assert.equal(state.stopped, true);
  await jobd.close();
});
