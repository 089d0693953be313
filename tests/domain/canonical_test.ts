import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson, parseFields, payloadHash } from "../../src/domain/canonical.ts";
import type { Json } from "../../src/domain/json.ts";
import { sha256 } from "../../src/domain/sha256.ts";

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);

/** The same data with the keys of all objects in another order. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, item]) => [key, reversed(item)]));
}

Deno.test("SHA-256 is that of the platform, for any text", async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (text) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    assert.equal(sha256(text), hex);
  }));
});

Deno.test("canonical JSON does not depend on the order of keys and means the same data", () => {
  fc.assert(fc.property(json, (value) => {
    assert.equal(canonicalJson(reversed(value)), canonicalJson(value));
    assert.deepEqual(JSON.parse(canonicalJson(value)), value);
  }));
});

Deno.test("payloads have the same hash exactly when they are the same data", () => {
  fc.assert(fc.property(json, json, (a, b) => {
    const same = canonicalJson(a) === canonicalJson(b);
    assert.equal(payloadHash(a) === payloadHash(b), same);
    assert.equal(payloadHash({ x: { y: a } }, ["x.y"]) === payloadHash({ x: { y: b }, z: 1 }, ["x.y"]), same);
  }));
});

Deno.test("values of different types, nested ones too, have different hashes", () => {
  const values: Json[] = [1, "1", true, "true", null, "null", 0, "", [], {}, [1], ["1"], [[1]], { a: 1 }, {
    a: "1",
  }];
  const hashes = values.map((value) => payloadHash({ f: value }, ["f"]));
  assert.equal(new Set([...hashes, payloadHash({}, ["f"])]).size, values.length + 1);
  assert.notEqual(payloadHash({ a: 1 }, ["a", "b"]), payloadHash({ b: 1 }, ["a", "b"]));
  assert.notEqual(payloadHash({ fields: [["a", 1]] }), payloadHash({ a: 1 }, ["a"]));
});

Deno.test("a place goes through objects and lists, and only through data", () => {
  const payload = { a: [{ b: 1 }, "text"], "": 0 };
  const missing = payloadHash(payload, ["none"]).length;
  assert.equal(missing, 64);
  assert.equal(payloadHash(payload, ["a.0.b"]), payloadHash({ a: [{ b: 1 }] }, ["a.0.b"]));
  for (const place of ["a.length", "a.1.length", "toString", "a.00x", "a.-1", "a.2"]) {
    assert.equal(payloadHash(payload, [place]), payloadHash({}, [place]), place);
  }
});

Deno.test("fields are told once and in any order", () => {
  assert.deepEqual(parseFields(["b", "a.c", "b"]), ["a.c", "b"]);
  for (const wrong of [[], "a", [""], ["a..b"], [".a"], [1], Array(33).fill("a"), ["\ud800"]]) {
    assert.throws(() => parseFields(wrong), /^JobdError: Invalid unique fields: /);
  }
});
