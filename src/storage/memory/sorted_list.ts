/** Items in order, as an index of a database would keep them. No two items compare as equal. */
export class SortedList<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  /** @param compare negative when the first comes before the second, 0 only for the same item */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The first item. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** How many there are. */
  get size(): number {
    return this.#items.length;
  }

  /** Puts an item into its place. */
  add(item: T): void {
    this.#items.splice(this.#placeOf(item), 0, item);
  }

  /** Takes an item out, which must be there: what the order goes by may not have changed since it was added. */
  delete(item: T): void {
    const place = this.#placeOf(item);
    if (this.#items[place] !== item) throw new Error("The item is not in its place");
    this.#items.splice(place, 1);
  }

  /** The first items that fulfil the condition, at most `limit`. */
  firstWhere(limit: number, condition: (item: T) => boolean): T[] {
    const found: T[] = [];
    for (const item of this.#items) {
      if (found.length >= limit) break;
      if (condition(item)) found.push(item);
    }
    return found;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }

  /** Where the item is or belongs. */
  #placeOf(item: T): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#items[middle] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
