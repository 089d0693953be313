import { storableFailure } from "../domain/failure.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Redaction } from "../domain/redaction.ts";
import type { Directive } from "./handler.ts";

/** What a handler has directed, as it may be stored. */
export function outcomeOf({ outcome }: Directive, redaction?: Redaction): Outcome {
  const { kind } = outcome;
  if (kind === "failed" || kind === "died") {
    return { ...outcome, error: storableFailure(outcome.error, redaction) };
  }
  if ((kind !== "snoozed" && kind !== "cancelled") || outcome.reason === undefined) return outcome;
  return { ...outcome, reason: redaction?.text(outcome.reason) ?? outcome.reason };
}
