import { JobdError } from "../domain/errors.ts";

/** What an attempt hears that wants something to count after it was ended. */
export function attemptOver(): JobdError {
  return new JobdError("conflict", "The attempt is over: nothing that it does counts any more", {
    hint: "It had ended, was stopped or lost its lease; stop when `signal` is aborted.",
  });
}
