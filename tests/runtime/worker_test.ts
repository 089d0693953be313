import assert from "node:assert/strict";
import { sleep } from "../../src/domain/clock.ts";
import { discard, Jobd, snooze } from "../../src/mod.ts";
import { untilStopped } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

Deno.test("Worker runs a job, keeps its result, its log and its progress", async () => {
  await using work = await working({
    hello: (job, { log, progress }) => {
      log("to the log\n");
      log("to stderr\n", "stderr");
      progress({ percent: 50 });
      return Promise.resolve({ got: job.payload });
    },
  });
  const job = await work.run("hello", { payload: { a: 1 } });
  assert.deepEqual([job.state, job.result, job.progress, job.attempt], [
    "completed",
    { got: { a: 1 } },
    { percent: 50 },
    1,
  ]);
  const chunks = await Array.fromAsync(work.jobd.jobs.logs(job.id));
  assert.deepEqual(chunks.map(({ stream, text }) => [stream, text]), [["stdout", "to the log\n"], [
    "stderr",
    "to stderr\n",
  ]]);
});

Deno.test("Worker retries failures until they are too many, then the job is dead", async () => {
  await using work = await working({ bad: () => Promise.reject(new Error("no")) });
  const job = await work.run("bad", { maxAttempts: 3, backoff: { base: 1, max: 1, jitter: "none" } });
  assert.deepEqual([job.state, job.attempt, job.failures, job.error?.message], ["dead", 3, 3, "no"]);
  const executions = await work.jobd.jobs.executions(job.id);
  assert.deepEqual(executions.map(({ attempt, outcome }) => [attempt, outcome]), [[1, "failed"], [
    2,
    "failed",
  ], [
    3,
    "failed",
  ]]);
});

Deno.test("Worker snoozes without a failure and buries what a handler discards", async () => {
  await using work = await working({
    patient: (job) => Promise.resolve(job.attempt < 3 ? snooze(5) : "now"),
    hopeless: () => Promise.resolve(discard("no such user")),
  });
  const patient = await work.run("patient", { maxAttempts: 1 });
  assert.deepEqual([patient.state, patient.attempt, patient.failures, patient.result], [
    "completed",
    3,
    0,
    "now",
  ]);
  const hopeless = await work.run("hopeless");
  assert.deepEqual([hopeless.state, hopeless.attempt, hopeless.error?.code], ["dead", 1, "discarded"]);
});

Deno.test("Worker notes in the job's log why it was put off, and until when", async () => {
  await using work = await working({
    patient: (job, { log }) => {
      log("working\n");
      return Promise.resolve(job.attempt < 2 ? snooze(5, "rate_limited: slow down") : "now");
    },
  });
  const { id } = await work.run("patient");
  const chunks = await Array.fromAsync(work.jobd.jobs.logs(id));
  assert.deepEqual(chunks.map(({ attempt, stream, text }) => [attempt, stream, text]), [
    [1, "stdout", "working\n"],
    [1, "system", "Put off for 5ms: rate_limited: slow down\n"],
    [2, "stdout", "working\n"],
  ]);
});

Deno.test("Worker leaves jobs of other types alone", async () => {
  await using work = await working({ known: () => Promise.resolve("ran") });
  const { id } = await work.jobd.enqueue({ type: "unknown" });
  await work.run("known");
  const job = await work.jobd.jobs.get(id);
  assert.deepEqual([job.state, job.attempt], ["available", 0]);
});

Deno.test("Worker stops a running job that is cancelled, and a waiting one never starts", async () => {
  const started = Promise.withResolvers<void>();
  await using work = await working({
    long: (_, { signal }) => {
      started.resolve();
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve("looks like a success"))
      );
    },
  }, { concurrency: 1 });
  const { id } = await work.jobd.enqueue({ type: "long" });
  await started.promise;
  const waiting = await work.jobd.enqueue({ type: "long" });
  const report = await work.jobd.jobs.act("cancel", [id, waiting.id, crypto.randomUUID()]);
  assert.deepEqual(report.succeeded.sort(), [id, waiting.id].sort());
  assert.deepEqual(report.failed.map(({ code }) => code), ["not_found"]);
  const job = await work.until(work.jobd.jobs.wait(id));
  assert.deepEqual([job.state, job.result], ["cancelled", null]);
  assert.deepEqual((await work.jobd.jobs.get(waiting.id)).attempt, 0);
});

