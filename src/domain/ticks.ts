import type { ScheduleSpec } from "./schedule.ts";
import { sha256 } from "./sha256.ts";
import { uuidv7 } from "./uuid.ts";
import { ZonedCron } from "./zoned_cron.ts";

/** The ticks of a rule, whatever has become of them. */
export class Ticks {
  readonly #rule: { next(after: number): number | null };
  readonly #startAt: number;
  readonly #endAt: number;

  /**
   * @param createdAt from where a period is counted that says nothing else
   * @throws {JobdError} `invalid_request` for a bad expression or an unknown zone
   */
  constructor(spec: ScheduleSpec, createdAt: number) {
    const { cron, timezone = "UTC", everyMs = 1, anchorAt, startAt, endAt } = spec;
    this.#rule = cron === undefined
      ? new Period(everyMs, anchorAt ?? startAt ?? createdAt)
      : ZonedCron.of(cron, timezone);
    this.#startAt = startAt ?? -Infinity;
    this.#endAt = endAt ?? Infinity;
  }

  /** The first tick after this instant; null when there is none. */
  next(after: number): number | null {
    const tick = this.#rule.next(Math.max(after, this.#startAt - 1));
    return tick === null || tick > this.#endAt ? null : tick;
  }

  /** The last tick that is not after an instant, given one that is not. Found by halving, however many lie between. */
  latest(from: number, until: number): number {
    let tick = from;
    let end = until;
    for (;;) {
      const next = this.next(tick);
      if (next === null || next > until) return tick;
      const middle = Math.floor((next + end) / 2);
      const later = this.next(middle);
      if (later !== null && later <= until) tick = later;
      else {
        tick = next;
        end = middle;
      }
    }
  }

  /** Ticks after an instant up to another one, in order, at most so many. */
  between(after: number, until: number, limit: number): number[] {
    const ticks: number[] = [];
    for (let tick = this.next(after); tick !== null && tick <= until; tick = this.next(tick)) {
      if (ticks.length >= limit) break;
      ticks.push(tick);
    }
    return ticks;
  }
}

class Period {
  readonly #everyMs: number;
  readonly #anchorAt: number;

  constructor(everyMs: number, anchorAt: number) {
    this.#everyMs = everyMs;
    this.#anchorAt = anchorAt;
  }

  next(after: number): number {
    const passed = Math.floor((after - this.#anchorAt) / this.#everyMs);
    return this.#anchorAt + (passed + 1) * this.#everyMs;
  }
}

/** What a tick brings to its job: an id that only this tick of this schedule has, and a delay up to the jitter. */
export function tickIdentity(
  scheduleId: string,
  tick: number,
  jitterMs = 0,
): { jobId: string; delayMs: number } {
  const hash = sha256(`${scheduleId} ${tick}`);
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => parseInt(hash.slice(2 * at, 2 * at + 2), 16));
  const chance = parseInt(hash.slice(32, 44), 16) / 16 ** 12;
  return { jobId: uuidv7(Math.max(0, tick), bytes), delayMs: Math.floor(chance * jitterMs) };
}
