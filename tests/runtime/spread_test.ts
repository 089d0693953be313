import assert from "node:assert/strict";
import { defineJob, Jobd, JobdError } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { MAX_INSTANT_MS } from "../../src/domain/instant.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const MINUTE = 60_000;

async function opened(random?: () => number): Promise<{ jobd: Jobd; clock: FakeClock }> {
  const clock = new FakeClock();
  const driver = new MemoryDriver({ now: () => clock.now() });
  return { jobd: await Jobd.open(driver, { clock, ...(random === undefined ? {} : { random }) }), clock };
}

const starts = (jobd: Jobd, jobs: readonly { id: string }[]): Promise<number[]> =>
  Promise.all(jobs.map(async ({ id }) => (await jobd.jobs.get(id)).runAt));

Deno.test("enqueueMany() distributes starts evenly, from now on", async () => {
  const { jobd, clock } = await opened();
  const now = clock.now();
  const jobs = await jobd.enqueueMany(Array.from({ length: 4 }, () => ({ type: "a" })), { spread: "10m" });
  assert.deepEqual((await starts(jobd, jobs)).map((at) => at - now), [0, 2.5, 5, 7.5].map((n) => n * MINUTE));
  assert.deepEqual(jobs.map(({ state }) => state), ["available", "scheduled", "scheduled", "scheduled"]);
  // More jobs than milliseconds: several start together, none after the end.
  const crowd = await jobd.enqueueMany(Array.from({ length: 10 }, () => ({ type: "a" })), { spread: 3 });
  assert.deepEqual((await starts(jobd, crowd)).map((at) => at - now), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
  assert.deepEqual(await jobd.enqueueMany([], { spread: "10m" }), []);
  await jobd.close();
});

Deno.test("enqueueMany() spreads from the start that a job asks for, also that of its definition", async () => {
  const { jobd, clock } = await opened();
  const now = clock.now();
  const later = defineJob({ type: "later", delay: "1h" });
  const jobs = await jobd.enqueueMany([
    { type: "a", delay: "1h" },
    { type: "a", runAt: new Date(now + 5 * MINUTE) },
    { job: later, payload: null },
    { type: "a", runAt: MAX_INSTANT_MS },
  ], { spread: "8m" });
  assert.deepEqual(await starts(jobd, jobs), [
    now + 60 * MINUTE,
    now + 7 * MINUTE,
    now + 64 * MINUTE,
    MAX_INSTANT_MS,
  ]);
  await jobd.close();
});

Deno.test("enqueueMany() with jitter starts each job at a random moment of its own part", async () => {
  const given = [0, 0.5, 0.999, 0.25];
  let drawn = 0;
  const { jobd, clock } = await opened(() => given[drawn++] ?? 0);
  const now = clock.now();
  drawn = 0;
  const jobs = await jobd.enqueueMany(
    Array.from({ length: 4 }, () => ({ type: "a" })),
    { spread: { over: "4s", jitter: true } },
  );
  assert.deepEqual((await starts(jobd, jobs)).map((at) => at - now), [0, 1_500, 2_999, 3_250]);
  await jobd.close();
});

Deno.test("spread jobs start when their time has come", async () => {
  const { jobd, clock } = await opened();
  const started: number[] = [];
  const now = clock.now();
  const worker = jobd.worker({
    handlers: { a: () => void started.push(clock.now() - now) },
    concurrency: 10,
  });
  await worker.start();
  await jobd.enqueueMany(Array.from({ length: 3 }, () => ({ type: "a" })), { spread: "3m" });
  for (let second = 0; second < 180; second++) await clock.advance(1_000);
  assert.equal(started.length, 3);
  for (const [index, at] of started.entries()) {
    assert.ok(at >= index * MINUTE && at < (index + 1) * MINUTE, `${at}`);
  }
  const stopped = worker.stop();
  await clock.advance(1_000);
  await stopped;
  await jobd.close();
});

Deno.test("enqueueMany() refuses a spread that is none, and stores nothing", async () => {
  const { jobd } = await opened();
  const cases: [unknown, RegExp][] = [
    [0, /Invalid spread: 0 is not longer than 0/],
    ["soon", /Invalid spread: "soon"/],
    [{}, /Invalid spread/],
    [null, /Invalid spread/],
    [{ over: "1m", jitter: "full" }, /Invalid jitter of the spread: "full"/],
  ];
  for (const [spread, message] of cases) {
    await assert.rejects(
      jobd.enqueueMany([{ type: "a" }, { type: "a" }], { spread: spread as string }),
      (error) =>
        error instanceof JobdError && error.code === "invalid_request" && message.test(error.message),
    );
  }
  const wrong = [{ type: "a" }, { type: "a", delay: "1m", runAt: 5 }];
  await assert.rejects(jobd.enqueueMany(wrong, { spread: "1m" }), /both a delay and a start time/);
  assert.deepEqual(await Array.fromAsync(jobd.jobs.list()), []);
  await jobd.close();
});
