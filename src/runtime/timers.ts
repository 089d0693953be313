import type { Clock } from "../domain/clock.ts";

interface Timer {
  at: number;
  fn(): void;
}

/** Many timers behind one of the clock's. Most timeouts of jobs never come, and a timer of its own costs each job more. */
export class Timers implements Pick<Clock, "after"> {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #next = Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fn` once after `ms`; the returned function takes it back. */
  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#clock.monotonic() + ms, fn };
    this.#timers.add(timer);
    if (timer.at < this.#next) this.#arm(timer.at, ms);
    return () => {
      // The clock's timer stays for the others, and finds nothing to do if it was for this one.
      if (this.#timers.delete(timer) && this.#timers.size === 0) this.#disarm();
    };
  }

  #arm(at: number, ms: number): void {
    this.#disarm();
    this.#next = at;
    this.#cancel = this.#clock.after(ms, () => this.#fire());
  }

  #disarm(): void {
    this.#next = Infinity;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #fire(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    let next = Infinity;
    for (const timer of [...this.#timers]) {
      if (timer.at > now) next = Math.min(next, timer.at);
      else if (this.#timers.delete(timer)) timer.fn();
    }
    // What was just called may have added or removed some.
    if (this.#timers.size > 0 && next < this.#next) this.#arm(next, next - now);
  }
}
