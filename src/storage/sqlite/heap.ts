/** A binary heap: the item with the lowest key is on top. */
export class Heap<T> {
  readonly #items: T[];
  readonly #keyOf: (item: T) => number;

  /** Takes the list over. */
  constructor(items: T[], keyOf: (item: T) => number) {
    this.#items = items;
    this.#keyOf = keyOf;
    for (let at = items.length >> 1; at-- > 0;) this.#sink(at);
  }

  /** The lowest item. */
  get top(): T | undefined {
    return this.#items[0];
  }

  /** Removes the lowest item. */
  pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  /** Finds the place of the lowest item anew, after its key has grown. */
  sink(): void {
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    const key = this.#key(from);
    for (let at = from;;) {
      const left = 2 * at + 1;
      const child = this.#key(left + 1) < this.#key(left) ? left + 1 : left;
      if (key <= this.#key(child)) return;
      const item = items[at] as T;
      items[at] = items[child] as T;
      items[child] = item;
      at = child;
    }
  }

  #key(at: number): number {
    return at < this.#items.length ? this.#keyOf(this.#items[at] as T) : Number.POSITIVE_INFINITY;
  }
}
