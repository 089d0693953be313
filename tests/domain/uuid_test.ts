import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_INSTANT_MS } from "../../src/domain/instant.ts";
import { isUuid, uuidv7 } from "../../src/domain/uuid.ts";

const instant = fc.integer({ min: 0, max: MAX_INSTANT_MS });
const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

Deno.test("an id has the form, version and variant of a UUID of version 7", () => {
  assert.equal(uuidv7(0x0123456789ab, new Uint8Array(16)), "01234567-89ab-7000-8000-000000000000");
  assert.equal(uuidv7(0, new Uint8Array(16).fill(255)), "00000000-0000-7fff-bfff-ffffffffffff");
  fc.assert(fc.property(instant, bytes, (now, random) => {
    const id = uuidv7(now, random);
    assert.ok(isUuid(id));
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
    assert.equal(parseInt(id.slice(0, 8) + id.slice(9, 13), 16), now);
  }));
});

Deno.test("ids sort by the millisecond in which they were made", () => {
  fc.assert(fc.property(instant, instant, bytes, bytes, (a, b, first, second) => {
    if (a === b) return;
    assert.equal(uuidv7(a, first) < uuidv7(b, second), a < b);
  }));
});

Deno.test("the random bytes are not changed", () => {
  const random = new Uint8Array(16).fill(255);
  uuidv7(1, random);
  assert.deepEqual(random, new Uint8Array(16).fill(255));
});

Deno.test("only the canonical lower-case form is a UUID", () => {
  const id = "01234567-89ab-7def-8123-456789abcdef";
  assert.ok(isUuid(id));
  for (
    const text of [
      "",
      id.toUpperCase(),
      id.slice(1),
      `${id}0`,
      `${id}\n`,
      id.replaceAll("-", ""),
      `{${id}}`,
      id.replace("0", "g"),
    ]
  ) {
    assert.ok(!isUuid(text), text);
  }
});
