import { type Duration, parseDuration } from "./duration.ts";
import { invalid } from "./errors.ts";

/** The random part of a delay; the four forms are those of "Exponential Backoff And Jitter" (AWS, 2015). */
export const JITTERS = ["none", "full", "equal", "decorrelated"] as const;
/** How much of a delay is left to chance. */
export type Jitter = (typeof JITTERS)[number];

/** How long to wait after the n-th failure. */
export interface Backoff {
  /** The delay after the first failure, in milliseconds. */
  baseMs: number;
  /** No delay is longer, in milliseconds. */
  maxMs: number;
  /** The random part. */
  jitter: Jitter;
}

/** {@linkcode Backoff} as people write it. */
export interface BackoffOptions {
  /** The delay after the first failure. @default "10s" */
  base?: Duration;
  /** No delay is longer. @default "1h" */
  max?: Duration;
  /** The random part. @default "equal" */
  jitter?: Jitter;
}

/** The backoff of a job that says nothing: 10 s, doubled after each failure, half of it left to chance. */
export const DEFAULT_BACKOFF: Readonly<Backoff> = { baseMs: 10_000, maxMs: 3_600_000, jitter: "equal" };

/**
 * Reads backoff options.
 *
 * @throws {JobdError} `invalid_request` for bad durations, a bad jitter, or a base above the maximum.
 */
export function parseBackoff(options: BackoffOptions): Backoff {
  checkShape(options);
  const max = options.max === undefined ? undefined : parseDuration(options.max, "backoff maximum");
  const baseMs = options.base === undefined
    ? Math.min(DEFAULT_BACKOFF.baseMs, max ?? Infinity)
    : parseDuration(options.base, "backoff base");
  const maxMs = max ?? Math.max(DEFAULT_BACKOFF.maxMs, baseMs);
  const jitter = options.jitter ?? DEFAULT_BACKOFF.jitter;
  if (!JITTERS.includes(jitter)) throw invalid("jitter", jitter, `one of ${JITTERS.join(", ")}`);
  if (baseMs > maxMs) throw invalid("backoff base", options.base, `at most the maximum of ${maxMs} ms`);
  return { baseMs, maxMs, jitter };
}

function checkShape(options: BackoffOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid("backoff", options, "an object with base, max or jitter");
  }
  for (const key of Object.keys(options)) {
    if (key !== "base" && key !== "max" && key !== "jitter") {
      throw invalid("backoff field", key, "one of base, max, jitter");
    }
  }
}

/** The delay without chance: `min(base × 2^(failures − 1), max)`. `failures` counts from 1. */
export function exponentialMs(backoff: Backoff, failures: number): number {
  return Math.min(backoff.baseMs * 2 ** Math.min(failures - 1, 60), backoff.maxMs);
}

/**
 * The delay after a failure, in whole milliseconds.
 *
 * @param failures how often the job has failed, this time included
 * @param previousMs the delay before this attempt, for decorrelated jitter; the base when there was none
 * @param random a number in [0, 1)
 */
export function backoffMs(
  backoff: Backoff,
  failures: number,
  previousMs: number | undefined,
  random: number,
): number {
  const exponential = exponentialMs(backoff, failures);
  switch (backoff.jitter) {
    case "none":
      return Math.round(exponential);
    case "full":
      return Math.round(random * exponential);
    case "equal":
      return Math.round(exponential / 2 + random * (exponential / 2));
    case "decorrelated": {
      const top = Math.max(backoff.baseMs, (previousMs ?? backoff.baseMs) * 3);
      return Math.round(Math.min(backoff.maxMs, backoff.baseMs + random * (top - backoff.baseMs)));
    }
  }
}
