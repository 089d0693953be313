import assert from "node:assert/strict";
import { type ActionOptions, discard, JobdError, type RetryOptions } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";

const code = (wanted: string) => (error: unknown) => error instanceof JobdError && error.code === wanted;

/** A store with so many dead letters of the queue `mail`. */
async function withDead(count: number) {
  const seen: unknown[] = [];
  const test = await TestJobd.open({
    handlers: {
      mail: ({ payload }: { payload: unknown }) => {
        seen.push(payload);
        return payload === null ? discard("no address") : 1;
      },
    },
  });
  const jobs = await test.jobd.enqueueMany(
    Array.from({ length: count }, () => ({ type: "mail", queue: "mail", payload: null, maxAttempts: 3 })),
  );
  await using worker = await test.startWorker();
  for (const { id } of jobs) await test.clock.until(test.jobd.jobs.wait(id));
  await worker.stop();
  return { test, ids: jobs.map(({ id }) => id), seen };
}

Deno.test("a dead letter runs again with another payload, and completes", async () => {
  const { test, ids: [id = ""], seen } = await withDead(1);
  await using _test = test;
  const { jobd } = test;
  await jobd.dead.retry(id, { update: { payload: { to: "a" }, priority: 5 } });
  const { state, failures, attempt, error, priority } = await jobd.jobs.get(id);
  assert.deepEqual({ state, failures, attempt, error, priority }, {
    state: "available",
    failures: 0,
    attempt: 1,
    error: null,
    priority: 5,
  });
  await using _worker = await test.startWorker();
  assert.equal((await test.clock.until(jobd.jobs.wait(id))).state, "completed");
  assert.deepEqual(seen, [null, { to: "a" }]);
  assert.equal((await jobd.executions.of(id)).length, 2);
});

Deno.test("dead letters go to another queue: by ids, by filter and by group", async () => {
  const { test, ids } = await withDead(4);
  await using _test = test;
  const { jobd } = test;
  const { items: [group] } = await jobd.dead.groups();
  const [one = "", two = "", three = "", four = ""] = ids;
  const update = { queue: "slow" };
  assert.deepEqual((await jobd.dead.retry([one], { update })).succeeded, [one]);
  const left = await jobd.dead.retry({ group: group?.key ?? "" }, { update });
  assert.deepEqual(new Set(left.succeeded), new Set([two, three, four]));
  for (const id of ids) assert.equal((await jobd.jobs.get(id)).queue, "slow");
  await using worker = await test.startWorker();
  for (const id of ids) await test.clock.until(jobd.jobs.wait(id));
  await worker.stop();
  const back = await jobd.dead.retry({ queue: "slow" }, { update: { queue: "mail", delay: "1h" } });
  assert.equal(back.succeeded.length, 4);
  const { state, queue } = await jobd.jobs.get(one);
  assert.deepEqual([state, queue], ["scheduled", "mail"]);
});

Deno.test("any job that has ended runs again with something new, and one that waits for its retry", async () => {
  await using test = await TestJobd.open({
    handlers: {
      ok: () => 1,
      bad: () => {
        throw new Error("once more");
      },
    },
  });
  const { jobd } = test;
  const [ok, bad] = await jobd.enqueueMany([{ type: "ok" }, { type: "bad" }]);
  assert.ok(ok && bad);
  await using worker = await test.startWorker();
  await test.clock.until(jobd.jobs.wait(ok.id));
  await test.clock.advance("1s");
  assert.equal((await jobd.jobs.get(bad.id)).failures, 1);
  await worker.stop();
  await jobd.jobs.retry(ok.id, { update: { payload: 2 } });
  assert.deepEqual([(await jobd.jobs.get(ok.id)).state, (await jobd.jobs.get(ok.id)).payload], [
    "available",
    2,
  ]);
  await jobd.jobs.retry(bad.id, { update: { maxAttempts: 20 } });
  const { state, maxAttempts } = await jobd.jobs.get(bad.id);
  assert.deepEqual([state, maxAttempts], ["available", 20]);
});

Deno.test("an update that is wrong changes nothing, and a delete takes none", async () => {
  const { test, ids: [id = ""] } = await withDead(1);
  await using _test = test;
  const { jobd } = test;
  const before = await jobd.jobs.get(id);
  for (const update of [{}, { priority: 1e9 }, { typo: 1 } as object]) {
    await assert.rejects(jobd.dead.retry(id, { update }), code("invalid_request"));
    await assert.rejects(jobd.dead.retry({ type: "mail" }, { update }), code("invalid_request"));
  }
  assert.deepEqual(await jobd.jobs.get(id), before);
  const options: RetryOptions = { update: { priority: 1 } };
  assert.deepEqual((await jobd.dead.delete({ type: "mail" }, options as ActionOptions)).succeeded, [id]);
  await assert.rejects(jobd.jobs.get(id), code("not_found"));
});

Deno.test("a job that is no dead letter any more is not retried by a filter that has met it as one", async () => {
  const { test, ids } = await withDead(1);
  await using _test = test;
  const report = await test.jobd.jobs.actAll("retry", { type: "mail" }, { only: "expired" });
  assert.deepEqual(report.failed.map(({ id, reason }) => [id, reason]), [[
    ids[0],
    "it is dead, not expired",
  ]]);
});
