import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkJson,
  type JsonLimits,
  parseJson,
  PAYLOAD_LIMITS,
  storableText,
} from "../../src/domain/json.ts";
import { storableResult } from "../../src/domain/result.ts";

const LIMITS: JsonLimits = { maxBytes: 1_000, maxDepth: 5, maxItems: 10 };

function nested(depth: number): unknown {
  return depth === 0 ? 1 : depth % 2 === 0 ? [nested(depth - 1)] : { a: nested(depth - 1) };
}

function refused(value: unknown, message: RegExp, limits = LIMITS): void {
  assert.throws(() => checkJson("payload", value, limits), { code: "invalid_request", message });
}

Deno.test("limits hold at n - 1, n and n + 1", () => {
  for (const depth of [4, 5]) checkJson("payload", nested(depth), LIMITS);
  refused(nested(6), /nested deeper than 5 levels$/);

  for (const items of [9, 10]) checkJson("payload", Array(items).fill(0), LIMITS);
  refused(Array(11).fill(0), /more than 10 keys and items$/);
  checkJson("payload", { a: [1, 2, 3], b: { c: 1, d: [1, 2, 3] } }, LIMITS);
  refused({ a: [1, 2, 3], b: { c: 1, d: [1, 2, 3, 4] } }, /more than 10 keys and items$/);

  for (const length of [997, 998]) {
    assert.equal(checkJson("payload", "x".repeat(length), LIMITS).length, length + 2);
  }
  refused("x".repeat(999), /^Invalid payload: 1001 bytes are more than the 1000 allowed$/);
  checkJson("payload", "ä".repeat(499), LIMITS);
  refused("ä".repeat(500), /1002 bytes/);
});

Deno.test("the limits of a payload: 256 KiB, 64 levels, 10,000 items", () => {
  checkJson("payload", "x".repeat(256 * 1024 - 2), PAYLOAD_LIMITS);
  refused("x".repeat(256 * 1024 - 1), /bytes are more/, PAYLOAD_LIMITS);
  checkJson("payload", nested(64), PAYLOAD_LIMITS);
  refused(nested(65), /deeper than 64/, PAYLOAD_LIMITS);
  checkJson("payload", Array(10_000).fill(0), PAYLOAD_LIMITS);
  refused(Array(10_001).fill(0), /more than 10000/, PAYLOAD_LIMITS);
});

Deno.test("integers are kept exactly or refused", () => {
  for (const value of [0, -0, 2 ** 53 - 1, -(2 ** 53) + 1, 0.1, 1e-300, 1e300]) {
    checkJson("payload", value, LIMITS);
  }
  for (const value of [2 ** 53, -(2 ** 53), 1e20]) refused({ n: value }, /at "n": .* is beyond 2\^53/);
  for (const value of [NaN, Infinity, -Infinity]) refused([value], /at "\[0\]": .* is not a JSON number/);
});

Deno.test("what a store cannot keep is refused with its place", () => {
  refused("a\u0000b", /\\u0000/);
  refused({ a: { b: ["x", "\u0000"] } }, /at "a\.b\[1\]": it contains the character \\u0000/);
  refused({ "a\u0000": 1 }, /\\u0000/);
  for (const text of ["\ud800", "\udc00", "x\ud83d", "\ude00\ud83d"]) {
    refused([text], /half of a surrogate pair/);
    refused({ [text]: 1 }, /half of a surrogate pair/);
  }
  checkJson("payload", ["😀", "\u0001", "\ufffd"], LIMITS);
  refused(JSON.parse('{"a":{"__proto__":{"x":1}}}'), /at "a": the key "__proto__" is not allowed/);
});

Deno.test("what is no data is refused", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  refused(cycle, /nested deeper/);
  refused(undefined, /a undefined is not JSON/);
  refused({ a: undefined }, /a undefined is not JSON/);
  refused(() => 1, /a function is not JSON/);
  refused({ toJSON: () => 1 }, /a function is not JSON/);
  refused(5n, /a bigint is not JSON/);
  refused(Symbol("x"), /a symbol is not JSON/);
  for (const value of [new Date(), new Map(), new Uint8Array(1), /x/, Promise.resolve()]) {
    refused([value], /is not plain data/);
  }
  checkJson("payload", Object.assign(Object.create(null), { a: 1 }), LIMITS);
});

