import assert from "node:assert/strict";
import { defineJob, discard, type Job, type Json, snooze } from "../../src/mod.ts";
import { perform, TestJobd } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

interface Point {
  host: string;
  value: number;
}

/** A handler that notes what it was given. */
function pushing(
  end: (points: readonly Job<Point>[]) => readonly Json[] | void = (points) =>
    points.map(({ payload }) => payload.value),
  size = 3,
) {
  const calls: number[][] = [];
  const push = defineJob<Point, Json>({
    type: "metrics.push",
    maxAttempts: 3,
    group: { key: ({ host }) => host, size, maxAge: "1m", silence: "10s" },
    runGroup(points) {
      calls.push(points.map(({ payload }) => payload.value));
      return end(points);
    },
  });
  return { push, calls };
}

const at = (host: string, ...values: number[]): Point[] => values.map((value) => ({ host, value }));

Deno.test("jobs are gathered by key and handled in one call, each with its own result", async () => {
  const { push, calls } = pushing();
  await using here = await working([push]);
  const { jobd, test: { clock } } = here;
  const a = await jobd.enqueueMany(at("a", 1, 2).map((payload) => ({ job: push, payload })));
  const b = await jobd.enqueue(push, { host: "b", value: 9 });
  assert.equal(b.state, "blocked");
  await clock.advance("9s");
  assert.deepEqual(calls, []);
  await clock.advance("2s");
  assert.deepEqual(calls.sort(), [[1, 2], [9]]);
  const jobs = await Promise.all(a.map(({ id }) => jobd.jobs.get(id)));
  assert.deepEqual(jobs.map(({ state, result }) => [state, result]), [["completed", 1], ["completed", 2]]);
});

Deno.test("a full group is handled at once, and what comes after it gathers anew", async () => {
  const { push, calls } = pushing();
  await using here = await working([push]);
  const jobs = await here.jobd.enqueueMany(at("a", 1, 2, 3, 4).map((payload) => ({ job: push, payload })));
  assert.equal((await here.until(here.jobd.jobs.wait(jobs[0]?.id ?? ""))).result, 1);
  assert.deepEqual(calls, [[1, 2, 3]]);
  assert.deepEqual((await Array.fromAsync(here.jobd.groups.list())).map(({ key, jobs }) => [key, jobs]), [[
    "a",
    1,
  ]]);
});

Deno.test("each job of a group ends as the handler says: result, later, never, failure", async () => {
  const ends = [1, snooze("1h"), discard("no such host"), new Error("refused")];
  const mixed = defineJob<number>({
    type: "mixed",
    maxAttempts: 2,
    group: { key: "all", size: 4 },
    runGroup: (jobs) => jobs.map(({ payload }) => ends[payload]),
  });
  await using test = await TestJobd.open({ handlers: [mixed] });
  const jobs = await test.jobd.enqueueMany([0, 1, 2, 3].map((payload) => ({ job: mixed, payload })));
  const report = await test.drain();
  assert.deepEqual(
    [report.completed, report.snoozed, report.dead, report.failed],
    [1, 1, 1, 1],
  );
  const found = await Promise.all(jobs.map(({ id }) => test.jobd.jobs.get(id)));
  assert.deepEqual(found.map(({ state }) => state), ["completed", "scheduled", "dead", "scheduled"]);
  assert.equal(found[2]?.error?.message, "no such host");
  assert.equal(found[3]?.error?.message, "refused");
});

Deno.test("what the handler throws fails all jobs, and they are handled together again", async () => {
  let broken = true;
  const { push, calls } = pushing((points) => {
    if (!broken) return points.map(() => "ok");
    broken = false;
    throw new Error("the service is away");
  });
  await using test = await TestJobd.open({ handlers: [push] });
  const jobs = await test.jobd.enqueueMany(at("a", 1, 2, 3).map((payload) => ({ job: push, payload })));
  assert.equal((await test.drain()).failed, 3);
  assert.equal((await test.drain({ withScheduled: true })).completed, 3);
  assert.deepEqual(calls, [[1, 2, 3], [1, 2, 3]]);
  for (const { id } of jobs) {
    const { failures, attempt, error } = await test.jobd.jobs.get(id);
    assert.deepEqual([failures, attempt, error?.message], [1, 2, "the service is away"]);
  }
});

Deno.test("a list of ends that is too short lets nothing complete", async () => {
  const { push } = pushing(() => [1]);
  await using test = await TestJobd.open({ handlers: [push] });
  const jobs = await test.jobd.enqueueMany(at("a", 1, 2, 3).map((payload) => ({ job: push, payload })));
  assert.equal((await test.drain()).failed, 3);
  const { error } = await test.jobd.jobs.get(jobs[0]?.id ?? "");
  assert.match(error?.message ?? "", /runGroup gave 1 ends for 3 jobs/);
});

