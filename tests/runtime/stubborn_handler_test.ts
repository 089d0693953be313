import assert from "node:assert/strict";
import { type Handler, Jobd } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

Deno.test("a handler that ignores its signal loses its slot, and what it gives later counts for nothing", async () => {
  const clock = new FakeClock();
  const driver = new MemoryDriver({ now: () => clock.now() });
  const jobd = await Jobd.open(driver, { clock });
  const late = Promise.withResolvers<string>();
  const starts: number[] = [];
  const handler = (type: string, run: Handler["run"]): Handler => ({ type, run, outOfProcess: true });
  const worker = jobd.worker({
    concurrency: 1,
    backoff: { baseMs: 3_600_000, maxMs: 3_600_000, jitter: "none" },
    handlers: [
      handler("stubborn", (job) => {
        starts.push(job.attempt);
        return late.promise;
      }),
      handler("quick", () => Promise.resolve("done")),
    ],
  });
  await worker.start();
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
  const stopped = worker.stop();
  await clock.advance(1_000);
  await stopped;
  await jobd.close();
});
