import { type Duration, parseDuration } from "../domain/duration.ts";
import { invalid } from "../domain/errors.ts";
import { parseInstant } from "../domain/instant.ts";
import { checkName } from "../domain/names.ts";
import {
  SERIES_METRICS,
  type SeriesMetric,
  seriesOf,
  type SeriesPoints,
  seriesSpan,
} from "../domain/series.ts";
import { MINUTES_MS, startOf, type StatRow, statsBySteps } from "../domain/stat.ts";
import type { Driver } from "../storage/driver.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Days that are read at once where statistics are by the hour or coarser. */
const DAYS_AT_ONCE = 30;

/** Options of {@linkcode Jobd.series}. */
export interface SeriesOptions<M extends SeriesMetric = SeriesMetric> {
  /** What to tell of. @default "throughput" */
  metric?: M;
  /** From when on; goes back to the start of a step. @default 24 hours before `to` */
  from?: Date | number | string;
  /** Up to when. @default now */
  to?: Date | number | string;
  /** Time of one point, in whole minutes. @default one that makes about a hundred points */
  step?: Duration;
  /** Only of this queue. */
  queue?: string;
  /** Only of jobs of this type. */
  type?: string;
}

/** How something went over time. */
export interface Series<M extends SeriesMetric = SeriesMetric> {
  /** What it tells of. */
  metric: M;
  /** Start of the first step, epoch milliseconds. */
  from: number;
  /** End of the last step, epoch milliseconds. */
  to: number;
  /** The steps that were asked for or chosen, in milliseconds; a point may be of a longer one, which it says. */
  stepMs: number;
  /** Oldest first; steps in which nothing ended are there as well. */
  points: SeriesPoints[M][];
}

/** Reads a series. @throws {JobdError} `invalid_request` naming what is wrong */
export async function readSeries<M extends SeriesMetric>(
  { driver, namespace, now }: { driver: Driver; namespace: string; now: number },
  { metric = "throughput" as M, queue, type, ...given }: SeriesOptions<M>,
): Promise<Series<M>> {
  if (!SERIES_METRICS.includes(metric)) {
    throw invalid("metric", metric, `one of ${SERIES_METRICS.join(", ")}`);
  }
  if (queue !== undefined) checkName("queue", queue);
  if (type !== undefined) checkName("type", type);
  const to = given.to === undefined ? now : parseInstant(given.to, "to");
  const from = given.from === undefined ? to - DAY : parseInstant(given.from, "from");
  const span = seriesSpan({
    from,
    to,
    ...(given.step === undefined ? {} : { stepMs: parseDuration(given.step, "step") }),
  });
  const only = {
    namespace,
    ...(queue === undefined ? {} : { queue }),
    ...(type === undefined ? {} : { type }),
  };
  let rows: StatRow[] = [];
  for (const piece of pieces(span, now)) {
    rows = statsBySteps([...rows, ...await driver.stats({ ...only, ...piece })], span.stepMs);
  }
  return { metric, ...span, points: seriesOf(metric, rows, span) };
}

/**
 * Pieces of a time that hold a bounded number of rows. They end at midnight: rows are put together inside of a day, so one
 * that becomes part of another between two reads is not in both, nor in none.
 */
function* pieces(
  { from, to }: { from: number; to: number },
  now: number,
): Generator<{ from: number; to: number }> {
  const fine = startOf(now - MINUTES_MS, DAY) - DAY;
  let start = from;
  while (start < to) {
    const days = start < fine ? Math.min(DAYS_AT_ONCE * DAY, fine - startOf(start, DAY)) : DAY;
    const end = Math.min(to, startOf(start, DAY) + days);
    yield { from: start, to: end };
    start = end;
  }
}