Deno.test("the size of groups is none of the worker's concurrency", async () => {
  const { push, calls } = pushing(undefined, 50);
  await using test = await TestJobd.open({ handlers: [push] });
  const values = Array.from({ length: 120 }, (_, value) => value);
  await test.jobd.enqueueMany(at("a", ...values).map((payload) => ({ job: push, payload })));
  const report = await test.drain({ concurrency: 1, withScheduled: true });
  assert.equal(report.completed, 120);
  assert.deepEqual(calls.map(({ length }) => length), [50, 50, 20]);
});

Deno.test("the jobs of a worker that is gone are handled together again", async () => {
  const calls: number[][] = [];
  const started = Promise.withResolvers<void>();
  const stuck = defineJob<number>({
    type: "stuck",
    group: { key: "all", size: 3 },
    async runGroup(jobs, { signal }) {
      calls.push(jobs.map(({ payload }) => payload));
      if (calls.length > 1) return jobs.map(() => null);
      started.resolve();
      return await new Promise((_, reject) => signal.addEventListener("abort", reject));
    },
  });
  await using test = await TestJobd.open({ handlers: [stuck] });
  const worker = await test.startWorker();
  await test.jobd.enqueueMany([1, 2, 3].map((payload) => ({ job: stuck, payload })));
  await test.clock.until(started.promise);
  worker.kill();
  assert.equal((await test.drain({ withScheduled: true })).completed, 3);
  assert.deepEqual(calls, [[1, 2, 3], [1, 2, 3]]);
});

Deno.test("a worker that stops hands the jobs of a group back together", async () => {
  const calls: number[][] = [];
  const started = Promise.withResolvers<void>();
  const slow = defineJob<number>({
    type: "slow",
    group: { key: "all", size: 2 },
    async runGroup(jobs, { signal }) {
      calls.push(jobs.map(({ payload }) => payload));
      if (calls.length > 1) return jobs.map(() => null);
      started.resolve();
      return await new Promise((_, reject) => signal.addEventListener("abort", reject));
    },
  });
  await using test = await TestJobd.open({ handlers: [slow] });
  const worker = await test.startWorker();
  await test.jobd.enqueueMany([1, 2].map((payload) => ({ job: slow, payload })));
  await test.clock.until(started.promise);
  await worker.stop({ timeout: 0 });
  assert.equal((await test.drain()).completed, 2);
  assert.deepEqual(calls, [[1, 2], [1, 2]]);
});

Deno.test("a job that is cancelled while its group runs is cancelled alone; when all are, the call stops", async () => {
  let stopped = 0;
  const slow = defineJob<number>({
    type: "slow",
    group: { key: "all", size: 2 },
    async runGroup(jobs, { clock, signal }) {
      signal.addEventListener("abort", () => stopped++);
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
        clock.after(60_000, resolve);
      });
      return jobs.map(() => "done");
    },
  });
  await using here = await working([slow]);
  const { jobd, test: { clock } } = here;
  const [a, b] = await jobd.enqueueMany([1, 2].map((payload) => ({ job: slow, payload })));
  await clock.advance("1s");
  await jobd.jobs.cancel(a?.id ?? "");
  await clock.advance("2m");
  assert.equal((await jobd.jobs.get(a?.id ?? "")).state, "cancelled");
  assert.equal((await jobd.jobs.get(b?.id ?? "")).result, "done");
  assert.equal(stopped, 0);
  const [c, d] = await jobd.enqueueMany([1, 2].map((payload) => ({ job: slow, payload })));
  await clock.advance("1s");
  await jobd.jobs.cancel([c?.id ?? "", d?.id ?? ""]);
  await clock.advance("1s");
  assert.equal(stopped, 1);
  assert.equal((await jobd.jobs.get(c?.id ?? "")).state, "cancelled");
});

Deno.test("a call that takes too long fails all its jobs", async () => {
  const slow = defineJob<number>({
    type: "slow",
    maxAttempts: 1,
    timeout: "5s",
    group: { key: "all", size: 2 },
    runGroup: (_jobs, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await using test = await TestJobd.open({ handlers: [slow] });
  const jobs = await test.jobd.enqueueMany([1, 2].map((payload) => ({ job: slow, payload })));
  assert.equal((await test.drain()).dead, 2);
  assert.equal((await test.jobd.jobs.get(jobs[1]?.id ?? "")).error?.code, "timeout");
});

Deno.test("a payload that does not fit ends alone", async () => {
  const calls: number[][] = [];
  const even = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) =>
        Number(value) % 2 === 0 ? { value: Number(value) } : { issues: [{ message: "not even" }] },
    },
  } as const;
  const job = defineJob({
    type: "even",
    payload: even,
    group: { key: "all", size: 3 },
    runGroup: (jobs) => void calls.push(jobs.map(({ payload }) => payload as number)),
  });
  await using test = await TestJobd.open({ handlers: [job] });
  const jobs = await test.jobd.enqueueMany([2, 3, 4].map((payload) => ({
    type: "even",
    payload,
    group: { key: "all", size: 3 },
  })));
  await test.drain();
  assert.deepEqual(calls, [[2, 4]]);
  const states = await Promise.all(jobs.map(async ({ id }) => (await test.jobd.jobs.get(id)).state));
  assert.deepEqual(states, ["completed", "dead", "completed"]);
});

