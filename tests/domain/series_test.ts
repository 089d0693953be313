import assert from "node:assert/strict";
import { SERIES_POINTS_MAX, seriesOf, seriesSpan } from "../../src/domain/series.ts";
import { foldsAt, mergeStats, type StatRow, statsBySteps } from "../../src/domain/stat.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 2, 1);

function row(over: Partial<StatRow> = {}): StatRow {
  const kind = { namespace: "default", queue: "q", type: "t", outcome: "completed" };
  return { ...kind, minute: START, step: MINUTE, count: 1, wait: [1], run: [0, 0, 0, 1], ...over };
}

Deno.test("a series has a point for each step, also for those in which nothing ended", () => {
  const span = seriesSpan({ from: START + 1, to: START + 3 * HOUR, stepMs: HOUR });
  assert.deepEqual(span, { from: START, to: START + 3 * HOUR, stepMs: HOUR });
  const rows = [
    row({ count: 2 }),
    row({ minute: START + MINUTE, outcome: "failed", count: 3 }),
    row({ minute: START + 2 * HOUR, outcome: "lost" }),
  ];
  const first = { at: START, stepMs: HOUR };
  assert.deepEqual(seriesOf("throughput", rows, span), [
    { ...first, count: 5, outcomes: { completed: 2, failed: 3 }, perMinute: 5 / 60 },
    { at: START + HOUR, stepMs: HOUR, count: 0, outcomes: {}, perMinute: 0 },
    { at: START + 2 * HOUR, stepMs: HOUR, count: 1, outcomes: { lost: 1 }, perMinute: 1 / 60 },
  ]);
  assert.deepEqual(seriesOf("failures", rows, span).map(({ count, total }) => [count, total]), [
    [3, 5],
    [0, 0],
    [1, 1],
  ]);
});

Deno.test("times have quantiles and the buckets that hold something", () => {
  const span = seriesSpan({ from: START, to: START + MINUTE });
  const rows = [row({ run: [0, 0, 0, 3], count: 3 }), row({ run: [0, 0, 0, 0, 0, 1] })];
  assert.deepEqual(seriesOf("run", rows, span), [{
    at: START,
    stepMs: MINUTE,
    count: 4,
    p50: 3,
    p95: 7,
    p99: 7,
    buckets: [{ upTo: 3, count: 3 }, { upTo: 7, count: 1 }],
  }]);
  assert.deepEqual(seriesOf("wait", [], span), [
    { at: START, stepMs: MINUTE, count: 0, p50: null, p95: null, p99: null, buckets: [] },
  ]);
});

Deno.test("where only hours are known a point is an hour, and no empty points lie in it", () => {
  const span = seriesSpan({ from: START + 30 * MINUTE, to: START + 2 * HOUR, stepMs: 15 * MINUTE });
  const rows = [row({ step: HOUR, count: 7 }), row({ minute: START + HOUR })];
  const points = seriesOf("throughput", rows, span);
  assert.deepEqual(points.map(({ at, stepMs, count }) => [(at - START) / MINUTE, stepMs / MINUTE, count]), [
    [0, 60, 7],
    [60, 15, 1],
    [75, 15, 0],
    [90, 15, 0],
    [105, 15, 0],
  ]);
});

Deno.test("steps that hours do not divide become the next longer ones that they do", () => {
  const rows = [0, 1, 2, 3].map((hour) => row({ minute: START + hour * HOUR, step: HOUR }));
  const merged = statsBySteps([...rows, row({ minute: START + 4 * HOUR })], 90 * MINUTE);
  assert.deepEqual(
    merged.map(({ minute, step, count }) => [(minute - START) / MINUTE, step / MINUTE, count]),
    [
      [0, 120, 2],
      [120, 120, 2],
      [180, 90, 1],
    ],
  );
  assert.deepEqual(statsBySteps(merged, 90 * MINUTE), merged);
});

Deno.test("a series that names no step has few enough points, whatever its time", () => {
  for (const time of [MINUTE, HOUR, DAY, 7 * DAY, 90 * DAY, 3_000 * DAY]) {
    const { from, to, stepMs } = seriesSpan({ from: START, to: START + time });
    assert.ok((to - from) / stepMs <= 152, `${time / HOUR} hours by ${stepMs} ms`);
  }
});

Deno.test("times that are none, steps that are no whole minutes and too many points are refused", () => {
  const refused = (given: { from: number; to: number; stepMs?: number }, message: RegExp): void =>
    assert.throws(() => seriesSpan(given), { code: "invalid_request", message });
  refused({ from: START, to: START }, /from/);
  refused({ from: START, to: START - 1 }, /before to, 2026-02-28/);
  for (const stepMs of [0, 1_000, 90_000, 1.5, Number.NaN]) {
    refused({ from: START, to: START + HOUR, stepMs }, /step.*whole minutes/);
  }
  assert.ok(seriesSpan({ from: START, to: START + SERIES_POINTS_MAX * MINUTE, stepMs: MINUTE }));
  refused(
    { from: START, to: START + (SERIES_POINTS_MAX + 1) * MINUTE, stepMs: MINUTE },
    /at most 2000 points.*5m/,
  );
});

Deno.test("statistics become coarser from full step to full step", () => {
  const now = START + 12 * HOUR + 34 * MINUTE + 5;
  const coarser = foldsAt(now, 365 * DAY).filter(({ to }) => to !== null);
  assert.deepEqual(coarser.map(({ from, to, before }) => [from, to, before]), [
    [0, MINUTE, START + 12 * HOUR + 24 * MINUTE],
    [MINUTE, HOUR, START - 2 * DAY + 12 * HOUR],
    [HOUR, DAY, START - 90 * DAY],
  ]);
});

Deno.test("whatever the order in which rows are added up, the sums are the same", () => {
  const rows = [row({ count: 2, wait: [1, 1] }), row({ wait: [0, 0, 1] }), row({ outcome: "failed" })];
  assert.deepEqual(mergeStats(rows), mergeStats(rows.toReversed()));
  assert.deepEqual(mergeStats(rows)[0], row({ count: 3, wait: [1, 1, 1], run: [0, 0, 0, 2] }));
});
