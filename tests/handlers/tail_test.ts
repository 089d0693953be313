import assert from "node:assert/strict";
import fc from "fast-check";
import { Tail } from "../../src/runtime/handlers/tail.ts";

Deno.test("Tail keeps the end, in whatever pieces the text comes", () => {
  const pieces = fc.array(
    fc.oneof(fc.string(), fc.integer({ min: 0, max: 9_000 }).map((n) => "x".repeat(n))),
  );
  fc.assert(fc.property(pieces, fc.integer({ min: 1, max: 20_000 }), (texts, max) => {
    const tail = new Tail(max);
    for (const text of texts) tail.push(text);
    assert.equal(tail.text, texts.join("").slice(-max));
  }));
});
