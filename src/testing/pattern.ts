import { show } from "../domain/errors.ts";

/**
 * What a value should be like: the value itself; of objects only the fields that are named; a regular expression for
 * texts; a function that says whether it will do.
 */
export type Pattern<T> =
  | ((value: T) => boolean)
  | (T extends string ? T | RegExp
    : T extends readonly (infer Item)[] ? readonly Pattern<Item>[]
    : T extends object ? { readonly [K in keyof T]?: Pattern<T[K]> }
    : T);

/** Where a value is not as it should be. */
export interface Difference {
  /** Which part of it. */
  path: string;
  /** What is there. */
  actual: string;
  /** What should be. */
  expected: string;
}

/** Where a value is not like the pattern. */
export function differences(path: string, actual: unknown, pattern: unknown): Difference[] {
  if (typeof pattern === "function") {
    return pattern(actual) === true
      ? []
      : [different(path, actual, `what ${pattern.name || "the function"} accepts`)];
  }
  if (pattern instanceof RegExp) {
    const matches = typeof actual === "string" && actual.search(pattern) >= 0;
    return matches ? [] : [different(path, actual, `like ${pattern}`)];
  }
  if (Array.isArray(pattern)) return listDifferences(path, actual, pattern);
  if (typeof pattern === "object" && pattern !== null) return objectDifferences(path, actual, pattern);
  return Object.is(actual, pattern) ? [] : [different(path, actual, show(pattern))];
}

function listDifferences(path: string, actual: unknown, pattern: readonly unknown[]): Difference[] {
  if (!Array.isArray(actual) || actual.length !== pattern.length) {
    return [different(path, actual, `a list of ${pattern.length}`)];
  }
  return pattern.flatMap((item, index) => differences(`${path}[${index}]`, actual[index], item));
}

function objectDifferences(path: string, actual: unknown, pattern: object): Difference[] {
  if (typeof actual !== "object" || actual === null || Array.isArray(actual)) {
    return [different(path, actual, "an object")];
  }
  return Object.entries(pattern).flatMap(([key, value]) =>
    differences(`${path}.${key}`, Object.hasOwn(actual, key) ? Reflect.get(actual, key) : undefined, value)
  );
}

/** A difference, in words. */
export function different(path: string, actual: unknown, expected: string): Difference {
  return { path, actual: actual === undefined ? "absent" : show(actual), expected };
}

/** A pattern as it may stand in a message. */
export function showPattern(pattern: unknown): string {
  if (typeof pattern === "function") return `(${pattern.name || "a function"})`;
  if (pattern instanceof RegExp) return String(pattern);
  if (Array.isArray(pattern)) return `[${pattern.map(showPattern).join(", ")}]`;
  if (typeof pattern !== "object" || pattern === null) {
    return pattern === undefined ? "absent" : show(pattern);
  }
  return `{ ${Object.entries(pattern).map(([key, value]) => `${key}: ${showPattern(value)}`).join(", ")} }`;
}
