/** The share of the time that may be spent. */
const SHARE = 1 / 20;
/** What may be spent at once after a quiet time, in milliseconds. */
const SAVED_MS = 1000;

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
    this.#savedMs -= ms;
  }

  #earn(): void {
    const now = this.#monotonic();
    this.#savedMs = Math.min(SAVED_MS, this.#savedMs + (now - this.#at) * SHARE);
    this.#at = now;
  }
}
