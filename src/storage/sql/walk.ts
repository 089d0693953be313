import { isUuid } from "../../domain/uuid.ts";
import { badCursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";

/** One column of the key that a walk follows. */
export interface KeyColumn {
  /** The column, with its alias. */
  name: string;
  /** What it holds. */
  type: "uuid" | "text" | "number" | "instant";
}

/** Something with a unique, ordered key that can be walked in pieces. */
export interface Source {
  /** FROM items of the walk itself: as few as possible, so that rows that are only passed cost little. */
  from: string;
  /** Further joins needed to filter and to read the rows. */
  join: string;
  /** The key, an index prefix where the source is large. */
  key: KeyColumn[];
  /** Its direction. */
  order: "asc" | "desc";
  /** A condition of the walk itself, such as that of a partial index. */
  where?: string;
}

/** Where a key stands. */
export type Key = (string | number)[];

/** What a piece of a walk found. */
export interface Piece {
  /** Rows that passed the filter. */
  rows: Row[];
  /** Up to where everything was looked at: the place to go on from; null at the end of the source. */
  end: Key | null;
}

/** Options of {@linkcode walk}. */
export interface WalkOptions {
  /** Only behind this key. */
  after: Key | null;
  /** Only up to this key, if the source is to end before its end. */
  until?: Key | undefined;
  /** Columns wanted. */
  columns: string;
  /** Conditions on the rows, ANDed; they may use `params`. */
  filters: string[];
  /** Parameters of the filters. */
  params: Params;
  /** Rows wanted. */
  limit: number;
  /** Rows looked at, at most. */
  bound: number;
}

/**
 * One piece of a walk: looks at up to `bound` rows behind `after` and gives those that pass the filters. First it asks
 * where the piece ends, then it reads inside that range, so no filter can make the second statement long.
 */
export function* walk(d: Dialect, source: Source, options: WalkOptions): Script<Piece> {
  const end = yield* pieceEnd(d, source, options);
  const params = options.params;
  const conditions = [
    ...options.filters,
    ...between(d, source, params, { ...options, until: end ?? options.until }),
  ];
  const keys = source.key.map((column, at) => `${read(d, column)} as key_${at}`).join(", ");
  const rows = yield* run(
    `select ${options.columns}, ${keys} from ${source.from} ${source.join} ` +
      `where ${conditions.join(" and ")} order by ${orderBy(source)} limit ${params.add(options.limit)}`,
    params.values,
  );
  const last = rows.at(-1);
  if (last !== undefined && rows.length === options.limit) return { rows, end: keyOf(source, last) };
  return { rows, end };
}

/** The key of the last row of the piece, or null when the source ends inside it. */
function* pieceEnd(d: Dialect, source: Source, options: WalkOptions): Script<Key | null> {
  const params = new Params();
  const keys = source.key.map((column, at) => `${read(d, column)} as key_${at}`).join(", ");
  const where = between(d, source, params, options).join(" and ");
  const rows = yield* run(
    `select ${keys} from ${source.from} where ${where} ` +
      `order by ${orderBy(source)} limit 1 offset ${params.add(options.bound - 1)}`,
    params.values,
  );
  return rows[0] === undefined ? null : keyOf(source, rows[0]);
}

/** Conditions for the rows behind one key up to another, and the source's own. */
function between(
  d: Dialect,
  source: Source,
  params: Params,
  { after, until }: Pick<WalkOptions, "after" | "until">,
): string[] {
  const [behind, upTo] = source.order === "asc" ? [">", "<="] : ["<", ">="];
  const conditions = [source.where ?? "1 = 1"];
  const names = source.key.map((column) => column.name).join(", ");
  if (after !== null) conditions.push(`(${names}) ${behind} (${placeholders(d, source, params, after)})`);
  if (until !== undefined) conditions.push(`(${names}) ${upTo} (${placeholders(d, source, params, until)})`);
  return conditions;
}

function placeholders(d: Dialect, source: Source, params: Params, key: Key): string {
  checkKey(source, key);
  return source.key.map((column, at) => {
    const param = params.add(key[at] ?? null);
    if (column.type === "uuid") return d.uuid(param);
    return column.type === "instant" ? d.instant(param) : param;
  }).join(", ");
}

/** @throws {JobdError} `invalid_request` when the key, which came with a cursor, is not one of this source */
export function checkKey(source: Source, key: Key): void {
  const types = source.key.map((column) => isText(column) ? "string" : "number").join();
  const ids = key.filter((_, at) => source.key[at]?.type === "uuid");
  if (types !== key.map((value) => typeof value).join() || !ids.every((id) => isUuid(String(id)))) {
    throw badCursor(JSON.stringify(key));
  }
}

function orderBy(source: Source): string {
  return source.key.map((column) => `${column.name} ${source.order}`).join(", ");
}

function read(d: Dialect, column: KeyColumn): string {
  return column.type === "instant" ? d.ms(column.name) : column.name;
}

/** The key that a row of the walk carries. */
export function keyOf(source: Source, row: Row): Key {
  return source.key.map((column, at) => isText(column) ? text(row[`key_${at}`]) : int(row[`key_${at}`]));
}

function isText({ type }: KeyColumn): boolean {
  return type === "uuid" || type === "text";
}
