import { JobdError } from "../domain/errors.ts";

/** Options of {@linkcode Batcher}. */
export interface BatcherOptions<T, R> {
  /** Writes items together; answers in their order. */
  flush(items: T[]): Promise<R[]>;
  /** At most this much weight goes into one flush. */
  maxWeight: number;
  /** The weight of an item. @default 1 each */
  weigh?(item: T): number;
}

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Group commit: while one flush is under way the next items gather and go together as soon as it returns. There is no
 * timer, so a lone call pays no waiting time and a busy process makes few, large statements.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #flushing: Promise<void> | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** Adds an item; resolves when it is written. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#flushing ??= this.#run();
    });
  }

  /** Resolves when everything added so far has been answered. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
  }

  async #run(): Promise<void> {
    // One turn of the microtask queue lets callers of the same tick share the flush, also when the store is synchronous.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#flush(this.#take());
    this.#flushing = undefined;
  }

  #take(): Waiting<T, R>[] {
    const { maxWeight, weigh = () => 1 } = this.#options;
    let weight = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      weight += weigh(item);
      if (count > 0 && weight > maxWeight) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #flush(group: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#options.flush(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => resolve(results[index] as R));
    } catch (error) {
      if (group.length === 1 || isAvailability(error)) return group.forEach(({ reject }) => reject(error));
      // One bad item must not fail its neighbours: write them one by one.
      for (const one of group) await this.#flush([one]);
    }
  }
}

function isAvailability(error: unknown): boolean {
  return error instanceof JobdError && error.code === "store_unavailable";
}
