import { JobdError } from "../../domain/errors.ts";
import { failureOf } from "../../domain/failure.ts";
import type { Job } from "../../domain/job.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { Redaction } from "../../domain/redaction.ts";
import { storableResult } from "../../domain/result.ts";
import { outcomeOf } from "../directed.ts";
import { Directive, type RunContext } from "../handler.ts";

/** What a handler of groups may use while it runs. What belongs to one job, such as steps, is not among it. */
export type GroupContext = Pick<RunContext, "clock" | "now" | "signal" | "deadline" | "extend" | "log">;

/**
 * What a handler of groups gives: for each job, in their order, its result, a {@linkcode Directive}, or an error that it has
 * failed with; or nothing, when all have completed. A directive instead of the list holds for all of them.
 */
export type GroupEnds<Result> = readonly (Result | Directive | Error)[] | Directive | void;

/** Marks the contexts of calls for groups, through all layers. */
const GROUP = Symbol.for("jobd.group");

/** One call for all jobs of a group, on its way through layers to the handler and back. */
export class GroupCall {
  /** The jobs. */
  readonly jobs: readonly Job[];
  /** How they ended, by id, once the handler has said so. */
  ends: ReadonlyMap<string, Outcome> | undefined;
  /** Takes out of what is kept of the call what one of the jobs redacts. */
  redaction: Redaction | undefined;

  constructor(jobs: readonly Job[]) {
    this.jobs = jobs;
  }
}

/** What makes a context that of a group, as descriptions of its properties. */
export function groupMark(call: GroupCall): PropertyDescriptorMap {
  const refuse = { value: () => Promise.reject(noWaits()), enumerable: true, writable: true };
  const waits = { waitFor: refuse, waitToken: refuse, forgetAnswer: refuse, sleep: refuse };
  return { ...waits, [GROUP]: { value: call, enumerable: true } };
}

/** A call for many jobs cannot stop at a wait of one of them; layers around it have these methods all the same. */
function noWaits(): JobdError {
  return new JobdError("invalid_request", "A handler of groups cannot wait for answers or sleep", {
    hint: "Give `snooze()` for jobs that go on later, or enqueue a job of another type that waits.",
  });
}

/** The group that a context belongs to; undefined when it is that of a single job. */
export function groupOf(context: RunContext): GroupCall | undefined {
  return (context as { [GROUP]?: GroupCall })[GROUP];
}

/** What one job of a group gave, as the outcome of its attempt. */
export function endOf(given: unknown, redaction?: Redaction): Outcome {
  if (given instanceof Directive) return outcomeOf(given, redaction);
  if (given instanceof Error) return { kind: "failed", error: failureOf(given, redaction) };
  try {
    return { kind: "completed", result: storableResult(given) };
  } catch (thrown) {
    // The others must not pay for a result that is no JSON.
    return { kind: "failed", error: failureOf(thrown, redaction) };
  }
}
