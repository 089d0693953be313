import assert from "node:assert/strict";
import { discard, Jobd, JobdError } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

const open = (namespace?: string, driver = new MemoryDriver({ now: () => Date.now() })): Promise<Jobd> =>
  Jobd.open(driver, namespace === undefined ? {} : { namespace });

const code = (expected: string) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === expected;

Deno.test("Jobd.enqueue() stores what was asked, and answers a repeated id with the job that exists", async () => {
  await using jobd = await open();
  const id = crypto.randomUUID();
  const first = await jobd.enqueue({
    id,
    payload: { type: "email", to: "a" },
    delay: "5m",
    tags: ["x"],
    priority: "high",
  });
  assert.deepEqual({ ...first }, { id, outcome: "created", state: "scheduled" });
  const again = await jobd.enqueue({ id, payload: {} });
  assert.deepEqual({ ...again }, { id, outcome: "existing", state: "scheduled" });
  const job = await jobd.jobs.get(id);
  assert.deepEqual([job.type, job.priority, job.options.tags, job.runAt - job.createdAt], [
    "email",
    10,
    ["x"],
    300_000,
  ]);
});

Deno.test("namespaces that begin with jobd. are not for users", async () => {
  const reserved = (error: unknown): boolean =>
    error instanceof JobdError && error.code === "invalid_request" &&
    /kept for jobd itself$/.test(error.message);
  await assert.rejects(open("jobd.upkeep"), reserved);
  await using jobd = await open("jobdish");
  await assert.rejects(jobd.enqueue({ namespace: "jobd.upkeep" }), reserved);
  assert.equal((await jobd.enqueue({ namespace: "a.jobd." })).outcome, "created");
});

Deno.test("Jobd.enqueueMany() stores all or none, in order", async () => {
  await using jobd = await open();
  await assert.rejects(jobd.enqueueMany([{ type: "a" }, { type: "no good name!" }]), code("invalid_request"));
  assert.deepEqual(await Array.fromAsync(jobd.jobs.list()), []);
  const results = await jobd.enqueueMany([{ type: "a" }, { type: "b", uniqueKey: "k" }, {
    type: "b",
    uniqueKey: "k",
  }]);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["created", "created", "existing"]);
  assert.equal(results[1]?.id, results[2]?.id);
  await assert.rejects(jobd.enqueueMany(Array(10_001).fill({ type: "a" })), code("invalid_request"));
});

Deno.test("Jobs.find() takes a unique beginning or ending of an id", async () => {
  await using jobd = await open();
  const id = "0190aaaa-0000-7000-8000-0000000000f1";
  const other = "0190aaaa-0000-7000-8000-0000000000f2";
  await jobd.enqueueMany([{ id, type: "a" }, { id: other, type: "a" }]);
  assert.equal((await jobd.jobs.find("00f1")).id, id);
  assert.equal((await jobd.jobs.find(other.toUpperCase())).id, other);
  await assert.rejects(jobd.jobs.find("0190aaaa"), code("conflict"));
  await assert.rejects(jobd.jobs.find("ffff"), code("not_found"));
  await assert.rejects(jobd.jobs.find("%"), code("invalid_request"));
});

Deno.test("Jobs.actAll() acts on what matches, page by page, and reports what it could not do", async () => {
  await using jobd = await open();
  await jobd.enqueueMany(
    Array.from({ length: 450 }, (_, index) => ({ type: index % 2 ? "odd" : "even", delay: "1h" })),
  );
  let told = 0;
  const report = await jobd.jobs.actAll("cancel", { type: "odd" }, { onProgress: (done) => told = done });
  assert.deepEqual([report.succeeded.length, report.failed.length, told], [225, 0, 225]);
  const cancelled = await Array.fromAsync(jobd.jobs.list({ state: "cancelled" }));
  assert.ok(cancelled.length === 225 && cancelled.every(({ type }) => type === "odd"));
  const again = await jobd.jobs.act("run", cancelled.slice(0, 2).map(({ id }) => id));
  assert.deepEqual(again.failed.map((one) => one.code), ["conflict", "conflict"]);
  const revived = await jobd.jobs.act("retry", cancelled.slice(0, 2).map(({ id }) => id));
  assert.equal(revived.succeeded.length, 2);
});

