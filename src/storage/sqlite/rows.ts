/** Rows in one statement: what a call into SQLite costs besides its work is paid once for all of them. */
const SIZES = [50, 10, 1];

/** A statement for many rows at once. */
export interface ManyRows {
  /** Its text with one group of parameters for each row. */
  text(rows: number): string;
}

/** Makes a statement for many rows from what stands before and behind the groups of parameters. */
export function manyRows(width: number, before: string, behind = ""): ManyRows {
  const group = `(${Array.from({ length: width }, () => "?").join(", ")})`;
  const texts = new Map<number, string>();
  return {
    text(rows) {
      let text = texts.get(rows);
      if (text === undefined) {
        text = `${before} ${Array.from({ length: rows }, () => group).join(", ")} ${behind}`;
        texts.set(rows, text);
      }
      return text;
    },
  };
}

/** Cuts a list into pieces of the few sizes for which statements are kept. */
export function* pieces<T>(list: T[]): Generator<T[]> {
  let at = 0;
  for (const size of SIZES) {
    for (; list.length - at >= size; at += size) yield list.slice(at, at + size);
  }
}
