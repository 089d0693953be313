import type { Backoff } from "../domain/backoff.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import type { FailureRecord, Job, LogChunk } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";

/** The delay before the next attempt, from how often the job has failed (this time included) and why. */
export type BackoffFunction = (failures: number, error: FailureRecord, job: Job) => Duration;

/** What runs jobs of one type. */
export interface Handler {
  /** The job type it runs. */
  readonly type: string;
  /** Longest run when neither the job nor its queue says so, in milliseconds; without it the worker's default holds. */
  readonly timeoutMs?: number;
  /** Other types whose jobs it runs too: former names of its own. */
  readonly aliases?: readonly string[];
  /** Delay after failures when neither the job nor its queue says so; without it the worker's default holds. */
  readonly backoff?: Backoff | BackoffFunction;
  /** True when all its work happens in other processes, so that it cannot block this one's event loop. @default false */
  readonly outOfProcess?: boolean;
  /**
   * Runs one attempt. What it returns is the result (JSON) or a {@linkcode Directive}; what it throws is a failure.
   * When `context.signal` is aborted it should stop soon; what it gives after that is ignored.
   */
  run(job: Job, context: RunContext): Promise<unknown> | unknown;
}

/** What an attempt may use while it runs. */
export interface RunContext {
  /** Aborted when the attempt must stop; its `reason` is a {@linkcode StopReason}. */
  readonly signal: AbortSignal;
  /** When the attempt must have ended, epoch milliseconds by the store's clock; null without a limit. */
  readonly deadline: number | null;
  /** Appends to the job's log. Never fails and never blocks; what exceeds the cap is counted and left out. */
  log(text: string, stream?: LogChunk["stream"]): void;
  /** Keeps a progress note (JSON) on the job; frequent calls are merged. */
  progress(note: Json): void;
}

/** Why an attempt must stop. */
export type StopReason = "cancelled" | "timeout" | "expired" | "lease_lost" | "shutdown";

/** What a handler may return instead of a result. Made by {@linkcode snooze}, {@linkcode discard}, {@linkcode fail}. */
export class Directive {
  /** How the attempt ends. */
  readonly outcome: Outcome;

  /** Made by {@linkcode snooze}, {@linkcode discard} and {@linkcode fail}. */
  constructor(outcome: Outcome) {
    this.outcome = outcome;
  }
}

/** Run the job again after this time; costs no failure. */
export function snooze(delay: Duration, reason?: string): Directive {
  const delayMs = parseDuration(delay, "snooze delay");
  return new Directive({ kind: "snoozed", delayMs, ...(reason === undefined ? {} : { reason }) });
}

/** Give up on the job for good: it becomes a dead letter with this reason. */
export function discard(reason: string): Directive {
  return fail({ code: "discarded", message: reason }, { permanent: true });
}

/** Options of {@linkcode fail}. */
export interface FailOptions {
  /** Retrying cannot help: the job becomes a dead letter at once. @default false */
  permanent?: boolean;
  /** Wait this long before the next attempt, instead of the backoff. */
  retryIn?: Duration;
}

/** The attempt failed, with a code of the handler's own. Throwing does the same with the code `"error"`. */
export function fail(error: FailureRecord, options: FailOptions = {}): Directive {
  return new Directive({
    kind: "failed",
    error,
    ...(options.permanent === undefined ? {} : { permanent: options.permanent }),
    ...(options.retryIn === undefined ? {} : { retryInMs: parseDuration(options.retryIn, "retry delay") }),
  });
}
