import { invalid, JobdError, show } from "./errors.ts";

/** Facts that travel with a job, such as the trace it belongs to: texts by name, names in lower case. */
export type Headers = { [name: string]: string };

/** Headers of one job at most. */
export const HEADERS_MAX = 100;
/** Characters of a name at most. */
export const HEADER_NAME_MAX = 128;
/** Bytes of all names and values of one job at most. */
export const HEADERS_MAX_BYTES = 16 * 1024;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * Checks headers; names are kept in lower case. PostgreSQL's functions for producers check the same in SQL (`read_headers` in
 * `migrations/postgres`), and a test holds the two together.
 *
 * @throws {JobdError} `invalid_request` naming the header, what is wrong with it and what is allowed
 */
export function checkHeaders(value: unknown): Headers {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("headers", value, 'an object of texts, such as { "x-request-id": "4711" }');
  }
  const given = Object.entries(value);
  if (given.length > HEADERS_MAX) {
    throw new JobdError("invalid_request", `Too many headers: ${given.length} are more than ${HEADERS_MAX}`);
  }
  const headers = given.map(([name, text]) => [headerName(name), headerText(name, text)] as const);
  const names = new Set(headers.map(([name]) => name));
  if (names.size < headers.length) {
    throw new JobdError("invalid_request", "Two headers have the same name, apart from upper and lower case");
  }
  const bytes = new TextEncoder().encode(headers.flat().join("")).length;
  if (bytes > HEADERS_MAX_BYTES) {
    throw new JobdError(
      "invalid_request",
      `Invalid headers: ${bytes} bytes are more than the ${HEADERS_MAX_BYTES} allowed`,
      { hint: "Data for the handler belongs into the payload." },
    );
  }
  return Object.fromEntries(headers);
}

/** Headers with those of one job above them. */
export function withHeaders(usual: Headers | undefined, own: Headers | undefined): Headers {
  return { ...checkHeaders(usual ?? {}), ...checkHeaders(own ?? {}) };
}

function headerName(name: string): string {
  if (name.length > HEADER_NAME_MAX || !NAME.test(name)) {
    throw invalid(
      "header name",
      name,
      `1 to ${HEADER_NAME_MAX} letters, digits or _ . -, the first a letter or digit`,
    );
  }
  return name.toLowerCase();
}

/** Control characters are refused: with a line break in it, a header that is passed on would become two. */
function headerText(name: string, value: unknown): string {
  if (typeof value === "string" && value.isWellFormed() && !/\p{Cc}/u.test(value)) return value;
  throw invalid(`header ${show(name)}`, value, "a text without control characters");
}
