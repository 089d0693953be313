import { uuidv7 } from "../domain/uuid.ts";

/** Ids made of one draw: asking the system for chance each time would take longer than making the id. */
const DRAW = 256;
const ID_BYTES = 16;

/** Where ids of jobs come from. */
export interface JobIds {
  /** A fresh UUID in lower case; later ones should sort after earlier ones. @param now epoch milliseconds */
  next(now: number): string;
}

/** Makes ids of jobs. */
export class Ids implements JobIds {
  readonly #bytes = new Uint8Array(DRAW * ID_BYTES);
  #at = this.#bytes.length;

  /** A fresh id. @param now epoch milliseconds */
  next(now: number): string {
    if (this.#at >= this.#bytes.length) {
      crypto.getRandomValues(this.#bytes);
      this.#at = 0;
    }
    return uuidv7(now, this.#bytes.subarray(this.#at, this.#at += ID_BYTES));
  }
}
