import { type Duration, parseDuration } from "../domain/duration.ts";
import { invalid } from "../domain/errors.ts";
import { MAX_INSTANT_MS, parseInstant } from "../domain/instant.ts";
import type { JobRequest } from "../domain/request.ts";

/** Starts of many jobs, distributed evenly over a time. */
export interface Spread {
  /** The time: the first job starts at its beginning, each next one an equal part of it later, none at its end. */
  over: Duration;
  /** Whether each job starts at a random moment of its part instead. @default false */
  jitter?: boolean;
}

/** Time, chance, and which part of all jobs the requests are. */
export interface SpreadContext {
  /** The store's time, epoch milliseconds: where the time begins for jobs without a start of their own. */
  now: number;
  /** Numbers in [0, 1). */
  random: () => number;
  /** How many of the jobs come before. @default 0 */
  before?: number;
  /** How many they are in all. @default those given */
  total?: number;
}

/**
 * Puts the start of each request off by its part of the time: from now on, or from the start that it asks for.
 *
 * @throws {JobdError} `invalid_request` for a time that is none
 */
export function spreadStarts<Request extends JobRequest>(
  requests: readonly Request[],
  spread: Duration | Spread,
  { now, random, before = 0, total = requests.length }: SpreadContext,
): JobRequest[] {
  const { overMs, jitter } = readSpread(spread);
  return requests.map((request, index) => {
    const part = before + index + (jitter ? random() : 0);
    const laterMs = Math.floor(part * overMs / total);
    return laterMs === 0 ? request : later(request, laterMs, now);
  });
}

/** Checks a spread. @throws {JobdError} `invalid_request` */
export function readSpread(spread: Duration | Spread): { overMs: number; jitter: boolean } {
  const { over, jitter = false } = typeof spread === "object" && spread !== null ? spread : { over: spread };
  if (typeof jitter !== "boolean") throw invalid("jitter of the spread", jitter, "true or false");
  const overMs = parseDuration(over, "spread");
  if (overMs === 0) throw invalid("spread", over, "longer than 0");
  return { overMs, jitter };
}

/** A request that cannot be is left as it is: whoever makes a job of it says what is wrong. */
function later(request: JobRequest, laterMs: number, now: number): JobRequest {
  if (typeof request !== "object" || request === null) return request;
  const { delay, runAt, ...rest } = request;
  if (delay !== undefined && runAt !== undefined) return request;
  const start = runAt === undefined
    ? now + (delay === undefined ? 0 : parseDuration(delay, "delay"))
    : parseInstant(runAt, "start time");
  return { ...rest, runAt: Math.min(start + laterMs, MAX_INSTANT_MS) };
}
