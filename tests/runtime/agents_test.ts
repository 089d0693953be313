import assert from "node:assert/strict";
import { Jobd } from "../../src/runtime/jobd.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";

Deno.test("jobs that an agent's job enqueues with its end come from that agent, within its limits", async () => {
  await using jobd = await Jobd.open(new MemoryDriver());
  const refusals: string[] = [];
  const worker = jobd.worker({
    handlers: [{
      type: "spawn",
      async run(_, ctx) {
        for (let n = 0; n < 4; n++) {
          await ctx.enqueue({ type: "spawn" }).catch((error: Error) => refusals.push(error.message));
        }
      },
    }],
  });
  const limits = { maxDepth: 3, maxJobs: 2 };
  const { id } = await jobd.forAgent({ client: "bot/1", tool: "plan", token: "t" }, limits).enqueue({
    type: "spawn",
  });
  await worker.start();
  // One, its two, and theirs: then it is deep enough.
  while ((await jobd.jobs.page({ state: "completed", limit: 50 })).items.length < 7) {
    await new Promise((next) => setTimeout(next, 5));
  }
  await worker.stop();
  const { items } = await jobd.jobs.page({ limit: 50 });
  assert.equal(items.length, 7);
  const depths = items.map(({ options: { agent } }) => agent?.depth).sort();
  assert.deepEqual(depths, [1, 2, 2, 3, 3, 3, 3]);
  for (const { options: { agent, origin } } of items.filter(({ options }) => options.agent?.depth !== 1)) {
    assert.deepEqual([agent?.client, agent?.tool, agent?.root, agent?.token], [
      "bot/1",
      "enqueue",
      id,
      undefined,
    ]);
    assert.equal(origin, "agent:bot/1");
  }
  assert.equal(refusals.filter((text) => /may enqueue 2 jobs/.test(text)).length, 3 * 2);
  assert.equal(refusals.filter((text) => /3 generations deep/.test(text)).length, 4 * 4);
});

Deno.test("jobs of nobody's agent enqueue what they like", async () => {
  await using jobd = await Jobd.open(new MemoryDriver());
  const worker = jobd.worker({
    handlers: [{ type: "one", run: (_, ctx) => ctx.enqueue({ type: "two" }) }, { type: "two", run() {} }],
  });
  await jobd.enqueue({ type: "one" });
  await worker.start();
  while ((await jobd.jobs.page({ type: "two", state: "completed", limit: 50 })).items.length < 1) {
    await new Promise((next) => setTimeout(next, 5));
  }
  await worker.stop();
  const { items: [two] } = await jobd.jobs.page({ type: "two", limit: 50 });
  assert.deepEqual(two?.options, {});
});

Deno.test("an agent outside of jobs enqueues without a limit", async () => {
  await using jobd = await Jobd.open(new MemoryDriver());
  const agent = jobd.forAgent({ client: "c", tool: "t" }, { maxDepth: 1, maxJobs: 1 });
  await agent.enqueueMany([{}, {}, {}]);
  assert.equal((await jobd.jobs.page({ limit: 50 })).items.length, 3);
});