Deno.test("jobs with a group whose handler knows none run one by one", async () => {
  const ran: Json[] = [];
  await using test = await TestJobd.open({ handlers: { plain: ({ payload }) => void ran.push(payload) } });
  await test.jobd.enqueueMany([1, 2, 3].map((payload) => ({
    type: "plain",
    payload,
    group: { key: "a", size: 3 },
  })));
  assert.equal((await test.drain()).completed, 3);
  assert.deepEqual(ran, [1, 2, 3]);
});

Deno.test("a job without a key is handled alone by the same handler", async () => {
  const sizes: number[] = [];
  const job = defineJob<{ key?: string }, number>({
    type: "maybe",
    group: { key: ({ key }) => key },
    runGroup: (jobs) => (sizes.push(jobs.length), jobs.map(({ payload }) => Object.keys(payload).length)),
  });
  await using test = await TestJobd.open({ handlers: [job] });
  const alone = await test.jobd.enqueue(job, {});
  assert.equal(alone.state, "available");
  await test.drain();
  assert.deepEqual(sizes, [1]);
  assert.equal(await alone.result(), 0);
  assert.equal((await perform(job, { key: "a" })).result, 1);
});

Deno.test("groups are listed, run, cancelled and retried by id and key", async () => {
  const { push, calls } = pushing(() => {
    throw new Error("away");
  });
  await using test = await TestJobd.open({
    handlers: [push],
    worker: { backoff: { baseMs: 1, maxMs: 1, jitter: "none" } },
  });
  const { jobd } = test;
  const [a] = await jobd.enqueueMany(at("a", 1, 2).map((payload) => ({ job: push, payload })));
  await jobd.enqueue(push, { host: "b", value: 3 });
  const groups = await Array.fromAsync(jobd.groups.list());
  assert.deepEqual(groups.map(({ key, jobs, size, open }) => [key, jobs, size, open]), [
    ["a", 2, 3, true],
    ["b", 1, 3, true],
  ]);
  assert.equal(groups[0]?.dueAt, jobd.now() + 10_000);
  assert.equal(await jobd.groups.run(groups[0]?.id ?? ""), 1);
  await test.drain();
  assert.deepEqual(calls, [[1, 2]]);
  assert.equal((await jobd.groups.cancel({ key: "b", type: "metrics.push" })).succeeded.length, 1);
  await test.drain({ withScheduled: true });
  assert.equal((await jobd.jobs.get(a?.id ?? "")).state, "dead");
  const before = calls.length;
  assert.equal((await jobd.groups.retry({ key: "a" })).succeeded.length, 2);
  await test.drain();
  assert.deepEqual(calls.slice(before), [[1, 2]]);
  assert.equal((await jobd.groups.jobs({ key: "a" })).length, 2);
  assert.equal(await jobd.groups.run({ key: "nobody" }), 0);
  await assert.rejects(jobd.groups.run("99"), { code: "not_found" });
  await assert.rejects(jobd.groups.run("a"), { code: "invalid_request" });
});

Deno.test("inline, a group runs when it is full; those that are not full wait for a drain", async () => {
  const { push, calls } = pushing();
  await using test = await TestJobd.open({ handlers: [push], mode: "inline" });
  for (const payload of at("a", 1, 2, 3, 4)) await test.jobd.enqueue(push, payload);
  assert.deepEqual(calls, [[1, 2, 3]]);
  await test.drain({ withScheduled: true });
  assert.deepEqual(calls, [[1, 2, 3], [4]]);
});

Deno.test("what cannot be is refused with words that say why", async () => {
  const { push } = pushing();
  await using test = await TestJobd.open();
  const refused = async (request: object, message: RegExp): Promise<void> => {
    await assert.rejects(test.jobd.enqueue({ type: "x", ...request }), { code: "invalid_request", message });
  };
  await refused({ group: "" }, /group key/);
  await refused({ group: 7 }, /group/);
  await refused({ group: { key: "a", size: 0 } }, /group size: 0 is not an integer from 1 to 1000/);
  await refused({ group: { key: "a", silence: 0 } }, /group silence/);
  await refused({ group: { key: "a", speed: 1 } }, /Unknown field "speed" of group/);
  await refused({ group: "a", delay: "1m" }, /both a group and delay/);
  await refused({ group: "a", after: "0190b5c0-0000-7000-8000-000000000000" }, /both a group and after/);
  const define = (more: object) => () => defineJob({ type: "x", runGroup: () => {}, ...more });
  assert.throws(define({ run: () => {} }), { code: "invalid_request", message: /both run and runGroup/ });
  assert.throws(define({ isolate: true }), { code: "invalid_request", message: /process of its own/ });
  assert.throws(define({ group: { key: "a", size: 1001 } }), { code: "invalid_request" });
  assert.ok(push.runs);
});
