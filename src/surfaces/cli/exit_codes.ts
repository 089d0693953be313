import type { ErrorCode } from "../../domain/errors.ts";

/** What the exit codes mean; scripts rely on them. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "done",
  1: "failed: the job did not complete, a check found an error, or jobd itself failed",
  2: "wrong use or wrong configuration",
  3: "not found",
  4: "conflict: the thing is not in a state in which this can be done",
  5: "the store cannot be reached or used",
  6: "refused: the schema is missing, or newer than the program, or a permission is lacking",
  130: "interrupted",
};

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 2,
  invalid_config: 2,
  not_found: 3,
  conflict: 4,
  store_unavailable: 5,
  store_unusable: 5,
  schema_missing: 6,
  schema_newer: 6,
  permission_denied: 6,
  timed_out: 1,
  job_failed: 1,
  internal: 1,
};

/** The exit code after Ctrl-C. */
export const INTERRUPTED = 130;

/** The exit code for an error. */
export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code];
}
