/**
 * Every way jobd can refuse or fail, as a stable code. Surfaces map the codes to exit
 * statuses, HTTP statuses and MCP errors in one table of their own.
 */
export type ErrorCode =
  | "invalid_request"
  | "invalid_config"
  | "key_missing"
  | "not_found"
  | "conflict"
  | "lease_lost"
  | "store_unavailable"
  | "store_unusable"
  | "schema_missing"
  | "schema_newer"
  | "permission_denied"
  | "timed_out"
  | "job_failed"
  | "internal";

/** Options of {@linkcode JobdError}. */
export interface JobdErrorOptions {
  /** What the reader can do about it: one sentence, shown after the message. */
  hint?: string;
  /** The failure underneath. */
  cause?: unknown;
}

/** The one error class of jobd: a stable `code`, a sentence that says what is wrong, and a hint. */
export class JobdError extends Error {
  /** The stable code; messages may change, codes do not. */
  readonly code: ErrorCode;
  /** What to do about it, if there is something to say. */
  readonly hint: string | undefined;

  /** An error with its code and one sentence that says what is wrong. */
  constructor(code: ErrorCode, message: string, options: JobdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "JobdError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** The error for a bad value: what it is, what came, what is allowed. */
export function invalid(what: string, value: unknown, allowed: string): JobdError {
  return new JobdError("invalid_request", `Invalid ${what}: ${show(value)} is not ${allowed}`);
}

/** A value as it may stand in a message: quoted, shortened, without control characters. */
export function show(value: unknown): string {
  const text = describe(value).replace(
    /\p{Cc}/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > 80 ? `${text.slice(0, 77).toWellFormed()}...` : text;
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A cycle or a BigInt; what has no text of its own is named by its kind.
    return typeof value === "bigint" ? String(value) : Object.prototype.toString.call(value);
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
