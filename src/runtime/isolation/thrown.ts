import { failureOf } from "../../domain/failure.ts";
import { type ErrorCode, JobdError } from "../../domain/errors.ts";

/** What was thrown, in a form that crosses processes. */
export type Thrown =
  | {
    /** The error's name, such as `"TypeError"`. */
    name: string;
    /** Its message. */
    message: string;
    /** Its stack. */
    stack?: string;
    /** Its `code`, when it is a text. */
    code?: string;
    /** The hint of a `JobdError`; this marks one. */
    hint?: string | null;
    /** What caused it. */
    cause?: Thrown;
  }
  | {
    /** Something that is no error, as a text. */
    value: string;
  };

const CAUSES_MAX = 5;

/** Makes what was thrown ready for another process. */
export function packThrown(thrown: unknown, depth = 0): Thrown {
  if (!(thrown instanceof Error)) return { value: failureOf(thrown).message };
  const { name, message, stack, cause } = thrown;
  const code = (thrown as { code?: unknown }).code;
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === "string" ? { stack } : {}),
    ...(typeof code === "string" ? { code } : {}),
    ...(thrown instanceof JobdError ? { hint: thrown.hint ?? null } : {}),
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: packThrown(cause, depth + 1) }),
  };
}

/** The same again on the other side: an error with the name, message, stack, code and causes of the original. */
export function unpackThrown(thrown: Thrown): unknown {
  if ("value" in thrown) return thrown.value;
  const cause = thrown.cause === undefined ? {} : { cause: unpackThrown(thrown.cause) };
  if (thrown.hint !== undefined) {
    const hint = thrown.hint === null ? {} : { hint: thrown.hint };
    return new JobdError(thrown.code as ErrorCode, thrown.message, { ...hint, ...cause });
  }
  const error = new Error(thrown.message, cause);
  const own = {
    name: thrown.name,
    stack: thrown.stack,
    ...(thrown.code === undefined ? {} : { code: thrown.code }),
  };
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });
  }
  return error;
}
