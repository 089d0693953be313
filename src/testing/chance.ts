import { uuidv7 } from "../domain/uuid.ts";
import type { JobIds } from "../runtime/ids.ts";

/**
 * Numbers in [0, 1) that follow from a seed: the same ones each time, and others for another seed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { seededRandom } from "./chance.ts";
 *
 * assert.equal(seededRandom(7)(), seededRandom(7)());
 * assert.notEqual(seededRandom(7)(), seededRandom(8)());
 * ```
 */
export function seededRandom(seed: number): () => number {
  // A Weyl sequence, whose state never repeats within 2^32 draws, through a mixing of its bits.
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** Ids that count up, so that jobs made at the same instant sort in the order in which they were made. */
export class CountedIds implements JobIds {
  readonly #bytes = new Uint8Array(16);
  readonly #count = new DataView(this.#bytes.buffer, 12);
  #last = 0;

  /** The next one. */
  next(now: number): string {
    this.#count.setUint32(0, ++this.#last);
    return uuidv7(now, this.#bytes);
  }
}
