import type { StandardSchemaV1 } from "@standard-schema/spec";
import { show } from "../domain/errors.ts";

/** Issues that one message names. */
const ISSUES_MAX = 3;

/** What a validator makes of a payload; the payload itself when there is no validator. */
export function checkPayload(
  schema: StandardSchemaV1 | undefined,
  payload: unknown,
): StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>> {
  return schema === undefined ? { value: payload } : schema["~standard"].validate(payload);
}

/** The first issues in one line: `to: Invalid email; items.0: Required`. */
export function issuesText(issues: readonly StandardSchemaV1.Issue[]): string {
  const texts = issues.slice(0, ISSUES_MAX).map(({ path = [], message }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
    return keys.length === 0 ? message : `${show(keys.join(".")).slice(1, -1)}: ${message}`;
  });
  const more = issues.length - texts.length;
  return texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
