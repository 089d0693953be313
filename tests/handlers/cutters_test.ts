import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedText, type Cutter } from "../../src/runtime/handlers/agent/bounded_text.ts";
import { Lines } from "../../src/runtime/handlers/agent/lines.ts";
import { Objects } from "../../src/runtime/handlers/agent/objects.ts";

const WIDE = { whole: 1_000_000, beginning: 10 };

/** All that a cutter gives of a text that comes in pieces of this length. */
function cut(cutter: Cutter, text: string, length: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += length) {
    cutter.push(text.slice(at, at + length), (part) => {
      assert.equal(part.omitted, 0);
      parts.push(part.text);
    });
  }
  return [...parts, cutter.rest().text];
}

Deno.test("BoundedText is whole up to its bound, and a beginning beyond", () => {
  const text = new BoundedText({ whole: 10, beginning: 4 });
  for (const piece of ["abc", "", "defghi", "j"]) text.add(piece);
  assert.deepEqual(text.take(), { text: "abcdefghij", omitted: 0 });
  for (const piece of ["abc", "defghi", "jk"]) text.add(piece);
  assert.deepEqual(text.take(), { text: "abcd", omitted: 7 });
  for (let index = 0; index < 1_000; index++) text.add("0123456789ab");
  assert.deepEqual(text.take(), { text: "0123", omitted: 11_996 });
  text.add("again");
  assert.deepEqual(text.take(), { text: "again", omitted: 0 });
  assert.deepEqual(text.take(), { text: "", omitted: 0 });
});

Deno.test("Lines cuts at line ends, however the text comes", () => {
  fc.assert(fc.property(
    fc.string({ unit: fc.constantFrom("a", "\n", "\u00e4", "{") }),
    fc.integer({ min: 1, max: 9 }),
    (text, length) => assert.deepEqual(cut(new Lines(WIDE), text, length), text.split("\n")),
  ));
});

Deno.test("Lines goes on after a line that is too long", () => {
  const lines = new Lines({ whole: 5, beginning: 2 });
  const seen: unknown[] = [];
  for (const piece of ["12345\n123", "456\nok", "\n", "1234567"]) {
    lines.push(piece, (line) => seen.push(line));
  }
  assert.deepEqual([...seen, lines.rest()], [
    { text: "12345", omitted: 0 },
    { text: "12", omitted: 4 },
    { text: "ok", omitted: 0 },
    { text: "12", omitted: 5 },
  ]);
});

Deno.test("Objects gives the items of a list, or the one object, however the text comes", () => {
  const items = fc.array(fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(fc.property(items, fc.integer({ min: 1, max: 40 }), fc.boolean(), (list, length, indented) => {
    const texts = list.map((item) => JSON.stringify(item, null, indented ? 2 : 0));
    const rest = [...texts, ""];
    assert.deepEqual(cut(new Objects(WIDE), `[${texts.join(",\n")}]\n`, length), rest);
    if (list.length === 1) assert.deepEqual(cut(new Objects(WIDE), texts.join(""), length), rest);
  }));
});

Deno.test("Objects gives what is no object too, and what is unfinished", () => {
  const text = 'it\'s "loading\n[{"a":"}\\"{"},{"b":[{}]}] said\n{"c":';
  assert.deepEqual(cut(new Objects(WIDE), text, 7), [
    "it's \"loading\n[",
    '{"a":"}\\"{"}',
    '{"b":[{}]}',
    "] said\n",
    '{"c":',
  ]);
});

Deno.test("Objects goes on after an object that is too long", () => {
  const objects = new Objects({ whole: 9, beginning: 3 });
  const seen: unknown[] = [];
  for (const piece of ['[{"a":1},{"a":', '"xxxxx{"},', '{"b":2}]']) {
    objects.push(piece, (part) => seen.push(part));
  }
  assert.deepEqual([...seen, objects.rest()], [
    { text: '{"a":1}', omitted: 0 },
    { text: '{"a', omitted: 11 },
    { text: '{"b":2}', omitted: 0 },
    { text: "", omitted: 0 },
  ]);
});
