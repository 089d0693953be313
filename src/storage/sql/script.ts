/**
 * An operation that both SQL backends share, written once: a generator that yields statements and receives their rows.
 * The backend drives it inside one transaction: SQLite synchronously (so nothing else can come between), PostgreSQL
 * with one round trip per statement.
 */
export type Script<T> = Generator<Statement, T, Row[]>;

/** One statement with numbered parameters (`$1`, `$2`, ...), which both backends understand. */
export interface Statement {
  /** The SQL text. */
  text: string;
  /** Values: text, numbers, null. Lists and rows travel as one JSON text. */
  params: SqlValue[];
}

/** A value that may be a parameter. */
export type SqlValue = string | number | null;

/** A row, columns by name. */
export type Row = Record<string, unknown>;

/** Runs one statement inside a script and gives its rows: `const rows = yield* run(text, [id])`. */
export function* run(text: string, params: SqlValue[] = []): Script<Row[]> {
  return yield { text, params };
}

/** Collects the parameters of a statement while its text is put together. */
export class Params {
  /** The values so far. */
  readonly values: SqlValue[] = [];

  /** Adds a value and gives the placeholder that stands for it. */
  add(value: SqlValue): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  /** Adds a list or rows as one JSON text and gives its placeholder. */
  json(value: unknown): string {
    return this.add(JSON.stringify(value));
  }
}
