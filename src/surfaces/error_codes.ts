import type { ErrorCode } from "../domain/errors.ts";

/** What an error is to each surface. */
interface Meaning {
  /** The exit code of the command line. */
  exit: number;
  /** The HTTP status. */
  http: 400 | 404 | 409 | 500 | 503 | 504;
}

const BY_CODE: Readonly<Record<ErrorCode, Meaning>> = {
  invalid_request: { exit: 2, http: 400 },
  invalid_config: { exit: 2, http: 500 },
  // The program works, only not for what this request asks: a client that asks for it is told, and no alarm goes off.
  key_missing: { exit: 2, http: 409 },
  not_found: { exit: 3, http: 404 },
  conflict: { exit: 4, http: 409 },
  lease_lost: { exit: 4, http: 409 },
  store_unavailable: { exit: 5, http: 503 },
  store_unusable: { exit: 5, http: 503 },
  schema_missing: { exit: 6, http: 503 },
  schema_newer: { exit: 6, http: 503 },
  permission_denied: { exit: 6, http: 503 },
  timed_out: { exit: 1, http: 504 },
  job_failed: { exit: 1, http: 500 },
  internal: { exit: 1, http: 500 },
};

/** The exit code for an error. */
export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code].exit;
}

/** The HTTP status for an error. */
export function statusOf(code: ErrorCode): Meaning["http"] {
  return BY_CODE[code].http;
}
