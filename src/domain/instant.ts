import { JobdError, show } from "./errors.ts";

const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
/** The last instant that jobd accepts: the end of the year 2999, in epoch milliseconds. */
export const MAX_INSTANT_MS = Date.UTC(3000, 0, 1) - 1;

/**
 * Reads an instant into epoch milliseconds: a `Date`, epoch milliseconds, or ISO 8601 text. Text without a
 * zone is UTC, so that the same request means the same instant on every machine.
 *
 * @throws {JobdError} `invalid_request` when it is no instant between 1970 and 2999.
 */
export function parseInstant(value: Date | number | string, what = "time"): number {
  const ms = readInstant(value);
  if (!Number.isFinite(ms) || ms < 0 || ms > MAX_INSTANT_MS) {
    throw new JobdError(
      "invalid_request",
      `Invalid ${what}: ${show(value)} is not a time between 1970 and 2999`,
      {
        hint: 'Write it like "2026-12-24T18:00:00Z" or "2026-12-24T18:00:00+01:00".',
      },
    );
  }
  return Math.round(ms);
}

function readInstant(value: Date | number | string): number {
  if (value instanceof Date) return value.getTime();
  if (typeof value === "number") return value;
  if (typeof value !== "string" || !ISO.test(value) || !isDay(value.slice(0, 10))) return NaN;
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(value) && value.includes(":");
  const text = value.length > 10 ? value.replace(" ", "T") : `${value}T00:00:00`;
  return Date.parse(zoned ? text : `${text}Z`);
}

/** Whether the calendar has this day: `Date.parse` takes February 30 for March 2. */
function isDay(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && formatInstant(ms).startsWith(date);
}

/** Epoch milliseconds as ISO 8601 in UTC. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}
