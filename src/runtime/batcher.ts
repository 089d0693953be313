import { turn } from "../domain/clock.ts";
import { JobdError } from "../domain/errors.ts";

/** Options of {@linkcode Batcher}. */
export interface BatcherOptions<T, R> {
  /** Writes items together; answers in their order. */
  flush(items: T[]): Promise<R[]>;
  /** At most this much weight goes into one flush. */
  maxWeight: number;
  /** The weight of an item. @default 1 each */
  weigh?(item: T): number;
  /** Flushes under way at the same time. Items of different flushes may be written in any order. @default 1 */
  lanes?: number;
}

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Group commit: while a flush is under way the next items gather and go together as soon as it returns. There is no
 * timer, so a lone call pays no waiting time and a busy process makes few, large statements. What does wait is one turn of
 * the event loop: timers and replies that are due at the same moment are handled one after the other, and a store that
 * answers at once, as SQLite does, would otherwise get a statement for each of them.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #lanes = 0;
  #idle: (() => void)[] = [];
  #waiting: Waiting<T, R>[] = [];

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** Adds an item; resolves when it is written. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#lanes < (this.#options.lanes ?? 1)) void this.#run();
    });
  }

  /** Resolves when everything added so far has been answered. */
  idle(): Promise<void> {
    if (this.#lanes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    this.#lanes++;
    await turn();
    while (this.#waiting.length > 0) {
      await this.#flush(this.#take());
      await turn();
    }
    if (--this.#lanes === 0) { for (const resolve of this.#idle.splice(0)) resolve(); }
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
