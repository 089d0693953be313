import type { Clock } from "../domain/clock.ts";

/** A reading that lies further back than this is a step of the store's clock, not the noise of a slow answer. */
const STEP_MS = 1_000;

/**
 * The store's time as this process knows it: the last reading plus what has passed on the monotonic clock since its
 * answer came. So it is never ahead of the store, only behind by the way of the answer: nothing starts early, whatever
 * the wall clock of this machine says.
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
    return new StoreTime(clock, await ask());
  }

  /** The store's time now, whole epoch milliseconds. */
  now(): number {
    return Math.floor(this.#reading + this.#clock.monotonic() - this.#readAt);
  }

  /** Reads the store's time again. A slower answer than before says nothing new and does not set the clock back. */
  async refresh(ask: () => Promise<number>): Promise<void> {
    const reading = await ask();
    const behindMs = this.now() - reading;
    if (behindMs >= 0 && behindMs < STEP_MS) return;
    this.#reading = reading;
    this.#readAt = this.#clock.monotonic();
  }
}
