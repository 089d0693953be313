import { checkHeaders } from "../../../domain/headers.ts";
import { parseInstant } from "../../../domain/instant.ts";
import { parseRedact } from "../../../domain/redaction.ts";
import { parsePriority } from "../../../domain/priority.ts";
import { duration, type Reader } from "../../config/readers.ts";

/** A priority, by number or by name. */
export const priority: Reader<number> = {
  allowed: "an integer from -32767 to 32767 or one of critical, high, medium, low",
  read: (value) => typeof value === "string" ? parsePriority(value) : undefined,
};

/** An instant. */
export const startTime: Reader<number> = {
  allowed: "a time such as 2026-12-24T18:00:00Z or 2026-12-24T19:00:00+01:00 (without a zone it is UTC)",
  read: (value) => typeof value === "string" ? parseInstant(value) : undefined,
};

/** A text that is not too long. */
export const boundedText = (max: number): Reader<string> => ({
  allowed: `a text of 1 to ${max} characters`,
  read: (value) => typeof value === "string" && value !== "" && value.length <= max ? value : undefined,
});

/** A reader that also takes the word `none`, for a setting that is taken away: null. */
export function orNone<T>(reader: Reader<T>): Reader<T | null> {
  return {
    allowed: `${reader.allowed}, or none`,
    read: (value) => value === "none" ? null : reader.read(value),
  };
}

/** A path of a value that nobody sees. */
export const redactPath: Reader<string> = {
  allowed: "a path such as card.number or items.*.secret",
  read: (value) => parseRedact([value])[0],
};

/** A length of time that is not nothing. */
export const someTime: Reader<number> = duration("1ms");

/** One header as name and value. */
export const header: Reader<readonly [string, string]> = {
  allowed: "a header such as x-request-id=4711: a name of letters, digits and _ . -, then = and a text",
  read(value) {
    const at = typeof value === "string" ? value.indexOf("=") : -1;
    if (typeof value !== "string" || at < 1) return undefined;
    const [entry] = Object.entries(checkHeaders({ [value.slice(0, at)]: value.slice(at + 1) }));
    return entry;
  },
};
