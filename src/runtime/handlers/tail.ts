import { storableText } from "../../domain/json.ts";

/** The end of a text of any length, in bounded memory. */
export class Tail {
  readonly #max: number;
  #text = "";

  /** Keeps `max` characters. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Adds to the end. */
  push(text: string): void {
    this.#text = (this.#text + text.slice(-this.#max)).slice(-this.#max);
  }

  /** What is kept, as both stores can keep it. */
  get text(): string {
    return storableText(this.#text, this.#max);
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
