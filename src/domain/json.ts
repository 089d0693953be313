import { JobdError, show } from "./errors.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Bounds of a JSON document that jobd stores. */
export interface JsonLimits {
  /** Bytes of its UTF-8 text. */
  maxBytes: number;
  /** Nesting of objects and arrays. */
  maxDepth: number;
  /** Keys and array items in all. */
  maxItems: number;
}

/** Bounds of a payload. */
export const PAYLOAD_LIMITS: JsonLimits = { maxBytes: 256 * 1024, maxDepth: 64, maxItems: 10_000 };
/** Bounds of a result. */
export const RESULT_LIMITS: JsonLimits = { maxBytes: 1024 * 1024, maxDepth: 64, maxItems: 100_000 };

/**
 * Checks that a value is JSON that both stores keep exactly: no `\u0000`, no lone surrogates, no numbers that a
 * double cannot hold exactly as integers, no `__proto__`, nothing that is not data; and within the limits.
 *
 * @returns the document's JSON text.
 * @throws {JobdError} `invalid_request` naming the place, the reason and the limit.
 */
export function checkJson(what: string, value: unknown, limits: JsonLimits): string {
  const walk = new Walk(what, limits);
  walk.visit(value, "", 1);
  const text = JSON.stringify(value);
  // No character takes more than three bytes, so most texts need no counting.
  const bytes = text.length * 3 <= limits.maxBytes ? 0 : utf8Length(text);
  if (bytes > limits.maxBytes) {
    throw new JobdError(
      "invalid_request",
      `Invalid ${what}: ${bytes} bytes are more than the ${limits.maxBytes} allowed`,
      {
        hint: "Keep large data elsewhere and pass its address.",
      },
    );
  }
  return text;
}

class Walk {
  readonly #what: string;
  readonly #limits: JsonLimits;
  #items = 0;

  constructor(what: string, limits: JsonLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  visit(value: unknown, path: string, depth: number): void {
    switch (typeof value) {
      case "boolean":
        return;
      case "string":
        return this.#text(value, path);
      case "number":
        return this.#number(value, path);
      case "object":
        return value === null ? undefined : this.#container(value, path, depth);
      default:
        throw this.#refuse(path, `a ${typeof value} is not JSON`);
    }
  }

  #text(value: string, path: string): void {
    if (value.includes("\u0000")) {
      throw this.#refuse(path, "it contains the character \\u0000, which PostgreSQL cannot store");
    }
    if (!value.isWellFormed()) throw this.#refuse(path, "it contains half of a surrogate pair");
  }

  #number(value: number, path: string): void {
    if (!Number.isFinite(value)) throw this.#refuse(path, `${value} is not a JSON number`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) {
      throw this.#refuse(path, `${value} is beyond 2^53 and would lose digits; pass it as a string`);
    }
  }

  #container(value: object, path: string, depth: number): void {
    if (depth > this.#limits.maxDepth) {
      throw this.#refuse(path, `it is nested deeper than ${this.#limits.maxDepth} levels`);
    }
    if (Array.isArray(value)) {
      this.#count(value.length, path);
      value.forEach((item, index) => this.visit(item, `${path}[${index}]`, depth + 1));
      return;
    }
    const proto = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && proto !== null) {
      throw this.#refuse(path, `${value.constructor?.name ?? "a class instance"} is not plain data`);
    }
    const keys = Object.keys(value);
    this.#count(keys.length, path);
    for (const key of keys) {
      if (key === "__proto__") throw this.#refuse(path, 'the key "__proto__" is not allowed');
      this.#text(key, path);
      this.visit((value as Record<string, unknown>)[key], path === "" ? key : `${path}.${key}`, depth + 1);
    }
  }

  #count(items: number, path: string): void {
    this.#items += items;
    if (this.#items > this.#limits.maxItems) {
      throw this.#refuse(path, `it has more than ${this.#limits.maxItems} keys and items`);
    }
  }

  #refuse(path: string, reason: string): JobdError {
    return new JobdError(
      "invalid_request",
      `Invalid ${this.#what}${path === "" ? "" : ` at ${show(path)}`}: ${reason}`,
    );
  }
}

/**
 * Reads JSON text that a person or program wrote, refusing what `JSON.parse` lets pass in silence: duplicate keys, and
 * integers that lose digits.
 *
 * @throws {JobdError} `invalid_request` with the parser's own words.
 */
export function parseJson(what: string, text: string): Json {
  const value = parse(what, text);
  // Only now, because looking through text that is not JSON could take long.
  refuseLosses(what, text);
  return value;
}

function parse(what: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new JobdError("invalid_request", `Invalid ${what}: ${(error as Error).message}`, {
      hint: "Check quotes and commas; in a shell, put the whole JSON text into single quotes.",
      cause: error,
    });
  }
}

/** A text with the colon that makes it a key, a bracket, or a number. */
const WORD = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/g;

/** Looks through the words of a JSON text for what is lost by parsing it. */
function refuseLosses(what: string, text: string): void {
  const objects: Set<string>[] = [];
  for (const [word, quoted, colon] of text.matchAll(WORD)) {
    if (word === "{") objects.push(new Set());
    else if (word === "}") objects.pop();
    else if (quoted !== undefined && colon !== undefined) {
      const key = JSON.parse(quoted) as string;
      if (objects.at(-1)?.has(key)) throw loss(what, `the key ${show(key)} appears twice in one object`);
      objects.at(-1)?.add(key);
    } else if (/^-?\d{16,}$/.test(word) && !Number.isSafeInteger(Number(word))) {
      throw loss(what, `${show(word)} is beyond 2^53 and would lose digits; pass it as a string`);
    }
  }
}

function loss(what: string, reason: string): JobdError {
  return new JobdError("invalid_request", `Invalid ${what}: ${reason}`);
}

/** The note that {@linkcode storableText} leaves where it cuts; a pattern with one group, to split by. */
export const LEFT_OUT = /(\n\[\.\.\. \d+ characters left out \.\.\.\]\n)/;

/**
 * Text as both stores can keep it: `\u0000` and lone surrogates become U+FFFD, and what is longer than `max`
 * characters is cut in the middle with a note. For what jobs print, throw and return; requests are refused instead.
 */
export function storableText(text: string, max: number): string {
  const clean = text.toWellFormed().replaceAll("\u0000", "\uFFFD");
  if (clean.length <= max) return clean;
  const half = Math.floor(max / 2);
  const cut = `${clean.slice(0, half)}\n[... ${clean.length - 2 * half} characters left out ...]\n${
    clean.slice(-half)
  }`;
  return cut.toWellFormed();
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
