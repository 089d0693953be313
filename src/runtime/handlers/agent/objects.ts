import { BoundedText, type Cut, type Cutter, type TextBounds } from "./bounded_text.ts";

/** What stands between the objects of a list. */
const SEPARATORS = /^[\s,[\]]*$/;

/**
 * Cuts a JSON document into its outermost objects: the items of a list, or the document itself. So a long list needs
 * no more memory than its longest item. What is neither object nor separator is given as well.
 */
export class Objects implements Cutter {
  readonly #part: BoundedText;
  #depth = 0;
  #quoted = false;
  #escaped = false;

  constructor(bounds: TextBounds) {
    this.#part = new BoundedText(bounds);
  }

  push(text: string, onCut: (cut: Cut) => void): void {
    let start = 0;
    const cut = (end: number): void => {
      this.#part.add(text.slice(start, end));
      start = end;
      const part = this.rest();
      if (part.text !== "") onCut(part);
    };
    for (let at = 0; at < text.length; at++) {
      const before = this.#depth;
      this.#step(text[at]);
      if (before === 0 && this.#depth === 1) cut(at);
      if (before === 1 && this.#depth === 0) cut(at + 1);
    }
    this.#part.add(text.slice(start));
  }

  rest(): Cut {
    const part = this.#part.take();
    return part.omitted === 0 && SEPARATORS.test(part.text) ? { text: "", omitted: 0 } : part;
  }

  #step(char: string | undefined): void {
    if (this.#escaped) this.#escaped = false;
    else if (this.#quoted) {
      if (char === "\\") this.#escaped = true;
      else if (char === '"') this.#quoted = false;
    } else if (char === "{") this.#depth++;
    else if (this.#depth === 0) return;
    else if (char === "}") this.#depth--;
    else if (char === '"') this.#quoted = true;
  }
}
