import { JobdError, show } from "../../../domain/errors.ts";
import type { Headers } from "../../../domain/headers.ts";

/** The headers that flags name; undefined when there are none. */
export function headersOf(given: readonly (readonly [string, string])[]): Headers | undefined {
  if (given.length === 0) return undefined;
  const headers: Headers = {};
  for (const [name, text] of given) {
    if (Object.hasOwn(headers, name)) {
      throw new JobdError("invalid_request", `Header ${show(name)} is given twice`, {
        hint: "Names are the same in upper and lower case.",
      });
    }
    headers[name] = text;
  }
  return headers;
}
