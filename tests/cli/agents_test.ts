import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

Deno.test("what an agent's job enqueues in its shell comes from that agent, within its limits", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const first = await jobd.forAgent({ client: "bot/1", tool: "plan" }, { maxDepth: 2, maxJobs: 2 }).enqueue(
    {},
  );
  const inside = (id: string) => ({ env: { JOBD_ATTEMPT: `${id}:1` } });
  const ran = await world.run(["enqueue", "a"], inside(first.id));
  assert.equal(ran.exitCode, 0, ran.stderr);
  const second = await jobd.jobs.get(ran.stdout.trim());
  assert.deepEqual(second.options, {
    origin: "agent:bot/1",
    agent: {
      client: "bot/1",
      tool: "jobd",
      depth: 2,
      maxDepth: 2,
      maxJobs: 2,
      parent: first.id,
      root: first.id,
    },
  });
  const refused = await world.run(["enqueue", "a"], inside(second.id));
  assert.equal(refused.exitCode, 4);
  assert.match(refused.stderr, /2 generations deep/);
  const many = ["a", "b", "c"].map((type) => JSON.stringify({ type })).join("\n");
  const bulk = await world.run(["enqueue", "--bulk", "--payload", "-"], { ...inside(first.id), stdin: many });
  assert.equal(bulk.exitCode, 4);
  assert.match(bulk.stderr, /may enqueue 2 jobs/);
  const shown = await world.run(["job", "show", second.id]);
  assert.match(shown.stdout, new RegExp(`from agent bot/1 in job ${first.id}, generation 2`));
});

Deno.test("what a job of no agent enqueues in its shell, or one of another store, is nobody's agent's", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const { id } = await jobd.enqueue({});
  for (const mark of [`${id}:1`, `${crypto.randomUUID()}:1`, "odd", ""]) {
    const ran = await world.run(["enqueue", "a"], { env: { JOBD_ATTEMPT: mark } });
    assert.deepEqual((await jobd.jobs.get(ran.stdout.trim())).options, {}, mark);
  }
});
