import type { Clock } from "./clock.ts";

/**
 * The store's time as this process knows it: the last reading plus what has passed on the monotonic clock since. A
 * wrong or stepping wall clock on this machine therefore starts nothing early.
 */
export class StoreTime {
  readonly #clock: Clock;
  #reading: number;
  #readAt: number;

  constructor(clock: Clock, reading: number) {
    this.#clock = clock;
    this.#reading = reading;
    this.#readAt = clock.monotonic();
  }

  /** Asks the store for its time and builds the clock around the answer. */
  static async of(clock: Clock, ask: () => Promise<number>): Promise<StoreTime> {
    const time = new StoreTime(clock, 0);
    await time.refresh(ask);
    return time;
  }

  /** The store's time now, whole epoch milliseconds. */
  now(): number {
    return Math.floor(this.#reading + this.#clock.monotonic() - this.#readAt);
  }

  /** Reads the store's time again; half of the round trip is taken as the way back. */
  async refresh(ask: () => Promise<number>): Promise<void> {
    const before = this.#clock.monotonic();
    const reading = await ask();
    const after = this.#clock.monotonic();
    this.#reading = reading;
    this.#readAt = before + (after - before) / 2;
  }
}
