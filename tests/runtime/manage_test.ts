import assert from "node:assert/strict";
import type { Jobd } from "../../src/mod.ts";
import { TestJobd, untilStopped } from "../../src/testing/mod.ts";

async function make(jobd: Jobd, count: number, request: object = {}): Promise<string[]> {
  const made = await jobd.enqueueMany(Array.from({ length: count }, () => ({ type: "slow", ...request })));
  return made.map(({ id }) => id);
}

const states = async (jobd: Jobd, ids: string[]): Promise<string[]> =>
  await Promise.all(ids.map(async (id) => (await jobd.jobs.get(id)).state));

Deno.test("running jobs are cancelled one by one, by list and by filter, and stop", async () => {
  await using test = await TestJobd.open({ handlers: { slow: (_, context) => untilStopped(context) } });
  const { jobd, clock } = test;
  await using _worker = await test.startWorker();
  const ids = await make(jobd, 6);
  const [one = "", two = "", three = ""] = ids;
  await clock.advance("5s");
  assert.deepEqual(new Set(await states(jobd, ids)), new Set(["running"]));
  await jobd.jobs.cancel(one);
  assert.deepEqual((await jobd.jobs.cancel([two, three])).succeeded, [two, three]);
  const report = await jobd.jobs.cancel({ state: "running", type: "slow" });
  assert.deepEqual(
    [report.succeeded.sort(), report.failed],
    [ids.toSorted(), []],
    "also who was told already",
  );
  await clock.advance("5s");
  assert.deepEqual(new Set(await states(jobd, ids)), new Set(["cancelled"]));
});

Deno.test("jobs run now, are retried and deleted by their state", async () => {
  await using test = await TestJobd.open({
    handlers: { slow: () => 1, bad: () => Promise.reject(new Error("no")) },
  });
  const { jobd } = test;
  const delayed = await make(jobd, 3, { delay: "1h" });
  const [waiting = ""] = await make(jobd, 1);
  assert.deepEqual((await jobd.jobs.run({ state: "scheduled" })).succeeded.sort(), delayed.toSorted());
  assert.deepEqual(await states(jobd, delayed), ["available", "available", "available"]);
  assert.deepEqual((await jobd.jobs.run([waiting])).succeeded, [waiting]);
  await make(jobd, 1, { type: "bad", maxAttempts: 1 });
  assert.deepEqual((await test.drain()).completed, 4);
  const retried = await jobd.jobs.retry({ state: ["dead", "completed"], type: "bad" });
  assert.equal(retried.succeeded.length, 1);
  assert.equal((await jobd.jobs.delete({ state: "completed" })).succeeded.length, 4);
  assert.deepEqual((await Array.fromAsync(jobd.jobs.list())).map(({ type, state }) => [type, state]), [[
    "bad",
    "available",
  ]]);
});

Deno.test("running jobs are neither deleted, archived nor run: cancel them first", async () => {
  await using test = await TestJobd.open({ handlers: { slow: (_, context) => untilStopped(context) } });
  const { jobd, clock } = test;
  await using _worker = await test.startWorker();
  const ids = await make(jobd, 2);
  await clock.advance("5s");
  for (const action of ["delete", "archive", "run"] as const) {
    for (const selection of [ids, { state: "running" as const }]) {
      const { succeeded, failed } = await jobd.jobs[action](selection);
      assert.deepEqual([succeeded, failed.map(({ id, code }) => [id, code]).sort()], [
        [],
        ids.map((id) => [id, "conflict"]).sort(),
      ]);
      assert.ok(failed.every(({ reason }) => reason.startsWith("it is running")));
    }
  }
  assert.deepEqual(await states(jobd, ids), ["running", "running"]);
});

Deno.test("objects for several stores and namespaces live side by side, and share definitions alone", async () => {
  await using one = await TestJobd.open({ handlers: { slow: () => "one" } });
  await using two = await TestJobd.open({ handlers: { slow: () => "two" }, namespace: "tenant" });
  const [a = ""] = await make(one.jobd, 1);
  const [b = ""] = await make(two.jobd, 1, { id: crypto.randomUUID() });
  await assert.rejects(one.jobd.jobs.get(b), { code: "not_found" });
  await one.drain();
  assert.deepEqual([(await one.jobd.jobs.get(a)).result, (await two.jobd.jobs.get(b)).state], [
    "one",
    "available",
  ]);
  await two.drain();
  assert.equal((await two.jobd.jobs.get(b)).result, "two");
});