Deno.test("Jobs of another namespace are invisible and out of reach", async () => {
  const driver = new MemoryDriver({ now: () => Date.now() });
  await using ours = await open("ours", driver);
  const theirs = await open("theirs", driver);
  const { id } = await ours.enqueue({ type: "a", queue: "q" });
  assert.deepEqual((await theirs.namespaces.list()).map(({ name, queues }) => [name, queues]), [["ours", 1]]);
  await assert.rejects(theirs.jobs.get(id), code("not_found"));
  await assert.rejects(theirs.jobs.find(id), code("not_found"));
  assert.deepEqual((await theirs.jobs.act("cancel", [id])).failed.map((one) => one.code), ["not_found"]);
  assert.deepEqual(await Array.fromAsync(theirs.jobs.list()), []);
  assert.deepEqual(await theirs.queues.list(), []);
  assert.equal((await ours.jobs.get(id)).state, "available");
});

Deno.test("Jobs.wait() gives up in time, and the job goes on", async () => {
  await using jobd = await open();
  const { id } = await jobd.enqueue({ type: "a" });
  await assert.rejects(jobd.jobs.wait(id, { timeoutMs: 30 }), code("timed_out"));
  await assert.rejects(jobd.jobs.wait(id, { signal: AbortSignal.abort() }), code("timed_out"));
  assert.equal((await jobd.jobs.get(id)).state, "available");
});

Deno.test("Queues are created, changed, paused and resumed by name", async () => {
  await using jobd = await open();
  await assert.rejects(jobd.queues.get("mail"), code("not_found"));
  await assert.rejects(jobd.queues.pause("mail"), code("not_found"));
  await jobd.queues.create("mail", { maxAttempts: 2 });
  await assert.rejects(jobd.queues.create("mail"), code("conflict"));
  assert.ok((await jobd.queues.pause("mail")).pausedAt !== null);
  const updated = await jobd.queues.update("mail", { timeoutMs: 5 });
  assert.ok(updated.pausedAt !== null);
  assert.deepEqual(updated.settings, { timeoutMs: 5 });
  assert.equal((await jobd.queues.resume("mail")).pausedAt, null);
});

Deno.test("several queues are paused and resumed together, or all of them", async () => {
  await using jobd = await open();
  const paused = async (): Promise<string[]> =>
    (await jobd.queues.list()).filter(({ pausedAt }) => pausedAt !== null).map(({ name }) => name);
  for (const name of ["a", "b", "c"]) await jobd.queues.create(name);
  assert.deepEqual(await jobd.queues.pause(["c", "x", "a", "c"]), {
    succeeded: ["c", "a"],
    failed: [{ name: "x", code: "not_found", reason: "There is no such queue" }],
  });
  assert.deepEqual(await paused(), ["a", "c"]);
  assert.deepEqual((await jobd.queues.pause("*")).succeeded, ["a", "b", "c"]);
  assert.deepEqual((await jobd.queues.resume(["b"])).succeeded, ["b"]);
  assert.deepEqual(await paused(), ["a", "c"]);
  assert.deepEqual((await jobd.queues.resume("*")).failed, []);
  assert.deepEqual(await paused(), []);
});

Deno.test("settings of a queue that cannot be are refused, with what is allowed", async () => {
  await using jobd = await open();
  const table: [object, RegExp][] = [
    [{ maxAttempts: 0 }, /queue settings maxAttempts.*0.*from 1 to 1000/],
    [{ timeoutMs: "5s" }, /timeoutMs/],
    [{ ttlMs: -1 }, /ttlMs/],
    [{ ttl: 5 }, /field of queue settings.*ttl.*ttlMs/],
    [{ retentionMs: { done: 1 } }, /retentionMs.*done.*completed/],
    [{ backoff: { baseMs: 5, maxMs: 1, jitter: "none" } }, /baseMs.*5.*maxMs/],
    [{ backoff: { baseMs: 5, maxMs: 9 } }, /jitter.*undefined.*none/],
    [{ backoff: null }, /backoff/],
  ];
  for (const [settings, message] of table) {
    await assert.rejects(jobd.queues.create("q", settings as never), (error: JobdError) => {
      assert.equal(error.code, "invalid_request");
      assert.match(error.message, message);
      return true;
    });
  }
  const settings = {
    maxAttempts: 3,
    timeoutMs: 1,
    ttlMs: 1,
    backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
    retentionMs: { dead: 0 },
  } as const;
  assert.deepEqual((await jobd.queues.create("q", settings)).settings, settings);
  await assert.rejects(jobd.queues.update("q", { maxAttempts: 1.5 }), code("invalid_request"));
});

