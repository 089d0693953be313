/** The share of the time that may be spent. */
const SHARE = 1 / 20;
/** What may be spent at once after a quiet time, in milliseconds. */
const SAVED_MS = 1000;
/**
 * What may be owed at most. Time that was waited for a stalled server counts as spent too, and must not keep it from being
 * done for long: this is earned in ten seconds.
 */
const OWED_MS = 500;

/** Keeps something that may become slow from taking more than a share of the time. */
export class Allowance {
  readonly #monotonic: () => number;
  #savedMs = SAVED_MS;
  #at: number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
    this.#at = monotonic();
  }

  /** Whether it may be done now. */
  get open(): boolean {
    this.#earn();
    return this.#savedMs > 0;
  }

  /** It was done and took this long. */
  spend(ms: number): void {
    this.#earn();
    this.#savedMs = Math.max(this.#savedMs - ms, -OWED_MS);
  }

  #earn(): void {
    const now = this.#monotonic();
    this.#savedMs = Math.min(SAVED_MS, this.#savedMs + (now - this.#at) * SHARE);
    this.#at = now;
  }
}
