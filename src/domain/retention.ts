import { type Duration, formatDuration, MAX_DURATION_MS, parseDuration } from "./duration.ts";
import { JobdError } from "./errors.ts";

/** How long something is kept: a duration, or `"forever"`. */
export type Kept = Duration | "forever";

/** Kept for ever, in milliseconds: 100 years, the longest of all durations. */
export const FOREVER_MS: number = MAX_DURATION_MS;

/**
 * Reads how long something is kept into milliseconds.
 *
 * @throws {JobdError} `invalid_request` when it is neither a duration nor `"forever"`; `what` names it
 *
 * @example
 * ```ts
 * import { FOREVER_MS, parseKept } from "./retention.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseKept("30d"), 30 * 86_400_000);
 * assert.equal(parseKept("forever"), FOREVER_MS);
 * ```
 */
export function parseKept(value: Kept, what = "retention"): number {
  if (value === "forever") return FOREVER_MS;
  try {
    return parseDuration(value, what);
  } catch (error) {
    if (!(error instanceof JobdError)) throw error;
    throw new JobdError(error.code, error.message, {
      hint: 'Write it like "12h", "30d" or "forever", or give whole milliseconds as a number.',
    });
  }
}

/** Writes milliseconds the way {@linkcode parseKept} reads them. */
export function formatKept(ms: number): string {
  return ms >= FOREVER_MS ? "forever" : formatDuration(ms);
}
