import { invalid } from "./errors.ts";
import type { Json } from "./json.ts";
import { sha256 } from "./sha256.ts";

/** JSON text that is the same for the same data, whatever the order of the keys; `1` and `"1"` stay different. */
export function canonicalJson(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(",")}}`;
}

/** What tells payloads apart: all of them, or what is at some places. A place that is missing is not one that holds null. */
export function payloadHash(payload: Json, fields?: readonly string[]): string {
  if (fields === undefined) return sha256(canonicalJson({ payload }));
  return sha256(canonicalJson({
    fields: fields.map((field) => {
      const value = valueAt(payload, field.split("."));
      return value === undefined ? [field] : [field, value];
    }),
  }));
}

/** What is at a place of a document; an array's items have numbers. */
function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    if (Array.isArray(at)) at = /^\d+$/.test(step) ? at[Number(step)] : undefined;
    else at = Object.hasOwn(at, step) ? at[step] : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}

/** The most fields that can make a key. */
const FIELDS_MAX = 32;

/** Names of fields, in one order and each once. @throws {JobdError} `invalid_request` */
export function parseFields(fields: unknown): string[] {
  const fits = (field: unknown): boolean =>
    typeof field === "string" && field.length <= 256 && field.isWellFormed() && !field.includes("\u0000") &&
    field.split(".").every((step) => step !== "");
  if (!Array.isArray(fields) || fields.length === 0 || fields.length > FIELDS_MAX || !fields.every(fits)) {
    throw invalid(
      "unique fields",
      fields,
      `a list of 1 to ${FIELDS_MAX} places in the payload such as "user.id"`,
    );
  }
  return [...new Set(fields as string[])].sort();
}