Deno.test("the time to live of a queue holds for jobs that name none", async () => {
  await using test = await TestJobd.open({ handlers: { a: () => 1 } });
  const { jobd } = test;
  await jobd.queues.create("short", { ttlMs: 60_000 });
  const [usual, own, elsewhere] = await jobd.enqueueMany([
    { type: "a", queue: "short", delay: "2m", maxAttempts: 1 },
    { type: "a", queue: "short", delay: "2m", ttl: "1h" },
    { type: "a", delay: "2m" },
  ]);
  assert.ok(usual && own && elsewhere);
  await using _worker = await test.startWorker();
  await test.clock.advance("3m");
  const states = [usual, own, elsewhere].map(async ({ id }) => (await jobd.jobs.get(id)).state);
  assert.deepEqual(await Promise.all(states), ["expired", "completed", "completed"]);
});

Deno.test("jobs are cancelled, run, retried and deleted by id, by ids and by filter", async () => {
  await using jobd = await open();
  const make = async (type: string, count: number): Promise<string[]> =>
    (await jobd.enqueueMany(Array.from({ length: count }, () => ({ type, delay: "1h" })))).map(({ id }) =>
      id
    );
  const state = async (id: string): Promise<string> => (await jobd.jobs.get(id)).state;
  const [one = "", two = "", three = ""] = await make("a", 3);
  await jobd.jobs.run(one);
  await jobd.jobs.cancel(two);
  assert.deepEqual([await state(one), await state(two)], ["available", "cancelled"]);
  await jobd.jobs.retry(two);
  await jobd.jobs.delete(two);
  await assert.rejects(jobd.jobs.get(two), code("not_found"));
  await assert.rejects(jobd.jobs.cancel(two), code("not_found"));
  await assert.rejects(jobd.jobs.retry(one), code("conflict"));

  const report = await jobd.jobs.cancel([one, two, three]);
  assert.deepEqual([report.succeeded, report.failed.map(({ id }) => id)], [[one, three], [two]]);
  const others = await make("b", 2);
  assert.deepEqual((await jobd.jobs.cancel({ type: ["b", "c"] })).succeeded.sort(), others.sort());
  assert.equal((await jobd.jobs.delete({ state: "cancelled", type: "b" })).succeeded.length, 2);
});

Deno.test("jobs that wait are archived by id, by ids and by filter, and none twice", async () => {
  await using test = await TestJobd.open({ handlers: { slow: (_, context) => untilStopped(context) } });
  const { jobd } = test;
  const made = await jobd.enqueueMany([1, 2, 3].map(() => ({ type: "a", delay: "1h" })));
  const [one = "", two = "", three = ""] = made.map(({ id }) => id);
  await jobd.jobs.archive(one);
  await assert.rejects(jobd.jobs.archive(one), code("conflict"));
  assert.deepEqual((await jobd.dead.get(one)).error?.code, "archived");
  const report = await jobd.jobs.archive([one, two]);
  assert.deepEqual([report.succeeded, report.failed.map(({ id }) => id)], [[two], [one]]);
  assert.deepEqual((await jobd.jobs.archive({ type: "a", state: "scheduled" })).succeeded, [three]);
  await using _worker = await test.startWorker();
  const { id } = await jobd.enqueue({ type: "slow" });
  await test.clock.advance("5s");
  const running = await jobd.jobs.archive([id]);
  assert.match(running.failed[0]?.reason ?? "", /it is running: cancel it first/);
  assert.deepEqual((await jobd.dead.delete([one, two, id])).failed, [
    { id, code: "conflict", reason: "it is running, not dead" },
  ]);
  assert.deepEqual((await jobd.dead.retry([three, one])).failed.map((one) => one.code), ["not_found"]);
  assert.equal((await jobd.jobs.get(three)).state, "available");
});

