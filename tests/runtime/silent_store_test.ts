import assert from "node:assert/strict";
import { sleep, turn } from "../../src/domain/clock.ts";
import { createLogger, type Handler } from "../../src/mod.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

const GRACE_MS = 60_000;

/** A worker on a store that can fall silent: calls have no effect and get no answer from then on. */
async function silenceable(run: Handler["run"]) {
  const test = await TestJobd.open();
  const { clock, jobd, faults } = test;
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
    fallSilent: () => faults.silence(),
    warnings: () =>
      lines.filter(({ level }) => level !== "info").map(({ message, jobs }) => ({ message, jobs })),
    async running(count: number): Promise<void> {
      await worker.start();
      await jobd.enqueueMany(Array.from({ length: count }, () => ({ type: "any", timeout: "1d" })));
      await clock.advance("2s");
      assert.equal(worker.running, count);
    },
    [Symbol.asyncDispose]: () => test.close(),
  };
}

const GIVEN_UP = "The store does not answer: the worker stops without it, and others rescue what it leaves";

Deno.test("a worker on a store that answers nothing stops soon after its grace, and says what it leaves", async () => {
  await using silent = await silenceable((_, context) => untilStopped(context));
  const { clock, worker, state, running, fallSilent, warnings } = silent;
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
});

Deno.test("a second stop with no time ends the grace and leaves the store one second", async () => {
  await using silent = await silenceable((_, context) => untilStopped(context));
  const { clock, worker, state, running, fallSilent, warnings } = silent;
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
});

Deno.test("the store is not given up before the jobs have ended", async () => {
  await using silent = await silenceable((_, context) =>
    untilStopped(context).catch(() => sleep(context.clock, 20_000))
  );
  const { clock, worker, state, running, warnings, jobd } = silent;
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
});

Deno.test("a worker that is stopped while it waits for the store at its start stops too", async () => {
  await using silent = await silenceable((_, context) => untilStopped(context));
  const { clock, worker, state, fallSilent } = silent;
  fallSilent();
  const failed = assert.rejects(worker.start(), { code: "store_unavailable" });
  void worker.stop({ timeoutMs: 1_000 });
  // What does the work is loaded first, which takes real time.
  while (clock.pending === 0) await turn();
  await clock.advance(5_100);
  await failed;
  assert.equal(state.stopped, true);
});
