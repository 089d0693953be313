import type { z } from "zod";
import { JobdError, show } from "../../domain/errors.ts";
import type { Operation } from "../operations/operation.ts";

/** Where the fields of an operation's input are in a request. */
export interface Places {
  /** In its path. */
  path: string[];
  /** In its query, or else in its body. */
  query: string[];
}

/** Where the fields of an operation's input are. */
export function placesOf({ http, input }: Operation): Places {
  const path = [...http.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const inQuery = http.method === "get" || http.method === "delete";
  return { path, query: inQuery ? Object.keys(input.shape).filter((name) => !path.includes(name)) : [] };
}

/** The fields of a query as the schema means them: texts are all that a query can say. */
export function queryFields(request: Request, { input }: Operation): Record<string, unknown> {
  const query = new URL(request.url).searchParams;
  const fields: [string, unknown][] = [];
  // What a reader of a stream heard last; a browser sends it by itself when it connects again.
  const last = request.headers.get("last-event-id");
  if (last !== null && last !== "" && "after" in input.shape && !query.has("after")) query.set("after", last);
  for (const name of new Set(query.keys())) {
    const texts = query.getAll(name);
    const schema = Object.hasOwn(input.shape, name) ? input.shape[name] as z.ZodType : undefined;
    fields.push([name, schema === undefined ? texts[0] : fieldOf(texts, schema)]);
  }
  return Object.fromEntries(fields);
}

/** The kinds of values that stand in queries. */
function fieldOf(texts: readonly string[], schema: z.ZodType): unknown {
  if (texts.length > 1) return texts;
  const [text = ""] = texts;
  // A number where numbers may stand and no text may: "5" can be a name, and must stay one.
  const asNumber = Number(text);
  const tryNumber = text.trim() !== "" && Number.isFinite(asNumber) && !schema.safeParse(text).success;
  if (tryNumber) return asNumber;
  if ((text === "true" || text === "false") && schema.safeParse(true).success) return text === "true";
  return text;
}

/**
 * The input as the operation wants it.
 *
 * @throws {JobdError} `invalid_request` naming the first field that is wrong
 */
export function checkInput({ input }: Operation, fields: Record<string, unknown>): unknown {
  const result = input.safeParse(fields);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  if (first === undefined) throw new JobdError("invalid_request", "Invalid request");
  const issue = innermost(first);
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
    throw new JobdError("invalid_request", `Unknown field ${issue.keys.map(show).join(", ")}`, {
      hint: `Known fields: ${Object.keys(input.shape).join(", ")}.`,
    });
  }
  const place = issue.path.map(String).join(".");
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    fields,
  );
  const shown = value === undefined ? "" : `${show(value)}: `;
  throw new JobdError(
    "invalid_request",
    `Invalid ${place === "" ? "request" : place}: ${shown}${messagesOf(issue)}`,
  );
}

/** Of a field that may have one of several shapes, what is wrong with the shape that fits best: that in which one could look furthest. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const deep = issue.errors.flat().filter(({ path }) => path.length > 0);
  const [furthest] = deep.sort((a, b) => b.path.length - a.path.length);
  return furthest === undefined
    ? issue
    : innermost({ ...furthest, path: [...issue.path, ...furthest.path] } as z.core.$ZodIssue);
}

/** What is allowed. Of several shapes only those are named whose kind of value it is, or else all. */
function messagesOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_union") return issue.message.replace(/^Invalid (input|option): /, "");
  const all = issue.errors.flat();
  const near = all.filter(({ code }) => code !== "invalid_type");
  return [...new Set((near.length > 0 ? near : all).map(messagesOf))].join(" or ") || issue.message;
}
