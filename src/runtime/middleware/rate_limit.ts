import type { Clock } from "../../domain/clock.ts";
import { type Duration, parseDuration } from "../../domain/duration.ts";
import { invalid } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import { type Middleware, snooze } from "../handler.ts";

/** Options of {@linkcode rateLimit}. */
export interface RateLimitOptions {
  /** So many runs ... */
  limit: number;
  /** ... in this time. */
  per: Duration;
  /** So many at once after a quiet time. @default limit */
  burst?: number;
  /** Jobs with the same key share the limit; without it all jobs do. */
  key?(job: Job): string;
}

/** Keys whose buckets are remembered at most; full ones are forgotten first. */
const KEPT = 10_000;

const ROUNDING_MS = 1e-6;

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Limits how often this process runs what lies inside this layer: a token bucket. A job that comes too early is put off
 * until it may run, which costs it no failure. Layers may be stacked; a job must pass all of them.
 */
export function rateLimit({ limit, per, burst = limit, key = () => "" }: RateLimitOptions): Middleware {
  const perMs = parseDuration(per, "rate limit period");
  if (!(limit > 0) || !Number.isFinite(limit)) throw invalid("rate limit", limit, "a number above 0");
  if (perMs === 0) throw invalid("rate limit period", per, "longer than 0");
  if (!(burst >= 1) || !Number.isFinite(burst)) throw invalid("rate limit burst", burst, "a number from 1");
  const buckets = new Buckets({ tokensPerMs: limit / perMs, burst });
  return async (job, { clock }, next) => {
    const waitMs = buckets.take(key(job), clock);
    if (waitMs === 0) return await next();
    return snooze(waitMs, "rate limit");
  };
}

class Buckets {
  readonly #tokensPerMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { tokensPerMs: number; burst: number }) {
    this.#tokensPerMs = options.tokensPerMs;
    this.#burst = options.burst;
  }

  /** Takes a token; 0, or the milliseconds until there is one. */
  take(key: string, clock: Clock): number {
    const now = clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    bucket.tokens = this.#filled(bucket, now);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > KEPT) this.#forget(now);
    const waitMs = (1 - bucket.tokens) / this.#tokensPerMs;
    // Rounding errors of a millionth of a millisecond are not waited for.
    if (waitMs > ROUNDING_MS) return Math.ceil(waitMs - ROUNDING_MS);
    bucket.tokens -= 1;
    return 0;
  }

  #filled({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + (now - at) * this.#tokensPerMs);
  }

  /** Full buckets are as good as none; if there are none, the one that was used longest ago goes. */
  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#filled(bucket, now) >= this.#burst) this.#buckets.delete(key);
    }
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > KEPT && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
