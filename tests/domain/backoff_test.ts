import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Backoff,
  backoffMs,
  DEFAULT_BACKOFF,
  exponentialMs,
  type Jitter,
  JITTERS,
  parseBackoff,
} from "../../src/domain/backoff.ts";

const backoff = (jitter: Jitter, baseMs = 10_000, maxMs = 3_600_000): Backoff => ({ baseMs, maxMs, jitter });
/** The largest number below 1. */
const ALMOST_ONE = 1 - 2 ** -53;

const anyBackoff = (jitter: Jitter): fc.Arbitrary<Backoff> =>
  fc.tuple(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 10 ** 9 }))
    .map(([baseMs, more]) => ({ baseMs, maxMs: baseMs + more, jitter }));
const chance = fc.double({ min: 0, max: ALMOST_ONE, noNaN: true });
const count = fc.integer({ min: 1, max: 1_000 });

Deno.test("without jitter the delay doubles up to the maximum", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1_000].map((n) =>
    backoffMs(backoff("none"), n, undefined, 0.7)
  );
  const seconds = delays.map((ms) => ms / 1_000);
  assert.deepEqual(seconds, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
});

Deno.test("each jitter has exact bounds", () => {
  // What each gives after the third failure (40 s) for the lowest and the highest chance, after a delay of 20 s.
  const table: [Jitter, number, number][] = [
    ["none", 40_000, 40_000],
    ["full", 0, 40_000],
    ["equal", 20_000, 40_000],
    ["decorrelated", 10_000, 60_000],
  ];
  for (const [jitter, low, high] of table) {
    assert.equal(backoffMs(backoff(jitter), 3, 20_000, 0), low, jitter);
    assert.equal(backoffMs(backoff(jitter), 3, 20_000, ALMOST_ONE), high, jitter);
  }
  assert.equal(backoffMs(backoff("decorrelated"), 1, undefined, ALMOST_ONE), 30_000);
  assert.equal(backoffMs(backoff("decorrelated", 10_000, 15_000), 1, 14_000, ALMOST_ONE), 15_000);
});

Deno.test("every delay is a whole number between 0 and the maximum", () => {
  for (const jitter of JITTERS) {
    fc.assert(
      fc.property(
        anyBackoff(jitter),
        count,
        fc.option(fc.nat(10 ** 9), { nil: undefined }),
        chance,
        (b, n, previous, random) => {
          const ms = backoffMs(b, n, previous, random);
          assert.ok(Number.isInteger(ms) && ms >= 0 && ms <= b.maxMs, `${ms}`);
          if (jitter === "equal") assert.ok(ms >= Math.floor(exponentialMs(b, n) / 2));
          if (jitter === "full" || jitter === "equal") assert.ok(ms <= Math.round(exponentialMs(b, n)));
          if (jitter === "decorrelated") assert.ok(ms >= b.baseMs);
        },
      ),
    );
  }
});

Deno.test("more failures or more chance never mean a shorter delay", () => {
  for (const jitter of JITTERS) {
    fc.assert(fc.property(anyBackoff(jitter), count, chance, chance, (b, n, one, other) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      assert.ok(backoffMs(b, n, 1_000, low) <= backoffMs(b, n, 1_000, high));
      assert.ok(backoffMs(b, n, 1_000, low) <= backoffMs(b, n + 1, 1_000, low));
    }));
  }
});

Deno.test("backoff options are read; what is left out fits what is given", () => {
  assert.deepEqual(parseBackoff({}), DEFAULT_BACKOFF);
  assert.deepEqual(parseBackoff({ base: "1s", max: "1m", jitter: "full" }), backoff("full", 1_000, 60_000));
  assert.deepEqual(parseBackoff({ base: "2h" }), backoff("equal", 7_200_000, 7_200_000));
  assert.deepEqual(parseBackoff({ max: "5s" }), backoff("equal", 5_000, 5_000));
  assert.deepEqual(parseBackoff({ base: 0, max: 0, jitter: "none" }), backoff("none", 0, 0));
});

Deno.test("wrong backoff options are refused", () => {
  const table: [unknown, RegExp][] = [
    [{ base: "x" }, /^Invalid backoff base: "x"/],
    [{ base: null }, /^Invalid backoff base: null/],
    [{ max: -1 }, /^Invalid backoff maximum: -1/],
    [{ jitter: "some" }, /^Invalid jitter: "some" is not one of none, full, equal, decorrelated$/],
    [{ base: "2s", max: "1s" }, /^Invalid backoff base: "2s" is not at most the maximum of 1000 ms$/],
    [{ factor: 3 }, /^Invalid backoff field: "factor" is not one of base, max, jitter$/],
    ["5s", /^Invalid backoff: "5s"/],
    [null, /^Invalid backoff: null/],
    [[], /^Invalid backoff: \[\]/],
  ];
  for (const [options, message] of table) {
    assert.throws(() => parseBackoff(options as object), { code: "invalid_request", message });
  }
});
