import assert from "node:assert/strict";
import fc from "fast-check";
import { formatInstant, MAX_INSTANT_MS, parseInstant } from "../../src/domain/instant.ts";

Deno.test("instants are read; text without a zone is UTC", () => {
  const noon = Date.UTC(2026, 11, 24, 12);
  const table: [Date | number | string, number][] = [
    ["2026-12-24T12:00:00Z", noon],
    ["2026-12-24T12:00:00", noon],
    ["2026-12-24 12:00", noon],
    ["2026-12-24T13:00:00+01:00", noon],
    ["2026-12-24T07:30:00-0430", noon],
    ["2026-12-24T12:00:00.250Z", noon + 250],
    ["2026-12-24T12:00:00.123456789", noon + 123],
    ["2026-12-24", noon - 12 * 3_600_000],
    ["2024-02-29", Date.UTC(2024, 1, 29)],
    ["2026-12-23T24:00:00Z", noon - 12 * 3_600_000],
    ["1970-01-01T00:00:00Z", 0],
    ["2999-12-31T23:59:59.999Z", MAX_INSTANT_MS],
    [new Date(noon), noon],
    [noon, noon],
    [0, 0],
    [noon + 0.4, noon],
    [MAX_INSTANT_MS, MAX_INSTANT_MS],
  ];
  for (const [value, ms] of table) assert.equal(parseInstant(value), ms, String(value));
});

Deno.test("what is no instant between 1970 and 2999 is refused", () => {
  const table: unknown[] = [
    "",
    "now",
    "tomorrow",
    "12:00",
    "2026-02-30",
    "2026-02-29T10:00:00Z",
    "2026-04-31T00:00:00+02:00",
    "2026-13-01",
    "2026-00-10",
    "2026-01-00",
    "2026-12-24T25:00:00Z",
    "2026-12-24T12:60:00Z",
    "2026-12-24T12:00:00+25:00",
    "2026-12-24T12:00:00 Europe/Berlin",
    "24.12.2026",
    "12/24/2026",
    "1766577600",
    "1969-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "+002026-12-24T12:00:00Z",
    new Date(NaN),
    -1,
    MAX_INSTANT_MS + 1,
    NaN,
    Infinity,
    null,
    true,
    {},
    ["2026-12-24"],
  ];
  for (const value of table) {
    assert.throws(() => parseInstant(value as string, "start time"), {
      code: "invalid_request",
      message: /^Invalid start time: .* is not a time between 1970 and 2999$/,
    }, String(value));
  }
});

Deno.test("what is written is read back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: MAX_INSTANT_MS }), (ms) => {
    assert.equal(parseInstant(formatInstant(ms)), ms);
  }));
});
