import { JobdError, show } from "./errors.ts";
import { checkJson, type Json, RESULT_LIMITS, storableText } from "./json.ts";

const PREVIEW_MAX = 2_000;

/**
 * What a handler returned, as it is kept: JSON with texts that both stores hold. What is no JSON, or too large, is
 * replaced by `{ "$omitted": reason, "preview": ... }`: a result that cannot be kept does not make the run a failure.
 */
export function storableResult(value: unknown): Json {
  if (value === undefined) return null;
  let text: string | undefined;
  try {
    text = JSON.stringify(
      value,
      (_, item) => typeof item === "string" ? storableText(item, RESULT_LIMITS.maxBytes) : item,
    );
    const plain = JSON.parse(text ?? "null") as Json;
    checkJson("result", plain, RESULT_LIMITS);
    return plain;
  } catch (error) {
    const reason = error instanceof JobdError ? error.message : "The result is not JSON";
    return {
      $omitted: reason,
      preview: storableText((text ?? show(value)).slice(0, PREVIEW_MAX), PREVIEW_MAX),
    };
  }
}
