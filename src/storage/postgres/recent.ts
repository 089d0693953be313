import type { Clock } from "../../domain/clock.ts";

/** What was read a moment ago, for those who ask often; all who ask meanwhile share one read. */
export class Recent<T> {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #freshMs: number;
  readonly #read: () => Promise<T>;
  #at = -Infinity;
  #value: Promise<T> | undefined;

  /** A value counts as fresh for so long from the moment at which reading it began. */
  constructor(clock: Pick<Clock, "monotonic">, freshMs: number, read: () => Promise<T>) {
    this.#clock = clock;
    this.#freshMs = freshMs;
    this.#read = read;
  }

  /** The value; a failure to read it is not remembered. */
  get(): Promise<T> {
    const now = this.#clock.monotonic();
    if (this.#value !== undefined && now - this.#at < this.#freshMs) return this.#value;
    this.#at = now;
    const value = this.#read();
    this.#value = value;
    value.catch(() => {
      if (this.#value === value) this.#value = undefined;
    });
    return value;
  }

  /** Makes the next one who asks read. */
  forget(): void {
    this.#value = undefined;
  }
}
