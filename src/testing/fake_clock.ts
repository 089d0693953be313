import { type Clock, turn } from "../domain/clock.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import { JobdError } from "../domain/errors.ts";
import { formatInstant, parseInstant } from "../domain/instant.ts";
import { SortedList } from "../storage/memory/sorted_list.ts";

/** Options of {@linkcode FakeClock.until}. */
export interface UntilOptions {
  /** Give up when this much time has passed on the clock. @default "7d" */
  within?: Duration;
}

interface Timer {
  readonly at: number;
  readonly nr: number;
  fn(): void;
}

/** Turns of the event loop in which a lone clock lets promises settle. */
const TURNS = 20;
const DAY_MS = 86_400_000;

/**
 * Time that stands still until it is told to go on. It goes from one timer to the next, and after each it lets everything
 * come to its end that the timer has set off, so that what happens depends on the times alone.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { FakeClock } from "./fake_clock.ts";
 *
 * const clock = new FakeClock("2026-03-01T00:00:00Z");
 * let rang = false;
 * clock.after(3_600_000, () => rang = true);
 * await clock.advance("59m");
 * assert.equal(rang, false);
 * await clock.advance("1m");
 * assert.equal(rang, true);
 * ```
 */
export class FakeClock implements Clock {
  readonly #timers = new SortedList<Timer>((a, b) => a.at - b.at || a.nr - b.nr);
  readonly #settled: () => Promise<unknown>;
  #now: number;
  #elapsed = 0;
  #set = 0;
  #moving: Promise<unknown> | undefined;

  /**
   * `settled` lets everything run that waits for nothing but its turn; without one that is twenty turns of the event loop.
   *
   * @param now the time at the start: a `Date`, epoch milliseconds, or ISO 8601 text
   * @throws {JobdError} `invalid_request` for a bad time
   */
  constructor(
    now: Date | number | string = Date.UTC(2026, 0, 1),
    settled: () => Promise<unknown> = twentyTurns,
  ) {
    this.#now = parseInstant(now);
    this.#settled = settled;
  }

  /** The time, epoch milliseconds. */
  now(): number {
    return this.#now;
  }

  /** How much time has passed since the clock was made, in milliseconds. */
  monotonic(): number {
    return this.#elapsed;
  }

  /** Calls `fn` once when this much time has passed; the returned function takes it back. */
  after(ms: number, fn: () => void): () => void {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), nr: this.#set++, fn };
    let waits = true;
    this.#timers.add(timer);
    timer.fn = () => {
      waits = false;
      fn();
    };
    return () => {
      if (waits) this.#timers.delete(timer);
      waits = false;
    };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock without letting time pass, as an administrator would; back as well as forth. */
  step(ms: number): void {
    this.#now += ms;
  }

  /** Lets everything come to its end that needs no more time. */
  async settle(): Promise<void> {
    await this.#settled();
  }

  /**
   * Lets time pass: everything that is due by then happens, in order, and comes to its end. Calls wait for one another.
   *
   * @throws {JobdError} `invalid_request` for what is no duration
   */
  async advance(time: Duration): Promise<void> {
    const ms = parseDuration(time, "time to advance by");
    await this.#move(() => this.#passUntil(this.#elapsed + ms));
  }

  /**
   * Lets time pass until then.
   *
   * @throws {JobdError} `invalid_request` for what is no time, or one that has passed: {@linkcode FakeClock.step} goes back
   */
  async set(time: Date | number | string): Promise<void> {
    const then = parseInstant(time);
    await this.#move(async () => {
      if (then < this.#now) {
        throw new JobdError("invalid_request", `The clock is past ${formatInstant(then)}: it is ${this}`, {
          hint: "`step()` sets the wall clock back without letting time pass.",
        });
      }
      await this.#passUntil(this.#elapsed + then - this.#now);
    });
  }

  /** Lets time pass until the next timer is due, and what it sets off come to its end; false when there is none. */
  async next(): Promise<boolean> {
    let found = false;
    await this.#move(async () => {
      await this.#settled();
      const { first } = this.#timers;
      found = first !== undefined;
      if (first !== undefined) await this.#fire(first);
    });
    return found;
  }

  /**
   * Lets time pass as far as it takes for a promise to settle, and gives what it gives. If everything comes to its end
   * without time, none passes.
   *
   * @throws {JobdError} `timed_out` when it has not settled in time, or waits for nothing that this clock brings; besides
   * what the promise rejects with
   */
  async until<T>(promise: PromiseLike<T>, { within = 7 * DAY_MS }: UntilOptions = {}): Promise<T> {
    const end = this.#elapsed + parseDuration(within, "time to wait");
    let open = true;
    const close = (): void => void (open = false);
    const closed = Promise.resolve(promise).then(close, close);
    while (open) {
      // Whoever moves the time already moves it for this promise too.
      if (this.#moving !== undefined) await Promise.race([closed, this.#moving]);
      else await this.#move(() => this.#passWhile(() => open, end));
    }
    return await promise;
  }

  /** The time as ISO 8601. */
  toString(): string {
    return formatInstant(this.#now);
  }

  async #move(work: () => Promise<void>): Promise<void> {
    while (this.#moving !== undefined) await this.#moving;
    const moved = work();
    const moving = moved.then(() => {}, () => {});
    this.#moving = moving.then(() => this.#moving = undefined);
    await moved;
  }

  async #passUntil(end: number): Promise<void> {
    await this.#settled();
    for (let next = this.#timers.first; next !== undefined && next.at <= end; next = this.#timers.first) {
      await this.#fire(next);
    }
    this.#pass(end - this.#elapsed);
    await this.#settled();
  }

  async #passWhile(open: () => boolean, end: number): Promise<void> {
    await this.#settled();
    while (open()) {
      const next = this.#timers.first;
      if (next === undefined) {
        throw new JobdError("timed_out", "What is waited for does not come: nothing waits for the time", {
          hint: "It waits for something outside the clock, or nothing works on it: is there a worker for it?",
        });
      }
      if (next.at > end) {
        throw new JobdError("timed_out", `What is waited for has not come by ${this}`, {
          hint: "Is there a worker for it? `within` gives it more time.",
        });
      }
      await this.#fire(next);
    }
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers.delete(timer);
    this.#pass(timer.at - this.#elapsed);
    timer.fn();
    await this.#settled();
  }

  #pass(ms: number): void {
    this.#elapsed += Math.max(0, ms);
    this.#now += Math.max(0, ms);
  }
}

async function twentyTurns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await turn();
}
