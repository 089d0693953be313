import assert from "node:assert/strict";
import { defineJob, type Json, type Parent } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";
import { working } from "../support/working.ts";

const fails = defineJob({
  type: "fails",
  maxAttempts: 1,
  run: () => {
    throw new Error("not today");
  },
});

Deno.test("a job after others starts when they have completed and reads what they gave", async () => {
  const order: string[] = [];
  const part = defineJob<number>({
    type: "part",
    run: ({ payload }) => {
      order.push(`part ${payload}`);
      return payload * 10;
    },
  });
  const sum = defineJob<null>({
    type: "sum",
    run: async (_job, { parents }) => {
      order.push("sum");
      return (await parents()).reduce((total, { result }) => total + Number(result), 0);
    },
  });
  await using here = await working([part, sum]);
  const { jobd } = here;
  const parts = [await jobd.enqueue(part, 1, { delay: "1m" }), await jobd.enqueue(part, 2, { delay: "2m" })];
  const total = await jobd.enqueue(sum, null, { after: parts });
  assert.equal(total.state, "blocked");
  assert.equal(await here.until(total.result()), 30);
  assert.deepEqual(order, ["part 1", "part 2", "sum"]);
});

Deno.test("when a parent fails those who wait for it are cancelled at once, down the line", async () => {
  const never = defineJob<null>({ type: "never", run: () => {} });
  const anyway = defineJob<null>({
    type: "anyway",
    run: async (_job, { parents }) => (await parents()).map(({ state }) => state) as Json,
  });
  await using here = await working([fails, never, anyway]);
  const { jobd } = here;
  const parent = await jobd.enqueue(fails, null, { delay: "1m" });
  const child = await jobd.enqueue(never, null, { after: parent });
  const grandchild = await jobd.enqueue(never, null, { after: child });
  const cleanUp = await jobd.enqueue(anyway, null, { after: { jobs: grandchild, onFailure: "run" } });
  const cancelled = assert.rejects(grandchild.result(), {
    code: "job_failed",
    message: /cancelled.*waited for/,
  });
  const result = cleanUp.result();
  await here.test.clock.advance(120_000);
  await cancelled;
  assert.deepEqual(await result, ["cancelled"]);
});

Deno.test("a flow made by a handler: follow-ups that wait for each other", async () => {
  const seen: string[] = [];
  const step = defineJob<string>({ type: "step", run: ({ payload }) => void seen.push(payload) });
  const plan = defineJob<null>({
    type: "plan",
    run: async (_job, { enqueue }) => {
      const first = await enqueue(step, "first");
      const second = await enqueue(step, "second", { after: first });
      await enqueue(step, "third", { after: [first, second] });
    },
  });
  await using here = await working([plan, step]);
  await here.jobd.enqueue(plan, null);
  await here.test.clock.advance(5_000);
  assert.deepEqual(seen, ["first", "second", "third"]);
});

Deno.test("what others wait for must exist, and calls that are refused take no others with them", async () => {
  const step = defineJob<null>({ type: "step", run: () => {} });
  await using here = await working([step]);
  const { jobd } = here;
  const missing = "019b76da-a801-7000-8000-000000000001";
  const [good, bad] = await Promise.allSettled([
    jobd.enqueue(step, null),
    jobd.enqueue(step, null, { after: missing }),
  ]);
  assert.equal(good.status, "fulfilled");
  assert.equal(bad.status, "rejected");
  assert.match(String((bad as PromiseRejectedResult).reason), new RegExp(missing));
  const wrong: [unknown, RegExp][] = [
    ["x", /after: "x" is not a job, or its id/],
    [[], /0 jobs/],
    [{ jobs: missing, any: 1 }, /after\.any/],
    [{ jobs: missing, onFailure: "explode" }, /cancel, run, hold/],
    [{ jobs: missing, other: 1 }, /Unknown field "other"/],
  ];
  for (const [after, message] of wrong) {
    await assert.rejects(jobd.enqueue({ type: "step", after: after as string }), {
      code: "invalid_request",
      message,
    });
  }
});

Deno.test("ends that nobody has told of, because a process died at that moment, are told of by the next worker", async () => {
  const step = defineJob<null>({ type: "step", run: () => {} });
  const test = await TestJobd.open({ handlers: [step] });
  await using _ = { [Symbol.asyncDispose]: () => test.close() };
  const { jobd, clock } = test;
  const parent = await jobd.enqueue(step, null);
  const child = await jobd.enqueue(step, null, { after: parent });
  await jobd.jobs.act("cancel", [parent.id]);
  const other = await jobd.enqueue(step, null, { after: { jobs: child, onFailure: "run" } });
  await test.startWorker();
  await clock.until(other.result());
  assert.equal((await jobd.jobs.get(child.id)).state, "cancelled");
});

Deno.test("parents that have been removed are left out", async () => {
  const seen: Parent[][] = [];
  const step = defineJob<null>({
    type: "step",
    run: async (_job, { parents }) => void seen.push(await parents()),
  });
  await using here = await working([step]);
  const { jobd } = here;
  const [a, b] = [await jobd.enqueue(step, null), await jobd.enqueue(step, null)];
  await here.until(Promise.all([a.result(), b.result()]));
  const later = await jobd.enqueue(step, null, { after: [a, b], delay: "1h" });
  await jobd.jobs.act("delete", [a.id]);
  await here.until(later.result());
  assert.deepEqual(seen.map((list) => list.map(({ id, state }) => [id === b.id, state])), [[], [], [[
    true,
    "completed",
  ]]]);
});
