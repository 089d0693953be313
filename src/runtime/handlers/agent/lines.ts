/** Cuts a stream of text into lines, in bounded memory: a line that is too long comes in pieces, marked as such. */
export class Lines {
  readonly #maxCharacters: number;
  #parts: string[] = [];
  #length = 0;
  #overlong = false;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Takes the next piece; calls `onLine` for each line that is complete, or for a piece of an overlong one. */
  push(text: string, onLine: (line: string, whole: boolean) => void): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      // The last piece of an overlong line brings its end along, so that what follows stands on a line of its own.
      this.#add(text.slice(start, this.#overlong ? end + 1 : end));
      this.#emit(onLine);
      this.#overlong = false;
      start = end + 1;
    }
    if (start < text.length) this.#add(text.slice(start));
    if (this.#length <= this.#maxCharacters) return;
    this.#overlong = true;
    this.#emit(onLine);
  }

  /** What came after the last line end; empty when nothing did. */
  rest(): string {
    return this.#take();
  }

  #add(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  #emit(onLine: (line: string, whole: boolean) => void): void {
    onLine(this.#take(), !this.#overlong);
  }

  #take(): string {
    const line = this.#parts.join("");
    this.#parts = [];
    this.#length = 0;
    return line;
  }
}
