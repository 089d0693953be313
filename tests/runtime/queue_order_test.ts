import assert from "node:assert/strict";
import fc from "fast-check";
import { queueOrder } from "../../src/runtime/queue_order.ts";

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
