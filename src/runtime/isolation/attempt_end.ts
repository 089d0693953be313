import { parseDuration } from "../../domain/duration.ts";
import { messageOf } from "../../domain/errors.ts";
import { failureOf, storableFailure } from "../../domain/failure.ts";
import type { FailureRecord, Job } from "../../domain/job.ts";
import { storableResult } from "../../domain/result.ts";
import { Directive, type Handler, type RunContext } from "../handler.ts";
import type { AttemptEnd } from "./protocol.ts";
import { refusalOf } from "./rights.ts";
import { packThrown } from "./thrown.ts";

/** Runs a handler and says how that ended, as plain data. */
export async function attemptEnd(
  job: Job,
  handler: Handler | undefined,
  context: RunContext,
): Promise<AttemptEnd> {
  try {
    if (handler === undefined) throw new Error(`The module defines no job of type ${job.type} any more`);
    const given = await handler.run(job, context);
    return given instanceof Directive
      ? directiveEnd(given, { job, handler, context })
      : { kind: "returned", result: storableResult(given) };
  } catch (thrown) {
    if (thrown instanceof Directive) return directiveEnd(thrown, { job, handler, context });
    const error = refusalOf(thrown);
    if (error !== undefined) return { kind: "refused", error };
    const backoffMs = backoffOf(failureOf(thrown), { job, handler, context });
    return { kind: "threw", thrown: packThrown(thrown), ...(backoffMs === undefined ? {} : { backoffMs }) };
  }
}

interface Attempt {
  job: Job;
  handler: Handler | undefined;
  context: RunContext;
}

function directiveEnd({ outcome }: Directive, attempt: Attempt): AttemptEnd {
  if (outcome.kind !== "failed") return { kind: "directive", outcome };
  const error = storableFailure(outcome.error);
  const backoffMs = outcome.retryInMs === undefined ? backoffOf(error, attempt) : undefined;
  return {
    kind: "directive",
    outcome: { ...outcome, error },
    ...(backoffMs === undefined ? {} : { backoffMs }),
  };
}

/** What the function of the definition decides: only this process has it. */
function backoffOf(error: FailureRecord, { job, handler, context }: Attempt): number | undefined {
  const backoff = handler?.backoff;
  if (typeof backoff !== "function") return undefined;
  try {
    const delay = backoff(job.failures + 1, error, job);
    return delay === undefined ? undefined : parseDuration(delay, "backoff");
  } catch (thrown) {
    context.log(`The backoff function failed; the worker's backoff holds: ${messageOf(thrown)}\n`, "stderr");
    return undefined;
  }
}
