import { CronPattern } from "./cron.ts";
import { TimeZone, type ZoneSpan } from "./time_zone.ts";

/** Longer than any change of clocks: a day is left out or repeated at most. */
const REACH_MS = 26 * 3_600_000;
/** Expressions that were read are kept, up to this many: thousands of schedules share a few of them. */
const KEPT_MAX = 1_000;
const kept = new Map<string, ZonedCron>();

/**
 * Times of a cron expression on the clocks of a place. The rules for the days on which clocks are changed:
 *
 * - An expression that names hours goes by the clock on the wall. A time that does not exist, because the clocks are put
 *   forward over it, happens at the first instant after the gap; several such times happen there once. A time that comes
 *   twice, because the clocks are put back, happens the first time only.
 * - An expression for every hour goes by the time that passes: nothing happens in a gap, for there is no time in it, and in
 *   an hour that comes twice it happens in both.
 */
export class ZonedCron {
  readonly #pattern: CronPattern;
  readonly #zone: TimeZone;
  /** Schedules with the same expression ask the same at the same time. */
  #latest: { after: number; next: number | null } | undefined;

  private constructor(expression: unknown, zone: unknown) {
    this.#pattern = CronPattern.parse(expression);
    this.#zone = TimeZone.of(zone);
  }

  /** An expression on the clocks of a zone. @throws {JobdError} `invalid_request` for a bad expression or an unknown zone */
  static of(expression: unknown, zone: unknown): ZonedCron {
    const key = JSON.stringify([expression, zone]);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = new ZonedCron(expression, zone);
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(key, made);
    return made;
  }

  /** The first instant after this one, epoch milliseconds; null when there is none. */
  next(after: number): number | null {
    if (this.#latest?.after !== after) this.#latest = { after, next: this.#find(after) };
    return this.#latest.next;
  }

  #find(after: number): number | null {
    let before: ZoneSpan | undefined;
    let span = this.#zone.spanAt(after - REACH_MS);
    for (;;) {
      if (span.end > after) {
        const found = this.#nextIn(span, before, after);
        if (found !== null) return found;
      }
      // Whatever the clocks do, nothing happens between here and the next time that the calendar has.
      const next = this.#pattern.next(Math.max(span.end, after) + span.offset - REACH_MS);
      if (next === null) return null;
      const far = next - span.offset - 2 * REACH_MS;
      before = far > span.end ? undefined : span;
      span = this.#zone.spanAt(Math.max(span.end, far));
    }
  }

  #nextIn(span: ZoneSpan, before: ZoneSpan | undefined, after: number): number | null {
    const { start, end, offset } = span;
    const opens = start + offset;
    /** What the clock showed when it was changed to this span's time. */
    const shown = before === undefined || this.#pattern.everyHour ? opens : before.end + before.offset;
    if (shown < opens && start > after) {
      const skipped = this.#pattern.next(shown - 1);
      if (skipped !== null && skipped < opens) return start;
    }
    const found = this.#pattern.next(Math.max(after + offset, Math.max(opens, shown) - 1));
    return found === null || found - offset >= end ? null : found - offset;
  }
}
