import assert from "node:assert/strict";
import { TestJobd } from "../../src/testing/mod.ts";

Deno.test("a handler that ignores its signal loses its slot, and what it gives later counts for nothing", async () => {
  const late = Promise.withResolvers<string>();
  const starts: number[] = [];
  await using test = await TestJobd.open({
    handlers: {
      stubborn: (job) => {
        starts.push(job.attempt);
        return late.promise;
      },
      quick: () => "done",
    },
    patience: 0,
  });
  const { jobd, clock } = test;
  const backoff = { baseMs: 3_600_000, maxMs: 3_600_000, jitter: "none" } as const;
  await using _worker = await test.startWorker({ concurrency: 1, backoff });
  const { id } = await jobd.enqueue({ type: "stubborn", timeout: "5s" });
  const quick = await jobd.enqueue({ type: "quick" });
  await clock.advance(4_000);
  assert.deepEqual(starts, [1]);
  await clock.advance(20_000);
  const overdue = await jobd.jobs.get(id);
  assert.deepEqual([overdue.state, (await jobd.jobs.get(quick.id)).state], ["running", "available"]);
  await clock.advance(20_000);
  const given = await jobd.jobs.get(id);
  assert.deepEqual([given.state, given.failures, given.error?.code], ["scheduled", 1, "timeout"]);
  const done = await jobd.jobs.get(quick.id);
  assert.deepEqual([done.state, done.result], ["completed", "done"]);
  late.resolve("too late");
  await clock.advance(1_000);
  assert.deepEqual(await jobd.jobs.get(id), given);
  assert.deepEqual(starts, [1]);
});
