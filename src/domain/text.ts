import { invalid } from "./errors.ts";

/** A text that both stores can keep. @throws {JobdError} `invalid_request` when it is empty, too long or none */
export function checkText(what: string, value: unknown, max: number): string {
  if (
    typeof value !== "string" || value === "" || value.length > max || value.includes("\u0000") ||
    !value.isWellFormed()
  ) {
    throw invalid(what, value, `a text of 1 to ${max} characters`);
  }
  return value;
}
