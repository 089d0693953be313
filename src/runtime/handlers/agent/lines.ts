import { BoundedText, type Cut, type Cutter, type TextBounds } from "./bounded_text.ts";

/** Cuts a stream of text into lines, without their ends. */
export class Lines implements Cutter {
  readonly #line: BoundedText;

  constructor(bounds: TextBounds) {
    this.#line = new BoundedText(bounds);
  }

  push(text: string, onCut: (cut: Cut) => void): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#line.add(text.slice(start, end));
      onCut(this.#line.take());
      start = end + 1;
    }
    if (start < text.length) this.#line.add(text.slice(start));
  }

  rest(): Cut {
    return this.#line.take();
  }
}
