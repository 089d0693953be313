import { JobdError, show } from "./errors.ts";

/** A length of time: milliseconds, or text such as `"30s"`, `"5m"`, `"1h30m"`, `"250ms"`, `"7d"`. */
export type Duration = number | string;

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const TEXT = /^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|[dhms])/g;

/** The longest duration that jobd accepts: 100 years of 365 days, in milliseconds. */
export const MAX_DURATION_MS = 100 * 365 * UNITS.d;

/**
 * Reads a duration into whole milliseconds.
 *
 * @throws {JobdError} `invalid_request` when it is negative, too long or not a duration; `what` names it.
 *
 * @example
 * ```ts
 * import { parseDuration } from "./duration.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseDuration("1h30m"), 5_400_000);
 * assert.equal(parseDuration(250), 250);
 * ```
 */
export function parseDuration(value: Duration, what = "duration"): number {
  const ms = typeof value === "string" ? readText(value) : value;
  if (typeof ms !== "number" || !Number.isFinite(ms) || ms < 0 || ms > MAX_DURATION_MS) {
    throw new JobdError(
      "invalid_request",
      `Invalid ${what}: ${show(value)} is not a duration between 0 and 100 years`,
      {
        hint: 'Write it like "30s", "5m", "1h30m", "7d" or "250ms", or give whole milliseconds as a number.',
      },
    );
  }
  return Math.round(ms);
}

function readText(text: string): number | undefined {
  if (text.length > 64) return undefined;
  if (text === "0") return 0;
  if (!TEXT.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) {
    total += Number(amount) * UNITS[unit as keyof typeof UNITS];
  }
  return total;
}

/**
 * Writes milliseconds the way {@linkcode parseDuration} reads them.
 *
 * @example
 * ```ts
 * import { formatDuration } from "./duration.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatDuration(5_400_000), "1h30m");
 * ```
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest <= 0) return "0s";
  let text = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count === 0) continue;
    text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
