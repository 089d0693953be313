import { oneLine } from "./sanitize.ts";
import { paint, type Part, styleOf, textOf } from "./style.ts";

/** A column of a table. */
export interface Column {
  /** Its heading. */
  title: string;
  /** Numbers stand to the right. @default "left" */
  align?: "left" | "right";
  /** Whether it gives way when the terminal is too narrow. @default false */
  shrinks?: boolean;
}

/** Options of {@linkcode renderTable}. */
export interface TableOptions {
  /** Whether to use colours. */
  colour: boolean;
  /** Characters in a line; without it nothing is cut. */
  width?: number;
}

const GAP = "  ";
const NARROWEST = 8;

/** A table with aligned columns, one line a row, all cells made harmless. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly Part[][],
  options: TableOptions,
): string {
  const texts = rows.map((row) => columns.map((_, index) => oneLine(textOf(row[index] ?? ""))));
  const widths = columns.map(({ title }, index) =>
    texts.reduce((width, row) => Math.max(width, displayWidth(row[index] ?? "")), title.length)
  );
  if (options.width !== undefined) shrink(columns, widths, options.width);
  const line = (cells: string[], style: (index: number) => Parameters<typeof paint>[1]): string => {
    const fitted = cells.map((cell, index) => fit(cell, widths[index] ?? 0, columns[index]?.align ?? "left"));
    return fitted.map((cell, index) => paint(cell, style(index), options.colour)).join(GAP).trimEnd();
  };
  const head = line(columns.map(({ title }) => title), () => "dim");
  const body = rows.map((row, at) => line(texts[at] ?? [], (index) => styleOf(row[index] ?? "")));
  return [head, ...body].map((text) => `${text}\n`).join("");
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  let over = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (widths.length - 1) - width;
  for (let index = columns.length - 1; index >= 0 && over > 0; index--) {
    if (!columns[index]?.shrinks) continue;
    const give = Math.min(over, Math.max(0, (widths[index] ?? 0) - NARROWEST));
    widths[index] = (widths[index] ?? 0) - give;
    over -= give;
  }
}

function fit(text: string, width: number, align: "left" | "right"): string {
  const actual = displayWidth(text);
  if (actual > width) return cut(text, width);
  const padding = " ".repeat(width - actual);
  return align === "right" ? padding + text : text + padding;
}

function cut(text: string, width: number): string {
  let result = "";
  let used = 0;
  for (const char of text) {
    const next = displayWidth(char);
    if (used + next > width - 1) break;
    result += char;
    used += next;
  }
  return `${result}…${" ".repeat(Math.max(0, width - used - 1))}`;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const ZERO = /[\p{M}\u200b-\u200d\ufe00-\ufe0f]/u;

/** How many columns of a terminal the text takes. */
export function displayWidth(text: string): number {
  // deno-lint-ignore no-control-regex
  if (/^[\u0000-\u024f]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += ZERO.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}
