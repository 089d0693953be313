import assert from "node:assert/strict";
import { Jobd, JobdError, type JobUpdate } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import type { AmendResult } from "../../src/storage/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const MINUTE = 60_000;

async function opened(
  driver?: (clock: FakeClock) => MemoryDriver,
): Promise<{ jobd: Jobd; clock: FakeClock }> {
  const clock = new FakeClock();
  const store = driver?.(clock) ?? new MemoryDriver({ now: () => clock.now() });
  return { jobd: await Jobd.open(store, { clock }), clock };
}

function refused(code: string, message: RegExp) {
  return (error: unknown): boolean =>
    error instanceof JobdError && error.code === code && message.test(error.message);
}

Deno.test("Jobs.update() changes what is named and nothing else; delay and ttl count from now", async () => {
  const { jobd, clock } = await opened();
  const { id } = await jobd.enqueue({ type: "a", payload: 1, tags: ["x"], meta: { y: 1 }, timeout: "1m" });
  const before = await jobd.jobs.get(id);
  await clock.advance(MINUTE);
  await jobd.jobs.update(id, {
    ttl: "1h",
    tags: null,
    timeout: "2m",
    backoff: { base: "1s" },
  });
  const after = await jobd.jobs.get(id);
  assert.deepEqual({ ...after, options: {}, expireAt: null }, { ...before, options: {} });
  assert.equal(after.expireAt, clock.now() + 60 * MINUTE);
  const { backoff, ...options } = after.options;
  assert.deepEqual(options, { meta: { y: 1 }, timeoutMs: 2 * MINUTE, ttlMs: 60 * MINUTE });
  assert.equal(backoff?.baseMs, 1_000);
  await jobd.jobs.update(id, {
    ttl: null,
    delay: "10m",
    payload: null,
    maxAttempts: 2,
    priority: "critical",
  });
  const later = await jobd.jobs.get(id);
  assert.deepEqual(
    [
      later.expireAt,
      later.options.ttlMs,
      later.state,
      later.runAt,
      later.payload,
      later.maxAttempts,
      later.priority,
    ],
    [null, undefined, "scheduled", clock.now() + 10 * MINUTE, null, 2, 20],
  );
  await jobd.close();
});

Deno.test("Jobs.update() refuses what a request would be refused for, and what cannot be changed", async () => {
  const { jobd } = await opened();
  const { id } = await jobd.enqueue({ type: "a" });
  const before = await jobd.jobs.get(id);
  const cases: [unknown, RegExp][] = [
    [{}, /not said what to change/],
    [{ priority: undefined }, /not said what to change/],
    [null, /must be an object/],
    [{ type: "b" }, /Cannot change "type"/],
    [{ uniqueKey: "b" }, /Cannot change "uniqueKey"/],
    [{ priority: "urgent" }, /Invalid priority: "urgent"/],
    [{ queue: "no good name!" }, /Invalid queue/],
    [{ queue: null }, /Cannot take "queue" away/],
    [{ delay: null }, /Cannot take "delay" away/],
    [{ maxAttempts: 0 }, /Invalid maxAttempts: 0/],
    [{ payload: () => 1 }, /a function is not JSON/],
    [{ delay: "1h", runAt: 0 }, /both a delay and a start time/],
    [{ timeout: 0 }, /Invalid timeout: 0/],
    [{ tags: "a" }, /Invalid tags/],
    [{ meta: [] }, /Invalid meta/],
  ];
  for (const [update, message] of cases) {
    await assert.rejects(
      jobd.jobs.update(id, update as JobUpdate),
      refused("invalid_request", message),
      JSON.stringify(update),
    );
  }
  assert.deepEqual(await jobd.jobs.get(id), before);
  await jobd.close();
});

