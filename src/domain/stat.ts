import { addHistograms } from "./histogram.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How much time a row of statistics may tell of, in milliseconds, finest first. */
export const RESOLUTIONS = [MINUTE, HOUR, DAY] as const;

/** Ends of runs in some time, as a worker counts them: by the minute. */
export interface NewStat {
  /** Start of the time, epoch milliseconds: of a full minute, hour or day in UTC. */
  minute: number;
  /** The tenant. */
  namespace: string;
  /** The queue. */
  queue: string;
  /** The type. */
  type: string;
  /** How they ended. */
  outcome: string;
  /** How many. */
  count: number;
  /** Histogram of waiting times: index is floor(log2(ms + 1) × 2), see domain/histogram.ts. */
  wait: number[];
  /** Histogram of run times, likewise. */
  run: number[];
}

/** Ends of runs in some time. */
export interface StatRow extends NewStat {
  /** How much time it tells of, in milliseconds: a minute, or an hour or a day when that is long ago. */
  step: number;
}

/** One way in which statistics get fewer with their age. */
export interface StatFold {
  /** The rows that tell of so much time, in milliseconds; 0 for those of a minute as they were written. */
  from: number;
  /** What they are put together to, in milliseconds; null to remove them. */
  to: number | null;
  /** Those whose time begins before this instant. */
  before: number;
}

/** Until a minute is over for everybody: what comes later is put together by itself. */
const WRITTEN_MS = 10 * MINUTE;
/** For how long there are minutes. */
export const MINUTES_MS = 2 * DAY;
/** For how long there are hours. */
export const HOURS_MS = 90 * DAY;

/** What there is to do at a time: first what is too old goes, then the rest gets coarser, from full step to full step. */
export function foldsAt(now: number, retentionMs: number): StatFold[] {
  const old = [0, ...RESOLUTIONS].map((from) => ({
    from,
    to: null,
    before: now - retentionMs - Math.max(from, MINUTE),
  }));
  const coarser = [[0, MINUTE, WRITTEN_MS], [MINUTE, HOUR, MINUTES_MS], [HOUR, DAY, HOURS_MS]] as const;
  return [
    ...old,
    ...coarser.map(([from, to, keptMs]) => ({ from, to, before: startOf(now - keptMs, to) })),
  ];
}

/** When the step of time begins in which an instant lies; days begin at midnight in UTC. */
export function startOf(instant: number, stepMs: number): number {
  return Math.floor(instant / stepMs) * stepMs;
}

/** Adds up rows that tell of the same, oldest first. */
export function mergeStats(rows: Iterable<StatRow>): StatRow[] {
  const merged = new Map<string, StatRow>();
  for (const row of rows) {
    const key = JSON.stringify([row.namespace, row.minute, row.step, row.queue, row.type, row.outcome]);
    const sum = merged.get(key);
    merged.set(key, {
      ...row,
      count: row.count + (sum?.count ?? 0),
      wait: addHistograms(row.wait, sum?.wait ?? []),
      run: addHistograms(row.run, sum?.run ?? []),
    });
  }
  return [...merged].sort(([a, one], [b, other]) => one.minute - other.minute || (a < b ? -1 : 1))
    .map(([, row]) => row);
}

/**
 * The same rows by steps of that much time. Rows that are coarser stay as they are; of steps that theirs do not divide they
 * make the next longer ones that they do, so that nothing is guessed.
 */
export function statsBySteps(rows: Iterable<StatRow>, stepMs: number): StatRow[] {
  return mergeStats([...rows].map((row) => {
    const step = Math.ceil(stepMs / row.step) * row.step;
    return { ...row, step, minute: startOf(row.minute, step) };
  }));
}
