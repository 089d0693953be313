import assert from "node:assert/strict";
import fc from "fast-check";
import { type Duration, formatDuration, MAX_DURATION_MS, parseDuration } from "../../src/domain/duration.ts";

Deno.test("durations are read", () => {
  const table: [Duration, number][] = [
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["1.5s", 1_500],
    ["0.4ms", 0],
    ["1d2h3m4s5ms", 93_784_005],
    ["0", 0],
    ["0s", 0],
    ["36500d", MAX_DURATION_MS],
    [0, 0],
    [250, 250],
    [1.6, 2],
    [MAX_DURATION_MS, MAX_DURATION_MS],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, String(text));
});

Deno.test("what is no duration is refused with the value and an example", () => {
  const table: unknown[] = [
    "",
    " ",
    "5",
    "5 m",
    "1h 30m",
    "m",
    "-5s",
    "+5s",
    "5M",
    "5min",
    "1e3s",
    "0x10s",
    ".5s",
    "5.s",
    "٣s",
    "36501d",
    "9".repeat(62) + "s",
    "1s".repeat(33),
    "5s\n",
    -1,
    NaN,
    Infinity,
    MAX_DURATION_MS + 1,
    null,
    true,
    {},
    ["5s"],
    5n,
  ];
  for (const value of table) {
    assert.throws(() => parseDuration(value as Duration, "delay"), (error: Error & { hint?: string }) => {
      assert.match(error.message, /^Invalid delay: .* is not a duration between 0 and 100 years$/);
      assert.match(error.hint ?? "", /"30s"/);
      return true;
    }, String(value));
  }
});

Deno.test("what is written is read back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }));
  assert.equal(formatDuration(0), "0s");
  assert.equal(formatDuration(-5), "0s");
  assert.equal(formatDuration(93_784_005), "1d2h3m4s5ms");
});
