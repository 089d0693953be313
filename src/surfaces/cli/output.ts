import type { Sink } from "./host.ts";
import { oneLine, safeJson, severalLines } from "./sanitize.ts";
import { paint, type Part, type Style, styleOf, textOf } from "./style.ts";
import { type Column, renderTable } from "./table.ts";

/** Options of {@linkcode Output}. */
export interface OutputOptions {
  /** Where results go. */
  stdout: Sink;
  /** Where notes go. */
  stderr: Sink;
  /** Whether results are JSON. */
  json: boolean;
  /** Whether colours are allowed; they are used on terminals only. */
  colour: boolean;
}

/** Everything the commands say. Data is made harmless here, so no command can forget it. */
export class Output {
  /** Whether results are JSON. */
  readonly json: boolean;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #outColour: boolean;
  readonly #errColour: boolean;
  #progressShown = false;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    this.#outColour = options.colour && options.stdout.isTerminal;
    this.#errColour = options.colour && options.stderr.isTerminal;
  }

  /** Aborted when nobody reads the results any more. */
  get closed(): AbortSignal {
    return this.#stdout.closed;
  }

  /** Whether a person looks at the results. */
  get isTerminal(): boolean {
    return this.#stdout.isTerminal;
  }

  /** A JSON document. */
  document(value: unknown): void {
    this.#results(`${safeJson(value, 2)}\n`);
  }

  /** A JSON document on one line. */
  jsonLine(value: unknown): void {
    this.#results(`${safeJson(value)}\n`);
  }

  /** A line of a result. */
  line(...parts: Part[]): void {
    this.#results(`${render(parts, this.#outColour)}\n`);
  }

  /** A table. */
  table(columns: readonly Column[], rows: readonly Part[][]): void {
    const width = this.#stdout.isTerminal ? { width: this.#stdout.columns() } : {};
    this.#results(renderTable(columns, rows, { colour: this.#outColour, ...width }));
  }

  /** Text of several lines, such as a log. */
  text(text: string, style: Style = "plain"): void {
    this.#results(paint(severalLines(text), style, this.#outColour));
  }

  /** Text exactly as it is, control characters included: only for those who ask for it. */
  raw(text: string): void {
    this.#results(text);
  }

  /** Clears the terminal and starts at its top. */
  clear(): void {
    if (this.#stdout.isTerminal) this.#results("\u001b[H\u001b[2J\u001b[3J");
  }

  /** A line beside the results. */
  note(...parts: Part[]): void {
    this.endProgress();
    this.#stderr.write(`${render(parts, this.#errColour)}\n`);
  }

  /** Text of several lines beside the results. */
  noteText(text: string, style: Style = "plain"): void {
    this.endProgress();
    this.#stderr.write(paint(severalLines(text), style, this.#errColour));
  }

  /** A line that the next one replaces; only on a terminal. */
  progress(text: string): void {
    if (!this.#stderr.isTerminal) return;
    this.#stderr.write(`\r\u001b[K${oneLine(text).slice(0, this.#stderr.columns() - 1)}`);
    this.#progressShown = true;
  }

  /** Takes the progress line away. */
  endProgress(): void {
    if (!this.#progressShown) return;
    this.#stderr.write("\r\u001b[K");
    this.#progressShown = false;
  }

  /** Waits until the reader has taken what was written. */
  async flush(): Promise<void> {
    await this.#stdout.flush();
    await this.#stderr.flush();
  }

  #results(text: string): void {
    this.endProgress();
    this.#stdout.write(text);
  }
}

function render(parts: Part[], colour: boolean): string {
  return parts.map((part) => paint(oneLine(textOf(part)), styleOf(part), colour)).join("");
}
