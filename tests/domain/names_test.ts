import assert from "node:assert/strict";
import fc from "fast-check";
import { invalid, messageOf, show } from "../../src/domain/errors.ts";
import { checkName } from "../../src/domain/names.ts";
import { parsePriority, PRIORITY_MAX, PRIORITY_MIN } from "../../src/domain/priority.ts";

Deno.test("names of queues, types and namespaces", () => {
  for (const name of ["a", "0", "_x", "email.send", "a:b/c-d", "A".repeat(127)]) {
    assert.equal(checkName("queue", name), name);
  }
  const bad = [
    "",
    ".a",
    "-a",
    "/a",
    ":a",
    "a b",
    "a\n",
    "ä",
    "a\u0000",
    "a*",
    "a".repeat(128),
    5,
    null,
    undefined,
    {},
    ["a"],
  ];
  for (const name of bad) {
    assert.throws(() => checkName("queue", name), {
      code: "invalid_request",
      message: /^Invalid queue: .*1 to 127/,
    });
  }
});

Deno.test("priorities are integers in two bytes, or names", () => {
  const good: [number | string, number][] = [
    [0, 0],
    [PRIORITY_MAX, 32_767],
    [PRIORITY_MIN, -32_767],
    ["critical", 20],
    ["high", 10],
    ["medium", 0],
    ["low", -10],
    ["7", 7],
    ["-32767", -32_767],
  ];
  for (const [value, priority] of good) assert.equal(parsePriority(value), priority);
  const bad = [
    32_768,
    -32_768,
    1.5,
    NaN,
    Infinity,
    "32768",
    "1.5",
    "",
    " 1",
    "High",
    "toString",
    "__proto__",
    "+1",
    "1e2",
    null,
    {},
  ];
  for (const value of bad) {
    assert.throws(() => parsePriority(value as string), {
      code: "invalid_request",
      message: /^Invalid priority: /,
    }, String(value));
  }
});

Deno.test("values are shown on one short line without control characters", () => {
  assert.equal(show("a\u001b[31m\n\u009b\u007f"), '"a\\u001b[31m\\n\\u009b\\u007f"');
  assert.equal(show(undefined), "undefined");
  assert.equal(show(5n), "5");
  assert.equal(show(Symbol("x")), "Symbol(x)");
  const cycle: { self?: unknown } = Object.create(null);
  cycle.self = cycle;
  assert.equal(show(cycle), "[object Object]");
  fc.assert(fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
    const text = show(value);
    assert.ok(text.length <= 80 && text.isWellFormed() && !/\p{Cc}/u.test(text), text);
  }));
  assert.match(invalid("thing", 1, "a text").message, /^Invalid thing: 1 is not a text$/);
  assert.deepEqual([messageOf(new Error("x")), messageOf("y")], ["x", "y"]);
});
