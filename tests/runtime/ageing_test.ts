import assert from "node:assert/strict";
import type { Enqueued } from "../../src/mod.ts";
import { sleep } from "../../src/domain/clock.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const MINUTE = 60_000;

/** A worker that is never without a job of priority 10: each takes a minute and brings the next one along. */
async function busy(settings: { ageingMs?: number }, limited: boolean) {
  const stack = new AsyncDisposableStack();
  const test = stack.use(
    await TestJobd.open({
      handlers: {
        high: async (_, { clock, enqueue }) => {
          enqueue({ type: "high", queue: "q", priority: 10 });
          await sleep(clock, MINUTE);
        },
        low: () => {},
      },
      worker: { concurrency: limited ? 5 : 1 },
    }),
  );
  await test.jobd.queues.create("q", settings);
  if (limited) await test.jobd.limits.set({ queue: "q", concurrency: 1 });
  const jobs: Enqueued<unknown>[] = [];
  for (const priority of [10, 10, 0, -5]) {
    jobs.push(await test.jobd.enqueue({ type: priority === 10 ? "high" : "low", queue: "q", priority }));
  }
  stack.use(await test.startWorker());
  const minutes = async (job: Enqueued<unknown> | undefined): Promise<number | undefined> => {
    const { startedAt, state, createdAt } = await test.jobd.jobs.get(job?.id ?? "");
    return state !== "completed" || startedAt === null ? undefined : (startedAt - createdAt) / MINUTE;
  };
  return { test, waited: () => Promise.all(jobs.slice(2).map(minutes)), stack };
}

for (const limited of [false, true]) {
  const where = limited ? "at a limit" : "in a queue";
  Deno.test(`${where} low priorities have their turn within the time in which they gain what they lack`, async () => {
    const { test, waited, stack } = await busy({ ageingMs: MINUTE }, limited);
    await using _all = stack;
    await test.clock.advance(9.5 * MINUTE);
    assert.deepEqual(await waited(), [undefined, undefined]);
    await test.clock.advance(10 * MINUTE);
    const [zero, minus] = await waited();
    assert.ok(zero !== undefined && minus !== undefined);
    // The running job and one that was first among equals may be before them.
    assert.ok(zero >= 9 && zero <= 12, `waited for ${zero} minutes`);
    assert.ok(minus >= 14 && minus <= 18, `waited for ${minus} minutes`);
  });

  Deno.test(`${where} ageing can be turned on for those who wait already`, async () => {
    const { test, waited, stack } = await busy({}, limited);
    await using _all = stack;
    await test.clock.advance(60 * MINUTE);
    assert.deepEqual(await waited(), [undefined, undefined], "they starve");
    await test.jobd.queues.update("q", { ageingMs: MINUTE });
    await test.clock.advance(3 * MINUTE);
    assert.ok((await waited()).every((minutes) => minutes !== undefined));
  });
}

Deno.test("a time in which nothing could age is refused", async () => {
  await using test = await TestJobd.open();
  for (const ageingMs of [0, -1, 1.5, NaN]) {
    await assert.rejects(test.jobd.queues.create("q", { ageingMs }), { code: "invalid_request" });
  }
  await test.jobd.queues.create("q");
  await assert.rejects(test.jobd.queues.update("q", { ageingMs: 0 }), {
    code: "invalid_request",
    message: /ageingMs/,
  });
});
