import assert from "node:assert/strict";
import { TestJobd } from "../../src/testing/mod.ts";

Deno.test("of jobs that contest a key, those count as enqueued that became jobs", async () => {
  await using test = await TestJobd.open({ handlers: { build: () => "built" } });
  const { jobd } = test;
  const build = (payload: number, onConflict: "keep" | "replace" | "cancel") =>
    jobd.enqueue({ type: "build", payload, unique: { key: "main", onConflict } });
  const first = await build(1, "keep");
  const second = await build(2, "replace");
  const third = await build(3, "cancel");
  assert.deepEqual([second.id, third.displaced?.id], [first.id, first.id]);
  assert.deepEqual(test.enqueued().map(({ id }) => id), [first.id, third.id]);
  test.assertEnqueued({ type: "build", uniqueKey: "main", payload: 3 });
  assert.equal((await test.drain()).completed, 1);
});
