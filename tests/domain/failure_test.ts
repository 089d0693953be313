import assert from "node:assert/strict";
import fc from "fast-check";
import { failureOf, storableFailure } from "../../src/domain/failure.ts";
import { fail, transient } from "../../src/runtime/handler.ts";
import {
  addHistograms,
  bucketOf,
  bucketTop,
  HISTOGRAM_BUCKETS,
  quantile,
} from "../../src/domain/histogram.ts";

Deno.test("what was thrown is kept: code, message, stack, causes", () => {
  const inner = new TypeError("inner");
  const error = Object.assign(new Error("outer", { cause: new Error("middle", { cause: inner }) }), {
    code: "E_X",
  });
  const record = failureOf(error);
  assert.deepEqual([record.code, record.message, record.causes], ["E_X", "outer", [
    "Error: middle",
    "TypeError: inner",
  ]]);
  assert.match(record.stack ?? "", /failure_test/);
});

Deno.test("things that are no errors can be thrown too", () => {
  const table: [unknown, string][] = [
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    [{ a: 1 }, '{"a":1}'],
    [Symbol("x"), "Symbol(x)"],
    [5n, "[object BigInt]"],
  ];
  for (const [thrown, message] of table) assert.deepEqual(failureOf(thrown), { code: "error", message });
});

Deno.test("whatever is thrown becomes a record that can be stored", () => {
  const strange = Object.assign(new Error("x"), {
    message: 5,
    stack: 6,
    code: "no spaces allowed",
    cause: "\u0000",
  });
  const loop: Error & { cause?: unknown } = new Error("");
  loop.cause = loop;
  for (const thrown of [strange, loop, new Error("\ud800\u0000".repeat(9_999))]) {
    const record = failureOf(thrown);
    assert.equal(record.code, "error");
    assert.ok(record.message.length <= 4_100 && (record.causes ?? []).length <= 5);
    assert.ok(JSON.stringify(record).isWellFormed() && !JSON.stringify(record).includes("\\u0000"));
  }
  fc.assert(fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
    assert.deepEqual(JSON.parse(JSON.stringify(failureOf(thrown))), failureOf(thrown));
  }));
});

Deno.test("a handler's own record is cut to size and made storable", () => {
  const record = storableFailure({
    code: "c".repeat(100),
    message: "m\u0000",
    stack: "s\u0000",
    causes: Array(9).fill("c\u0000"),
    data: { x: "d\u0000" },
    retryInMs: 5,
  });
  assert.ok(!JSON.stringify(record).includes("\\u0000"));
  assert.equal(record.causes?.length, 5);
  assert.deepEqual([record.message, record.data, record.retryInMs], ["m\ufffd", { x: "d\ufffd" }, 5]);
  assert.deepEqual(storableFailure({ code: "a", message: "b" }), { code: "a", message: "b" });
});

Deno.test("a handler's own record keeps stack and causes of what led to it, unless it has its own", () => {
  const cause = new TypeError("no route", { cause: "cable" });
  const { outcome } = fail({ code: "bank_away", message: "later", data: { status: 503 } }, { cause });
  assert.ok(outcome.kind === "failed");
  assert.deepEqual(outcome.error, {
    code: "bank_away",
    message: "later",
    data: { status: 503 },
    stack: cause.stack,
    causes: ["TypeError: no route", "cable"],
  });
  const own = fail({ code: "a", message: "b", stack: "mine", causes: ["mine"] }, { cause }).outcome;
  assert.ok(own.kind === "failed");
  assert.deepEqual([own.error.stack, own.error.causes], ["mine", ["mine"]]);
  const text = transient("away", { cause: "cable" }).outcome;
  assert.deepEqual(text.kind === "failed" && [text.error.stack, text.error.causes], [undefined, ["cable"]]);
});

Deno.test("histograms: a duration lies below the top of its bucket and above the top of the one before", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (ms) => {
    const bucket = bucketOf(ms);
    if (bucket === HISTOGRAM_BUCKETS - 1) return;
    assert.ok(
      ms <= bucketTop(bucket) && (bucket === 0 || ms >= bucketTop(bucket - 1) - 1e-6),
      `${ms} ${bucket}`,
    );
  }));
  assert.deepEqual([bucketOf(-5), bucketOf(0), bucketOf(1e300)], [0, 0, HISTOGRAM_BUCKETS - 1]);
});

Deno.test("histograms: adding and quantiles", () => {
  assert.deepEqual(addHistograms([1, 2], [3, 0, 4]), [4, 2, 4]);
  assert.deepEqual(addHistograms([], []), []);
  assert.equal(quantile([], 0.5), null);
  assert.equal(quantile([0, 0], 0.5), null);
  assert.equal(quantile([1, 0, 0, 1], 0.5), bucketTop(0));
  assert.equal(quantile([1, 0, 0, 1], 0.51), bucketTop(3));
  assert.equal(quantile([0, 5], 1), bucketTop(1));
});