Deno.test("whatever is accepted survives its text exactly", () => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
    let text: string;
    try {
      text = checkJson("payload", value, PAYLOAD_LIMITS);
    } catch {
      return;
    }
    assert.equal(text, JSON.stringify(value));
    // -0 is the one value whose text is another's.
    assert.deepEqual(parseJson("payload", text), JSON.parse(JSON.stringify(value)));
  }));
});

Deno.test("JSON text: duplicate keys are refused, wherever and however written", () => {
  const bad = [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,"b":{"c":[{"d":1,"d":2}]}}',
    '{"":1,"":2}',
    `{"a":1,"a"${" ".repeat(200)}:2}`,
    '{"a\\"":1,"a\\"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"x":["a:","a"],"x":1}',
  ];
  for (const text of bad) {
    assert.throws(() => parseJson("payload", text), {
      code: "invalid_request",
      message: /appears twice in one object$/,
    }, text);
  }
  const good = [
    '{"a":{"a":1},"b":["a","a","a"]}',
    '["a","a"]',
    '{"a":"a","b":"a:"}',
    '[{"a":1},{"a":2}]',
    '{"a":"\\"b\\":1","b":1}',
  ];
  for (const text of good) assert.deepEqual(parseJson("payload", text), JSON.parse(text));
});

Deno.test("JSON text: integers that lose digits are refused", () => {
  for (const text of ["9007199254740993", "[-9007199254740992]", '{"n":123456789012345678901234567890}']) {
    assert.throws(
      () => parseJson("payload", text),
      { code: "invalid_request", message: /would lose digits/ },
      text,
    );
  }
  for (
    const text of [
      "9007199254740991",
      "1e300",
      '"9007199254740993"',
      "0.12345678901234567890",
      '{"9007199254740993":1}',
    ]
  ) {
    assert.deepEqual(parseJson("payload", text), JSON.parse(text));
  }
});

Deno.test("JSON text: what is malformed is refused in the parser's words, with a hint", () => {
  for (const text of ["", "{", "{'a':1}", "[1,]", "nul", '"\\x"', "1 2", `"${'\\"'.repeat(100_000)}`]) {
    assert.throws(() => parseJson("payload", text), {
      code: "invalid_request",
      message: /^Invalid payload: /,
    });
  }
  assert.throws(() => parseJson("payload", "{"), { hint: /quotes/ });
});

Deno.test("any JSON text without duplicates is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: "binary" }), fc.constantFrom(undefined, 2, "\t"), (text, indent) => {
      const value: unknown = JSON.parse(text);
      if (/\d{16}/.test(text)) return;
      assert.deepEqual(parseJson("payload", JSON.stringify(value, null, indent)), value);
    }),
  );
});

Deno.test("printed text is made storable and cut in the middle", () => {
  assert.equal(storableText("a\u0000b\ud800c", 100), "a\ufffdb\ufffdc");
  assert.equal(storableText("abcdef", 6), "abcdef");
  assert.equal(storableText("abcdefg", 6), "abc\n[... 1 characters left out ...]\nefg");
  const cut = storableText("😀".repeat(100), 7);
  assert.ok(cut.isWellFormed());
});

Deno.test("a result is kept as JSON, or replaced by the reason", () => {
  assert.equal(storableResult(undefined), null);
  assert.deepEqual(storableResult({ a: [1, "x\u0000", undefined], b: undefined }), {
    a: [1, "x\ufffd", null],
  });
  assert.deepEqual(storableResult(new Date(0)), "1970-01-01T00:00:00.000Z");
  const cycle: { self?: unknown } = Object.create(null);
  cycle.self = cycle;
  const hostile = {
    toString(): string {
      throw new Error("no");
    },
    toJSON(): never {
      throw new Error("no");
    },
  };
  for (const value of [cycle, 5n, hostile, "x".repeat(2 ** 20), Array(100_001).fill(0), nested(65)]) {
    const kept = storableResult(value) as { $omitted: string; preview: string };
    assert.ok(kept.$omitted !== "" && kept.preview.length <= 2_100);
  }
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), (value) => {
      const kept = storableResult(value);
      assert.deepEqual(JSON.parse(JSON.stringify(kept)), kept);
    }),
  );
});