Deno.test("Worker.stop() waits for jobs, then hands the rest back at no cost", async () => {
  await using work = await working({
    quick: async (_, { clock }) => {
      await sleep(clock, 100);
      return "done";
    },
    slow: (_, context) => untilStopped(context).catch(() => "late"),
  });
  const ids = (await work.jobd.enqueueMany([{ type: "quick" }, { type: "slow" }])).map(({ id }) => id);
  await work.test.clock.settle();
  assert.equal(work.worker.running, 2);
  await work.worker.stop({ timeout: "1s" });
  assert.equal(work.test.clock.monotonic(), 1_000);
  const [quick, slow] = await Promise.all(ids.map((id) => work.jobd.jobs.get(id)));
  assert.deepEqual([quick?.state, quick?.result], ["completed", "done"]);
  assert.deepEqual([slow?.state, slow?.failures, slow?.releases, slow?.attempt], ["available", 0, 1, 1]);
  assert.deepEqual(await work.jobd.workers.list(), []);
});

Deno.test("Worker expires a job whose deadline passes, waiting or running", async () => {
  await using work = await working({
    long: (_, context) => untilStopped(context),
  }, { leaseMs: 600 });
  const running = await work.run("long", { ttl: "200ms" });
  assert.deepEqual([running.state, running.attempt], ["expired", 1]);
  const { id } = await work.jobd.enqueue({ type: "long", delay: "1h", ttl: "50ms" });
  const waiting = await work.until(work.jobd.jobs.wait(id));
  assert.deepEqual([waiting.state, waiting.attempt], ["expired", 0]);
});

Deno.test("Worker uses the settings of a queue for attempts and timeout", async () => {
  await using work = await working({ long: (_, context) => untilStopped(context) });
  await work.jobd.queues.create("strict", { maxAttempts: 2, timeoutMs: 30 });
  await work.worker.stop();
  await using _fresh = await work.test.startWorker();
  const job = await work.run("long", { queue: "strict" });
  assert.deepEqual([job.state, job.failures, job.maxAttempts, job.error?.code], ["dead", 2, 2, "timeout"]);
});

Deno.test("Worker takes the jobs of a dead worker back when their lease has ended", async () => {
  await using work = await working({
    any: ({ attempt }, context) => attempt === 1 ? untilStopped(context) : attempt,
  }, { leaseMs: 300 });
  const { id } = await work.jobd.enqueue({ type: "any" });
  await work.test.clock.settle();
  // Killed before it has renewed anything.
  work.worker.kill();
  await using _other = await work.test.startWorker();
  const job = await work.until(work.jobd.jobs.wait(id));
  assert.deepEqual([job.state, job.attempt, job.failures, job.result], ["completed", 2, 1, 2]);
  const [first, second] = await work.jobd.jobs.executions(id);
  assert.deepEqual([first?.outcome, first?.error?.code], ["lost", "worker_lost"]);
  assert.ok((first?.finishedAt ?? 0) - (first?.startedAt ?? 0) >= 300, "not before its lease had ended");
  assert.notEqual(first?.worker, second?.worker);
});

Deno.test("a worker that cannot start says why once: closing it afterwards is no second failure", async () => {
  await using jobd = await Jobd.open("sqlite::memory:", {
    migrate: true,
    processes: {
      identity: () => Promise.reject(new Error("Nobody knows who this is")),
      isAlive: () => Promise.resolve(undefined),
      reapStrays: () => Promise.resolve(),
    },
  });
  const started = async (): Promise<void> => {
    await using worker = jobd.worker({ handlers: { any: () => 1 } });
    await worker.start();
  };
  await assert.rejects(started(), /^Error: Nobody knows who this is$/);
});