Deno.test("workers and attempts are listed, and found one by one", async () => {
  await using test = await TestJobd.open({ handlers: { a: () => 1, bad: () => discard("no") } });
  const { jobd } = test;
  await using _worker = await test.startWorker({ concurrency: 3 });
  const [good, bad] = await jobd.enqueueMany([{ type: "a" }, { type: "bad" }]);
  assert.ok(good && bad);
  await test.clock.until(jobd.jobs.wait(good.id));
  await test.clock.until(jobd.jobs.wait(bad.id));
  const [worker] = await jobd.workers.list();
  assert.deepEqual([worker?.concurrency, worker?.types], [3, ["a", "bad"]]);
  assert.deepEqual(await jobd.workers.get(worker?.id ?? ""), worker);
  await assert.rejects(jobd.workers.get("nobody"), code("not_found"));
  const all = await Array.fromAsync(jobd.executions.list());
  assert.deepEqual(all.map(({ jobId, outcome }) => [jobId, outcome]), [[bad.id, "failed"], [
    good.id,
    "completed",
  ]]);
  const first = await jobd.executions.page({ limit: 1 });
  assert.equal(first.items[0]?.jobId, bad.id);
  assert.deepEqual(await jobd.executions.of(good.id), await jobd.jobs.executions(good.id));
  await assert.rejects(jobd.executions.of(crypto.randomUUID()), code("not_found"));
  const { counts, rows } = await jobd.stats();
  assert.deepEqual(counts.map(({ state, count }) => [state, count]), [["dead", 1]]);
  assert.ok(Array.isArray(rows));
});

Deno.test("a filter that says nothing, or something unknown, acts on nothing", async () => {
  await using jobd = await open();
  const { id } = await jobd.enqueue({ type: "a" });
  await assert.rejects(jobd.jobs.cancel({}), code("invalid_request"));
  await assert.rejects(jobd.jobs.cancel({ types: ["b"] } as never), code("invalid_request"));
  await assert.rejects(jobd.jobs.cancel({ state: "done" as never }), code("invalid_request"));
  await assert.rejects(Array.fromAsync(jobd.jobs.list({ kind: "b" } as never)), code("invalid_request"));
  assert.equal((await jobd.jobs.get(id)).state, "available");
});

Deno.test("Jobd.dead shows dead letters only, and acts on nothing else", async () => {
  await using test = await TestJobd.open({ handlers: { bad: () => discard("no") } });
  const { jobd } = test;
  const made = await jobd.enqueueMany([{ type: "bad", payload: 1 }, { type: "bad", queue: "q" }, {
    type: "ok",
  }]);
  const [first = "", second = "", alive = ""] = made.map(({ id }) => id);
  assert.equal((await test.drain()).dead, 2);
  assert.deepEqual(
    (await Array.fromAsync(jobd.dead.list())).map(({ id }) => id).sort(),
    [first, second].sort(),
  );
  assert.deepEqual((await jobd.dead.page({ limit: 5, queue: "q" })).items.map(({ id }) => id), [second]);
  assert.equal((await jobd.dead.get(first)).error?.message, "no");
  await assert.rejects(jobd.dead.get(alive), code("conflict"));
  await assert.rejects(jobd.dead.delete(alive), code("conflict"));
  await jobd.dead.retry(first);
  assert.equal((await jobd.jobs.get(first)).state, "available");
  await assert.rejects(jobd.dead.retry(first), code("conflict"));
  assert.deepEqual((await jobd.dead.retry({ queue: "other" })).succeeded, []);
  assert.deepEqual((await jobd.dead.purge()).succeeded, [second]);
  assert.equal((await Array.fromAsync(jobd.jobs.list())).length, 2);
});
