/** Text that came in pieces, or the beginning of one that is too long. */
export interface Cut {
  /** The text. */
  text: string;
  /** Characters that are missing at its end; 0 for a whole one. */
  omitted: number;
}

/** Cuts a stream of text where its form says so. */
export interface Cutter {
  /** Takes the next piece; calls `onCut` for each part that is complete. */
  push(text: string, onCut: (cut: Cut) => void): void;
  /** What came after the last cut; empty when nothing did. */
  rest(): Cut;
}

/** Bounds of a text, in characters. */
export interface TextBounds {
  /** The longest text that is kept whole. */
  whole: number;
  /** What is kept of the beginning of a longer one. */
  beginning: number;
}

/** Gathers a text in bounded memory: once it is too long, all but its beginning is dropped and the rest only counted. */
export class BoundedText {
  readonly #bounds: TextBounds;
  /** Joined only at the end, since each join is a copy. */
  #parts: string[] = [];
  #length = 0;
  #overlong = false;

  constructor(bounds: TextBounds) {
    this.#bounds = bounds;
  }

  /** Adds to the end. */
  add(text: string): void {
    this.#length += text.length;
    if (this.#overlong) return;
    this.#parts.push(text);
    if (this.#length <= this.#bounds.whole) return;
    this.#overlong = true;
    this.#parts = [beginning(this.#parts, this.#bounds.beginning)];
  }

  /** Gives what was gathered and begins anew. */
  take(): Cut {
    const text = this.#parts.join("");
    const omitted = this.#length - text.length;
    this.#parts = [];
    this.#length = 0;
    this.#overlong = false;
    return { text, omitted };
  }
}

/** The first characters of a text in parts, made of no more parts than needed. */
function beginning(parts: readonly string[], length: number): string {
  let text = "";
  for (const part of parts) {
    if (text.length >= length) break;
    text += part.slice(0, length - text.length);
  }
  return text;
}
