import { invalid } from "../../domain/errors.ts";

/** A place in a list: which part of it, and the key of the last row that was looked at there; null before the first. */
export interface Place {
  /** Number of the part, from 0. */
  part: number;
  /** Key of the last row, or null. */
  key: (string | number)[] | null;
}

/** Writes a place as the opaque text that callers pass back. */
export function writeCursor(place: Place): string {
  // btoa takes nothing beyond one byte a character.
  const text = JSON.stringify([place.part, place.key]).replace(
    /[^\u0020-\u007e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Reads a cursor; without one, the beginning.
 *
 * @throws {JobdError} `invalid_request` when it is not one that {@linkcode writeCursor} made.
 */
export function readCursor(cursor: string | undefined): Place {
  if (cursor === undefined) return { part: 0, key: null };
  try {
    const [part, key] = JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/"))) as unknown[];
    if (Number.isSafeInteger(part) && (part as number) >= 0 && (key === null || isKey(key))) {
      return { part: part as number, key };
    }
  } catch {
    // Neither base64 nor JSON: reported below.
  }
  throw badCursor(cursor);
}

/** The error for a cursor that does not fit. */
export function badCursor(cursor: string | undefined): Error {
  return invalid("cursor", cursor, "one that the previous page gave for the same query");
}

function isKey(key: unknown): key is (string | number)[] {
  return Array.isArray(key) &&
    key.every((item) => Number.isSafeInteger(item) || (typeof item === "string" && !item.includes("\u0000")));
}
