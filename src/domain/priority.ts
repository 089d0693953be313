import { invalid } from "./errors.ts";

/** Names for common priorities. */
export const PRIORITY_NAMES = { critical: 20, high: 10, medium: 0, low: -10 } as const;

/** A priority: an integer, higher first, or one of the names. */
export type Priority = number | keyof typeof PRIORITY_NAMES;

/** The range of priorities: what two bytes hold, so that the dispatch index stays narrow. */
export const PRIORITY_MIN = -32_767;
/** The highest priority. */
export const PRIORITY_MAX = 32_767;

/**
 * Reads a priority.
 *
 * @throws {JobdError} `invalid_request` when it is neither a name nor an integer in range.
 */
export function parsePriority(value: Priority | string): number {
  if (typeof value === "string" && Object.hasOwn(PRIORITY_NAMES, value)) {
    return PRIORITY_NAMES[value as keyof typeof PRIORITY_NAMES];
  }
  const number = typeof value === "string" && /^-?\d{1,6}$/.test(value) ? Number(value) : value;
  if (
    typeof number !== "number" || !Number.isInteger(number) || number < PRIORITY_MIN || number > PRIORITY_MAX
  ) {
    throw invalid(
      "priority",
      value,
      `an integer from ${PRIORITY_MIN} to ${PRIORITY_MAX} or one of ${
        Object.keys(PRIORITY_NAMES).join(", ")
      }`,
    );
  }
  return number;
}
