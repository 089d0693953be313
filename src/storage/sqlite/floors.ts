/** How long floors are believed, in milliseconds of the store's time. */
const BELIEVED_MS = 600_000;
/** Sets of types that are remembered; a fleet of workers has few. */
const SETS_LIMIT = 64;

/**
 * Per set of types and lane, the place up to which no job of these types is left. SQLite has one writer, so places are
 * taken in the order of commits and nothing appears below a place that was seen: a claim need not pass the jobs of
 * other types again. Nothing relies on it: the floors are dropped from time to time, and after a failed transaction.
 */
export class Floors {
  #sets = new Map<string, Map<string, number>>();
  #since = Number.NEGATIVE_INFINITY;

  /** The floors for these types; what is written into the map is kept. */
  of(types: string[] | "all", now: number): Map<string, number> {
    // All jobs that are claimed leave the lane, so without a filter there is nothing to pass.
    if (types === "all") return new Map();
    if (now < this.#since || now - this.#since > BELIEVED_MS || this.#sets.size > SETS_LIMIT) {
      this.drop();
      this.#since = now;
    }
    const key = JSON.stringify(types.toSorted());
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const fresh = new Map<string, number>();
    this.#sets.set(key, fresh);
    return fresh;
  }

  /** Forgets everything. */
  drop(): void {
    this.#sets.clear();
  }
}
