import { z } from "zod";
import { json } from "../operations/schemas/common.ts";
import { inner } from "./schemas.ts";

/** Characters of JSON in one answer at most: more of it only pushes other things out of what an agent can keep in mind. */
export const ANSWER_MAX = 48_000;

/** Texts are cut to the first of these that makes the answer short enough. */
const TEXT_CAPS = [8_000, 2_000, 500, 300] as const;
/** Where one page ends and the next begins is never cut. */
const PLACES: readonly string[] = ["nextCursor", "after"];

/** An answer that is short enough, and what was left out of it. */
export interface Fitted {
  /** The answer. */
  value: Record<string, unknown>;
  /** What was left out, in words. */
  truncated?: string;
}

/** The length of an answer. */
export function lengthOf(value: unknown): number {
  return JSON.stringify(value).length;
}

/**
 * Makes an answer short enough: first long texts and data of jobs are cut, then lists. What remains is still as the schema
 * of the answer says.
 *
 * @param hint how to get what was left out
 */
export function fitted(value: Record<string, unknown>, schema: z.core.$ZodType, hint: string): Fitted {
  if (lengthOf(value) <= ANSWER_MAX) return { value };
  let short = value;
  for (const cap of TEXT_CAPS) {
    short = cut(value, schema, cap) as Record<string, unknown>;
    if (lengthOf(short) <= ANSWER_MAX) {
      return { value: short, truncated: `Texts and data longer than ${cap} characters were cut. ${hint}` };
    }
  }
  const { kept, notes } = shortened(short);
  return { value: kept, truncated: `Long texts were cut; ${notes.join("; ")}. ${hint}` };
}

/** Characters of a text of which there are many in a page. */
export const PREVIEW = 2_000;

/** A page with long texts cut, which may still be too long. */
export function preview(value: Record<string, unknown>, schema: z.core.$ZodType): Record<string, unknown> {
  return cut(value, schema, PREVIEW) as Record<string, unknown>;
}

/** Lists without what does not fit, from their ends. */
function shortened(value: Record<string, unknown>): { kept: Record<string, unknown>; notes: string[] } {
  const notes: string[] = [];
  const lists = Object.entries(value).filter(([, list]) => Array.isArray(list)) as [string, unknown[]][];
  const room = ANSWER_MAX - lengthOf({ ...value, ...Object.fromEntries(lists.map(([key]) => [key, []])) });
  const kept = { ...value };
  for (const [key, list] of lists) {
    let left = Math.floor(room / lists.length);
    const end = list.findIndex((item) => (left -= lengthOf(item) + 1) < 0);
    if (end < 0) continue;
    kept[key] = list.slice(0, end);
    notes.push(`${key} holds the first ${end} of ${list.length}`);
  }
  return { kept, notes };
}

/** A value with its texts cut, as far as its schema lets them be any text. */
function cut(value: unknown, given: z.core.$ZodType, cap: number): unknown {
  const schema = inner(given);
  if (value === null || value === undefined) return value;
  if (schema === json) return cutJson(value, cap);
  if (schema instanceof z.ZodString) return schema.format === null ? cutText(value as string, cap) : value;
  if (schema instanceof z.ZodArray) return (value as unknown[]).map((item) => cut(item, schema.element, cap));
  if (schema instanceof z.ZodRecord) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, cut(item, schema.valueType, cap)]),
    );
  }
  if (!(schema instanceof z.ZodObject)) return value;
  const { shape } = schema;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (PLACES.includes(key)) return [key, item];
      return [key, Object.hasOwn(shape, key) ? cut(item, shape[key] as z.ZodType, cap) : cutJson(item, cap)];
    }),
  );
}

/** Data that is too long becomes a text with its beginning: half of it would be taken for the whole. */
function cutJson(value: unknown, cap: number): unknown {
  if (typeof value === "string") return cutText(value, cap);
  const text = JSON.stringify(value);
  return text === undefined || text.length <= cap ? value : cutText(text, cap);
}

function cutText(text: string, cap: number): string {
  if (text.length <= cap) return text;
  return `${text.slice(0, cap).toWellFormed()} [... ${text.length - cap} characters left out]`;
}
