import assert from "node:assert/strict";
import fc from "fast-check";
import { defineJob, handlerGroup, timeout } from "../../src/mod.ts";
import { queueOrder, typesElsewhere } from "../../src/runtime/queue_order.ts";
import { working } from "../support/working.ts";

Deno.test("queueOrder() keeps lists and draws weights without replacement", () => {
  assert.equal(queueOrder("all", () => 0), "all");
  assert.deepEqual(queueOrder(["b", "a"], () => 0.9), ["b", "a"]);
  assert.deepEqual(queueOrder({ high: 6, low: 1 }, () => 0), ["high", "low"]);
  assert.deepEqual(queueOrder({ high: 6, low: 1 }, () => 0.99), ["low", "high"]);
});

Deno.test("queueOrder() gives each weighted queue once, whatever chance says", () => {
  const weights = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.integer({ min: 1, max: 100 }), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (choice, random) => {
      const order = queueOrder(choice, () => random);
      assert.deepEqual([...order].sort(), Object.keys(choice).sort());
    }),
  );
});

Deno.test("typesElsewhere() names types whose usual queue is not served", () => {
  const handlers = [{ type: "mail", queue: "mails" }, { type: "any" }, { type: "report", queue: "slow" }];
  assert.deepEqual([...typesElsewhere("all", handlers)], []);
  assert.deepEqual([...typesElsewhere(["mails"], handlers)], [["report", "slow"]]);
  assert.deepEqual([...typesElsewhere({ slow: 1 }, handlers)], [["mail", "mails"]]);
});

Deno.test("a worker says which of its definitions it will not see jobs of", async () => {
  const told: unknown[] = [];
  const quiet = (): void => {};
  const log = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (message: string, fields: unknown) => told.push([message, fields]),
  };
  const mail = defineJob({ type: "mail", queue: "mails", run: () => 1 });
  const grouped = handlerGroup([mail], { middleware: [timeout("1m")] });
  await using _elsewhere = await working(grouped, { queues: ["default"], log });
  assert.deepEqual(told, [[
    "Jobs of this type go to a queue that this worker does not serve",
    { type: "mail", queue: "mails" },
  ]]);
  await using _there = await working(grouped, { queues: ["mails"], log });
  assert.equal(told.length, 1);
});
