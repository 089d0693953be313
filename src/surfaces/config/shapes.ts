import { JobdError, show } from "../../domain/errors.ts";
import { nearest } from "./nearest.ts";
import { type Reader, readValue } from "./readers.ts";

/** What a part of a config file must look like. Throws `invalid_config`, naming the place, when it does not. */
export type Shape = (value: unknown, place: string) => void;

/** A value that a reader accepts. */
export function scalar(reader: Reader<unknown>): Shape {
  return (value, place) => void readValue(reader, value, place, "invalid_config");
}

/** An object with these keys only, all of them optional. */
export function object(keys: Readonly<Record<string, Shape>>): Shape {
  return (value, place) => {
    for (const [key, item] of entriesOf(value, place)) {
      const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (shape === undefined) throw unknownKey(place, key, Object.keys(keys));
      shape(item, `${place}.${key}`);
    }
  };
}

/** An object with any keys. */
export function record(shape: Shape): Shape {
  return (value, place) => {
    for (const [key, item] of entriesOf(value, place)) shape(item, `${place}.${key}`);
  };
}

/** A list. */
export function listOf(shape: Shape): Shape {
  return (value, place) => {
    if (!Array.isArray(value)) {
      throw new JobdError("invalid_config", `${place}: ${show(value)} is not a list`);
    }
    value.forEach((item, index) => shape(item, `${place}[${index}]`));
  };
}

/** The error for a key that nobody knows, with what was probably meant. */
export function unknownKey(place: string, key: string, known: readonly string[]): JobdError {
  const meant = nearest(key, known);
  const hint = meant === undefined
    ? `Known keys: ${known.join(", ")}.`
    : `Did you mean ${JSON.stringify(meant)}?`;
  return new JobdError("invalid_config", `${place}: unknown key ${show(key)}`, { hint });
}

function entriesOf(value: unknown, place: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new JobdError("invalid_config", `${place}: ${show(value)} is not an object`);
  }
  return Object.entries(value);
}
