import assert from "node:assert/strict";
import { type Handler, type Job, JobdError, type RunContext } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";

/** Runs one job to its end. */
async function ended(run: Handler["run"]): Promise<Job> {
  await using test = await TestJobd.open({ handlers: { test: run } });
  const job = await test.jobd.enqueue({ type: "test" });
  await test.drain({ withScheduled: true });
  return await job.job();
}

Deno.test("a checkpoint is there for the next attempt, and for the one that made it", async () => {
  const seen: unknown[] = [];
  const job = await ended(async ({ attempt }, { checkpoint }) => {
    seen.push(await checkpoint());
    await checkpoint({ attempt });
    seen.push(await checkpoint());
    if (attempt < 3) throw new Error("again");
    return "done";
  });
  assert.equal(job.state, "completed");
  assert.deepEqual(seen, [undefined, { attempt: 1 }, { attempt: 1 }, { attempt: 2 }, { attempt: 2 }, {
    attempt: 3,
  }]);
});

Deno.test("a step is done once, whatever it gives and however often the job fails after it", async () => {
  const done: string[] = [];
  const job = await ended(async ({ attempt }, { step }) => {
    const a = await step("a", () => done.push("a"));
    const b = await step("b", () => Promise.resolve(void done.push("b")));
    if (attempt === 1) await step("c", () => Promise.reject(new Error("not yet")));
    return [a, b ?? null, await step("c", () => ({ attempt }))];
  });
  assert.deepEqual(done, ["a", "b"]);
  assert.deepEqual(job.result, [1, null, { attempt: 2 }]);
});

Deno.test("what cannot be kept is refused", async () => {
  const job = await ended(async (_, { checkpoint, step }) => {
    await assert.rejects(step("", () => 1), refused("invalid_request"));
    await assert.rejects(step("big", () => 1n), refused("invalid_request"));
    await assert.rejects(checkpoint(undefined as never), refused("invalid_request"));
    return await checkpoint() ?? "nothing";
  });
  assert.equal(job.result, "nothing");
});

Deno.test("an attempt that is over can keep nothing", async () => {
  const contexts: RunContext[] = [];
  await using test = await TestJobd.open({
    handlers: { test: (_, context) => void contexts.push(context) },
    mode: "inline",
  });
  await test.jobd.enqueue({ type: "test" });
  const [late] = contexts;
  assert.ok(late !== undefined);
  await assert.rejects(late.checkpoint(1), refused("conflict"));
  await assert.rejects(late.step("a", () => 1), refused("conflict"));
});

function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof JobdError && error.code === code;
}
