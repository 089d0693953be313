/**
 * A pipe writes so many bytes at once or not at all, whoever else writes to it: a frame is sent in pieces of this size, so
 * that no output of the handler, or of a program that shares its pipes, can end up inside a piece.
 */
const PIECE_MAX = 4_096;

/** What starts a piece. The nonce is known to jobd's own code in the process alone, so nothing that is printed looks like one. */
function mark(nonce: string): string {
  return `\0jobd:${nonce}:`;
}

/** A message as the pieces to be written, each with one call. They are ASCII, so a piece never splits a character. */
export function framed(message: unknown, nonce: string): string[] {
  const text = JSON.stringify(message).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const head = mark(nonce);
  const room = PIECE_MAX - head.length - 2;
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += room) {
    const last = at + room >= text.length;
    pieces.push(`${head}${last ? "." : "+"}${text.slice(at, at + room)}\n`);
  }
  return pieces;
}

/** Tells messages and output apart that come through one pipe. */
export class FrameReader {
  readonly #mark: string;
  readonly #onMessage: (message: unknown) => void;
  readonly #onOutput: (text: string) => void;
  #rest = "";
  #message = "";

  constructor(nonce: string, on: { message(message: unknown): void; output(text: string): void }) {
    this.#mark = mark(nonce);
    this.#onMessage = (message) => on.message(message);
    this.#onOutput = (text) => on.output(text);
  }

  /** What came through the pipe. */
  push(text: string): void {
    this.#rest += text;
    for (;;) {
      const start = this.#rest.indexOf(this.#mark);
      if (start < 0) return this.#outputAllBut(this.#markBegun());
      if (start > 0) this.#output(start);
      const end = this.#rest.indexOf("\n");
      if (end < 0) return;
      const piece = this.#rest.slice(this.#mark.length, end);
      this.#rest = this.#rest.slice(end + 1);
      this.#piece(piece);
    }
  }

  /** Nothing more comes: what looked like the beginning of a mark was output. */
  close(): void {
    if (!this.#rest.startsWith(this.#mark)) this.#output(this.#rest.length);
  }

  #piece(piece: string): void {
    this.#message += piece.slice(1);
    if (!piece.startsWith(".")) return;
    const message: unknown = JSON.parse(this.#message);
    this.#message = "";
    this.#onMessage(message);
  }

  #outputAllBut(kept: number): void {
    this.#output(this.#rest.length - kept);
  }

  #output(length: number): void {
    if (length === 0) return;
    const text = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    this.#onOutput(text);
  }

  /** How many characters at the end may be the beginning of a mark. */
  #markBegun(): number {
    const start = this.#rest.lastIndexOf("\0");
    if (start < 0) return 0;
    const tail = this.#rest.slice(start);
    return this.#mark.startsWith(tail) ? tail.length : 0;
  }
}