Deno.test("Jobs.update() says in which state a job is that can no longer be changed", async () => {
  const jobd = await Jobd.open(new MemoryDriver());
  const { promise, resolve } = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  await using worker = jobd.worker({
    pollIntervalMs: 20,
    handlers: {
      slow: () => {
        begun.resolve();
        return promise;
      },
    },
  });
  const { id } = await jobd.enqueue({ type: "slow" });
  await worker.start();
  await begun.promise;
  await assert.rejects(
    jobd.jobs.update(id, { priority: 1 }),
    refused("conflict", /it is running: let it end/),
  );
  resolve();
  await jobd.jobs.wait(id);
  await assert.rejects(
    jobd.jobs.update(id, { priority: 1 }),
    refused("conflict", /it is completed: only jobs/),
  );
  await assert.rejects(
    jobd.jobs.update(crypto.randomUUID(), { priority: 1 }),
    refused("not_found", /There is no job/),
  );
  const { failed } = await jobd.jobs.update([id], { priority: 1 });
  assert.deepEqual(failed.map(({ code }) => code), ["conflict"]);
  await worker.stop();
  await jobd.close();
});

Deno.test("Jobs.update() by filter changes what has not started, each job once", async () => {
  const { jobd } = await opened();
  const make = (type: string, delay: string): { type: string; delay: string }[] =>
    Array.from({ length: 300 }, () => ({ type, delay }));
  const made = await jobd.enqueueMany([...make("a", "1h"), ...make("a", "0s"), ...make("b", "1h")]);
  const ids = made.map(({ id }) => id);
  await jobd.jobs.cancel(ids.slice(0, 5));
  const { succeeded, failed } = await jobd.jobs.update({ type: "a" }, { priority: -3, delay: "2h" });
  assert.deepEqual([succeeded.length, new Set(succeeded).size, failed], [595, 595, []]);
  const changed = await Array.fromAsync(jobd.jobs.list({ state: "scheduled", type: "a" }));
  assert.ok(changed.length === 595 && changed.every(({ priority }) => priority === -3));
  const others = await Array.fromAsync(jobd.jobs.list({ type: "b" }));
  assert.ok(others.every(({ priority }) => priority === 0));
  const named = await jobd.jobs.update({ type: "a", state: "cancelled" }, { priority: 1 });
  assert.deepEqual(named.failed.map(({ code }) => code), Array(5).fill("conflict"));
  await assert.rejects(
    jobd.jobs.update({}, { priority: 1 }),
    refused("invalid_request", /the filter is empty/),
  );
  await jobd.close();
});

Deno.test("Jobs.update() asks for more attempts than the job has failed already", async () => {
  const jobd = await Jobd.open(new MemoryDriver());
  await using worker = jobd.worker({
    pollIntervalMs: 20,
    handlers: {
      bad: () => {
        throw new Error("no");
      },
    },
  });
  const { id } = await jobd.enqueue({ type: "bad", backoff: { base: "1h", jitter: "none" } });
  await worker.start();
  while ((await jobd.jobs.get(id)).failures === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await worker.stop();
  await assert.rejects(
    jobd.jobs.update(id, { maxAttempts: 1 }),
    refused("conflict", /it has failed 1 times already: maxAttempts must be higher/),
  );
  await jobd.jobs.update(id, { maxAttempts: 2, delay: 0 });
  const job = await jobd.jobs.get(id);
  assert.deepEqual([job.state, job.failures, job.maxAttempts], ["available", 1, 2]);
  await jobd.close();
});

Deno.test("Jobs.update() looks again at a job that changed meanwhile", async () => {
  /** Somebody else is quicker, once. */
  class Hurried extends MemoryDriver {
    #first = true;
    override async amend(...given: Parameters<MemoryDriver["amend"]>): Promise<AmendResult[]> {
      const [change] = given[0];
      if (this.#first && change !== undefined) {
        this.#first = false;
        await super.amend([{ ...change, change: { kind: "replace", set: { runAt: change.at + MINUTE } } }]);
      }
      return await super.amend(...given);
    }
  }
  const { jobd } = await opened((clock) => new Hurried({ now: () => clock.now() }));
  const { id } = await jobd.enqueue({ type: "a" });
  await jobd.jobs.update(id, { priority: 6 });
  const job = await jobd.jobs.get(id);
  assert.deepEqual([job.state, job.priority], ["scheduled", 6]);
  await jobd.close();
});
