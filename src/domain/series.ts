import { formatDuration } from "./duration.ts";
import { invalid } from "./errors.ts";
import { addHistograms, bucketTop, quantile } from "./histogram.ts";
import { startOf, type StatRow, statsBySteps } from "./stat.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What a series may tell of: ended runs, failed ones, how long jobs had waited, or how long they ran. */
export const SERIES_METRICS = ["throughput", "failures", "wait", "run"] as const;

/** See {@linkcode SERIES_METRICS}. */
export type SeriesMetric = (typeof SERIES_METRICS)[number];

/** Points of one series at most. */
export const SERIES_POINTS_MAX = 2_000;
/** Points of a series that names no step, about. */
const POINTS_WANTED = 150;
const STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY];

/** Runs that failed, whether or not their jobs were tried again. */
const FAILURES = new Set(["failed", "lost", "expired"]);

/** A step of time in a series. */
export interface SeriesPoint {
  /** When it begins, epoch milliseconds. */
  at: number;
  /** How long it is, in milliseconds; longer than asked for where only that is known. */
  stepMs: number;
  /** Runs that the metric tells of: failed ones for `failures`, else all that ended. */
  count: number;
}

/** A point of `throughput`. */
export interface ThroughputPoint extends SeriesPoint {
  /** Runs by how they ended. */
  outcomes: Record<string, number>;
  /** `count` for each minute of the step. */
  perMinute: number;
}

/** A point of `failures`. */
export interface FailuresPoint extends SeriesPoint {
  /** All ended runs. */
  total: number;
  /** Failed runs by how they failed. */
  outcomes: Record<string, number>;
}

/** A point of `wait` or `run`; the times are good to about a fifth. */
export interface TimesPoint extends SeriesPoint {
  /** Half of the runs took at most so long, in milliseconds; null without runs. */
  p50: number | null;
  /** Of twenty runs nineteen did. */
  p95: number | null;
  /** Of a hundred runs ninety-nine did. */
  p99: number | null;
  /** How many runs took up to so many milliseconds and longer than those of the bucket before; empty ones are left out. */
  buckets: { upTo: number; count: number }[];
}

/** The points of a metric. */
export interface SeriesPoints {
  /** Ended runs. */
  throughput: ThroughputPoint;
  /** Failed runs. */
  failures: FailuresPoint;
  /** From when jobs were due to their start. */
  wait: TimesPoint;
  /** From start to end. */
  run: TimesPoint;
}

/** A time in steps. */
export interface SeriesSpan {
  /** Start, epoch milliseconds. */
  from: number;
  /** End, without it. */
  to: number;
  /** Steps, in milliseconds. */
  stepMs: number;
}

/**
 * The time in full steps; one that holds few enough points when none is named.
 *
 * @throws {JobdError} `invalid_request` for a time that is none, a step that is no whole minutes, or too many points
 */
export function seriesSpan({ from, to, stepMs }: { from: number; to: number; stepMs?: number }): SeriesSpan {
  if (from >= to) {
    throw invalid("from", new Date(from).toISOString(), `before to, ${new Date(to).toISOString()}`);
  }
  const step = stepMs ?? stepFor(to - from, POINTS_WANTED);
  if (!Number.isInteger(step) || step < MINUTE || step % MINUTE !== 0) {
    throw invalid("step", step, "one or more whole minutes, such as 60000 or 1h");
  }
  const start = startOf(from, step);
  const end = startOf(to - 1, step) + step;
  if ((end - start) / step > SERIES_POINTS_MAX) {
    throw invalid(
      "step",
      step,
      `long enough for at most ${SERIES_POINTS_MAX} points from from to to, such as ` +
        formatDuration(stepFor(to - from, SERIES_POINTS_MAX / 2)),
    );
  }
  return { from: start, to: end, stepMs: step };
}

/** A step of which so many make that time, about. */
function stepFor(ms: number, points: number): number {
  return STEPS.find((step) => ms / step <= points) ?? Math.ceil(ms / points / DAY) * DAY;
}

/** One point for each step of the time, oldest first; where the statistics are coarser, one for each step of theirs. */
export function seriesOf<M extends SeriesMetric>(
  metric: M,
  rows: Iterable<StatRow>,
  span: SeriesSpan,
): SeriesPoints[M][] {
  const sums = new Map<string, StatRow[]>();
  for (const row of statsBySteps(rows, span.stepMs)) {
    const key = `${row.minute} ${row.step}`;
    const others = sums.get(key);
    if (others === undefined) sums.set(key, [row]);
    else others.push(row);
  }
  const known = [...sums.values()].map(([first, ...rest]) => {
    const { minute: at, step: stepMs } = first as StatRow;
    return { at, stepMs, rows: [first as StatRow, ...rest] };
  });
  const make = POINTS[metric] as (at: number, stepMs: number, rows: readonly StatRow[]) => SeriesPoints[M];
  return [...known, ...gaps(known, span)]
    .sort((a, b) => a.at - b.at || a.stepMs - b.stepMs)
    .map(({ at, stepMs, rows }) => make(at, stepMs, rows));
}

/** The steps in which nothing ended, except where a longer one tells of them. */
function gaps(
  known: readonly { at: number; stepMs: number }[],
  { from, to, stepMs }: SeriesSpan,
): { at: number; stepMs: number; rows: StatRow[] }[] {
  const covered = new Set<number>();
  for (const point of known) {
    const end = Math.min(to, point.at + point.stepMs);
    for (let at = Math.max(from, startOf(point.at, stepMs)); at < end; at += stepMs) covered.add(at);
  }
  const found = [];
  for (let at = from; at < to; at += stepMs) if (!covered.has(at)) found.push({ at, stepMs, rows: [] });
  return found;
}

type Points = {
  [M in SeriesMetric]: (at: number, stepMs: number, rows: readonly StatRow[]) => SeriesPoints[M];
};

const POINTS: Points = {
  throughput(at, stepMs, rows) {
    const count = total(rows);
    return { at, stepMs, count, outcomes: byOutcome(rows), perMinute: count / (stepMs / MINUTE) };
  },
  failures(at, stepMs, rows) {
    const failed = rows.filter(({ outcome }) => FAILURES.has(outcome));
    return { at, stepMs, count: total(failed), total: total(rows), outcomes: byOutcome(failed) };
  },
  wait: (at, stepMs, rows) => times(at, stepMs, rows.map(({ wait }) => wait)),
  run: (at, stepMs, rows) => times(at, stepMs, rows.map(({ run }) => run)),
};

function times(at: number, stepMs: number, histograms: readonly number[][]): TimesPoint {
  const sum = histograms.reduce<number[]>((all, one) => addHistograms(all, one), []);
  const rounded = (ms: number | null): number | null => ms === null ? null : Math.round(ms);
  return {
    at,
    stepMs,
    count: sum.reduce((all, count) => all + count, 0),
    p50: rounded(quantile(sum, 0.5)),
    p95: rounded(quantile(sum, 0.95)),
    p99: rounded(quantile(sum, 0.99)),
    buckets: sum.flatMap((count, bucket) =>
      count === 0 ? [] : [{ upTo: Math.round(bucketTop(bucket)), count }]
    ),
  };
}

function total(rows: readonly StatRow[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

function byOutcome(rows: readonly StatRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome, count } of rows) counts[outcome] = (counts[outcome] ?? 0) + count;
  return counts;
}
