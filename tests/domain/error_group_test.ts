import assert from "node:assert/strict";
import { errorGroupOf } from "../../src/domain/error_group.ts";

const of = (message: string, code = "error", type = "mail") =>
  errorGroupOf({ type, error: { code, message } });

Deno.test("failures that differ by ids, numbers and quoted texts are of one group", () => {
  const same: [string, string, string][] = [
    [
      "order 4711 of 2026-11-23T10:00:00.123Z is gone",
      "order 1 of 2025-01-01T00:00:00Z is gone",
      "order <n> of <n>-<n>-<n>T<n>Z is gone",
    ],
    [
      "no user 6d3b48b1-9ecf-43c7-b0a7-2a12281cc948",
      "no user 7DFFDDC3-cb79-4463-bea7-56b28d457957",
      "no user <id>",
    ],
    ['"a@example.com" was refused', '"b" was refused', "<text> was refused"],
    ["object deadbeef01 at 0xff", "object 0badc0de99 at 0x1", "object <hex> at <hex>"],
    ["connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED 10.1.2.3:80", "connect ECONNREFUSED <n>"],
    ["first line\n    second 1", "first line\nother", "first line"],
  ];
  for (const [one, other, message] of same) {
    assert.equal(of(one).message, message);
    assert.deepEqual(of(one), of(other));
  }
});

Deno.test("another type, code or message is another group", () => {
  const keys = [of("refused"), of("timed out"), of("refused", "timeout"), of("refused", "error", "sms")];
  assert.equal(new Set(keys.map(({ key }) => key)).size, 4);
  assert.match(of("x").key, /^[0-9a-f]{12}$/);
});

Deno.test("words that look a little like numbers stay, and long messages are cut", () => {
  assert.equal(of("defaced facade needs feedback").message, "defaced facade needs feedback");
  assert.equal(of("x".repeat(100_000)).message.length, 200);
  assert.equal(errorGroupOf({ type: "t", error: null }).code, "none");
});
