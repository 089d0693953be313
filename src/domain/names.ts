import { invalid } from "./errors.ts";

/** What names of queues, types, namespaces and schedules look like. */
export const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,126}$/;

/**
 * Checks the name of a queue, a job type or a namespace: a letter, digit or `_`, then up to 126 more of those and
 * `. : / -`. The grammar keeps names safe in logs, URLs, files and command lines.
 *
 * @throws {JobdError} `invalid_request` naming the value.
 */
export function checkName(what: string, value: unknown): string {
  if (typeof value !== "string" || !NAME.test(value)) {
    throw invalid(
      what,
      value,
      "a name of 1 to 127 letters, digits or _ . : / - that begins with a letter, digit or _",
    );
  }
  return value;
}

/** Namespaces whose names begin like this are kept for jobd itself. */
const RESERVED = "jobd.";

/** Checks the name of a namespace for programs of users. @throws {JobdError} `invalid_request` naming the value */
export function checkNamespace(value: unknown): string {
  const name = checkName("namespace", value);
  if (!name.startsWith(RESERVED)) return name;
  throw invalid(
    "namespace",
    value,
    `for programs: names that begin with ${RESERVED} are kept for jobd itself`,
  );
}

/** The queue of a job that names none. */
export const DEFAULT_QUEUE = "default";
/** The namespace of a program that names none. */
export const DEFAULT_NAMESPACE = "default";
/** The type of a job that names none, neither itself nor in its payload. */
export const DEFAULT_TYPE = "claude";
