import { storableText } from "../../domain/json.ts";

/** Pieces up to this length are put together, in characters. */
const SMALL_PIECE = 4 * 1024;

/** The end of a text of any length, in bounded memory. */
export class Tail {
  readonly #max: number;
  /** Never joined before somebody reads it: a flood would leave a copy behind with every piece. */
  #pieces: string[] = [];
  #length = 0;

  /** Keeps `max` characters. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Adds to the end. */
  push(text: string): void {
    const piece = text.slice(-this.#max);
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.length + piece.length <= SMALL_PIECE) {
      this.#pieces[this.#pieces.length - 1] = last + piece;
    } else this.#pieces.push(piece);
    this.#length += piece.length;
    for (let first = this.#pieces[0]; first && this.#length - first.length >= this.#max;) {
      this.#pieces.shift();
      this.#length -= first.length;
      first = this.#pieces[0];
    }
  }

  /** What is kept, as both stores can keep it. */
  get text(): string {
    return storableText(this.#pieces.join("").slice(-this.#max), this.#max);
  }
}

/** The last line that says something, for a message; without control characters and at most 300 characters long. */
export function lastLine(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(CONTROL, "").trim());
  return lines.findLast((line) => line !== "")?.slice(0, 300).toWellFormed() ?? "";
}

// Escape sequences of terminals as a whole, then what is left of control characters.
// deno-lint-ignore no-control-regex
const CONTROL = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x1f\x7f-\x9f]/g;
