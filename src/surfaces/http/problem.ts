import { type ErrorCode, JobdError, messageOf } from "../../domain/errors.ts";
import { statusOf } from "../error_codes.ts";

/** Why a request was refused before anybody looked at what it asks for. */
export type RefusalCode =
  | "unauthorized"
  | "forbidden"
  | "forbidden_host"
  | "forbidden_origin"
  | "route_not_found"
  | "method_not_allowed"
  | "not_acceptable"
  | "request_timeout"
  | "body_too_large"
  | "uri_too_long"
  | "overloaded"
  | "unsupported_media_type";

const STATUS = {
  unauthorized: 401,
  forbidden: 403,
  forbidden_host: 403,
  forbidden_origin: 403,
  route_not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  request_timeout: 408,
  body_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  overloaded: 503,
} as const satisfies Record<RefusalCode, number>;

/** A refusal by the HTTP surface itself. */
export class Refusal extends Error {
  /** The stable code. */
  readonly code: RefusalCode;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Headers of the answer. */
  readonly headers: Record<string, string>;

  constructor(
    code: RefusalCode,
    message: string,
    { hint, headers = {} }: { hint?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.headers = headers;
  }
}

/** An error as `application/problem+json` (RFC 9457) says it. */
export interface Problem {
  /** Which kind of problem; not an address to open. */
  type: string;
  /** The kind in words. */
  title: string;
  /** The status of the answer. */
  status: number;
  /** What is wrong this time. */
  detail: string;
  /** The stable code. */
  code: ErrorCode | RefusalCode;
  /** What to do about it. */
  hint?: string;
  /** Names the request in the log. */
  requestId?: string;
}

/** What a caller is told of an error. What jobd did not foresee is named in the log and not told. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refusal) return problem(error.code, STATUS[error.code], error.message, error.hint);
  if (error instanceof JobdError && error.code !== "internal") {
    return problem(error.code, statusOf(error.code), error.message, error.hint);
  }
  return problem("internal", 500, "jobd failed to answer", "Its log says more, under this request id.");
}

/** Whether an error is the program's and not the caller's. */
export function isFault(error: unknown): boolean {
  return !(error instanceof Refusal) && problemOf(error).status >= 500;
}

/** The answer that tells of an error. */
export function problemResponse(error: unknown, requestId: string): Response {
  const problem = problemOf(error);
  return new Response(JSON.stringify({ ...problem, requestId }), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...(problem.status === 503 ? { "retry-after": "1" } : {}),
      ...(error instanceof Refusal ? error.headers : {}),
    },
  });
}

/** An error for the log. */
export function faultText(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

function problem(code: Problem["code"], status: number, detail: string, hint: string | undefined): Problem {
  const title = code.replaceAll("_", " ");
  return {
    type: `urn:jobd:problem:${code}`,
    title: title.charAt(0).toUpperCase() + title.slice(1),
    status,
    detail,
    code,
    ...(hint === undefined ? {} : { hint }),
  };
}
