import assert from "node:assert/strict";
import { type BatchReport, defineJob, type Job, Jobd, type Middleware } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

const KEYS = { keys: { k1: new Uint8Array(32).fill(1).toBase64() }, current: "k1" };

Deno.test("jobs of a batch are handled in groups, and its callback gathers as well", async () => {
  const calls: [string, number][] = [];
  const note = (jobs: readonly Job[]): void => void calls.push([jobs[0]?.type ?? "", jobs.length]);
  const push = defineJob<number>({ type: "push", group: { key: "all", size: 2 }, runGroup: note });
  const digest = defineJob<unknown>({ type: "digest", group: { key: "all", size: 2 }, runGroup: note });
  await using here = await working([push, digest]);
  const made = await Promise.all(
    [1, 2].map((from) =>
      here.jobd.batch([from, from + 10].map((payload) => ({ job: push, payload })), {
        onComplete: { job: digest, payload: {} },
      })
    ),
  );
  for (const batch of made) await here.until(batch.wait());
  await here.test.clock.advance("2m");
  assert.deepEqual(calls.sort(), [["digest", 2], ["push", 2], ["push", 2]]);
  const { items } = await here.jobd.jobs.page({ type: "digest", limit: 10 });
  const reports = items.map(({ options }) => options.callback as BatchReport);
  assert.deepEqual(reports.map(({ counts }) => counts.completed), [2, 2]);
});

Deno.test("a callback of a batch with a group cannot be delayed", async () => {
  await using test = await TestJobd.open({ handlers: [{ type: "x", run: () => {} }] });
  const onFinish = { type: "x", group: "a", delay: "5m" };
  await assert.rejects(test.jobd.batch([{ type: "y" }], { onFinish }), /both a group and delay/);
});

Deno.test("a call for a group cannot wait: whoever tries fails its jobs, with the reason", async () => {
  const waiting: Middleware = async (job, context, next) => {
    if ((job.payload as string) === "wait") await context.waitFor("approval");
    if ((job.payload as string) === "sleep") await context.sleep("a while", "5m");
    return await next();
  };
  const grouped = defineJob<string>({
    type: "grouped",
    maxAttempts: 1,
    middleware: [waiting],
    group: { key: (payload) => payload, size: 2 },
    runGroup: () => {},
  });
  await using test = await TestJobd.open({ handlers: [grouped] });
  const payloads = ["wait", "wait", "sleep", "sleep", "go", "go"];
  const jobs = await test.jobd.enqueueMany(payloads.map((payload) => ({ job: grouped, payload })));
  await test.drain();
  const found = await Promise.all(jobs.map(({ id }) => test.jobd.jobs.get(id)));
  assert.deepEqual(found.map(({ state }) => state), [
    "dead",
    "dead",
    "dead",
    "dead",
    "completed",
    "completed",
  ]);
  for (const job of found.slice(0, 4)) {
    assert.match(job.error?.message ?? "", /handler of groups cannot wait/);
  }
});

Deno.test("a job with a group whose handler takes one at a time may wait", async () => {
  const single = defineJob<number, number>({
    type: "single",
    run: async ({ payload }, context) => payload + await context.waitFor<number>("more"),
  });
  await using here = await working([single]);
  const group = { key: "a", size: 2 };
  const jobs = await here.jobd.enqueueMany(
    [1, 2].map((payload) => ({ type: "single", payload, group })),
  );
  const [one, two] = jobs.map(({ id }) => id) as [string, string];
  for (const id of [one, two]) {
    while ((await here.jobd.jobs.get(id)).waitingFor === null) await here.test.clock.advance(1);
    await here.jobd.waits.resume({ job: id }, 10);
  }
  const ended = await Promise.all([one, two].map((id) => here.until(here.jobd.jobs.wait(id))));
  assert.deepEqual(ended.map(({ result }) => result), [11, 12]);
});

Deno.test("encrypted jobs of a group: the handler reads them, and each result is encrypted", async () => {
  const driver = new MemoryDriver();
  const seen: string[] = [];
  const secret = defineJob<string, string>({
    type: "secret",
    encrypt: true,
    group: { key: "all", size: 3 },
    runGroup: (jobs) => jobs.map(({ payload }) => (seen.push(payload), `for ${payload}`)),
  });
  const jobd = await Jobd.open(driver, { encryption: KEYS });
  const jobs = await jobd.enqueueMany(["a", "b", "c"].map((payload) => ({ job: secret, payload })));
  const worker = jobd.worker({ handlers: [secret] });
  await worker.start();
  const results = await Promise.all(jobs.map((job) => job.result()));
  assert.deepEqual([seen.sort(), results], [["a", "b", "c"], ["for a", "for b", "for c"]]);
  for (const job of await driver.get(jobs.map(({ id }) => id))) {
    assert.ok(!JSON.stringify([job.payload, job.result]).includes("for "), "the store holds plain text");
  }
  assert.deepEqual(
    (await jobd.groups.jobs({ key: "all" })).map(({ payload, result }) => [payload, result]).sort(),
    [["a", "for a"], ["b", "for b"], ["c", "for c"]],
  );
  await worker.stop();
  await jobd.close();
});
