import type { Backoff } from "../domain/backoff.ts";
import type { Clock } from "../domain/clock.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import { parseInstant } from "../domain/instant.ts";
import type { LimitSettings } from "../domain/limit.ts";
import type { JobRequest } from "../domain/request.ts";
import type { EnqueueOptions, JobDefinition } from "./definition.ts";
import type { Isolation } from "./isolation/isolation.ts";
import { becauseOf } from "../domain/failure.ts";
import type { FailureRecord, Job, LogChunk } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Parent } from "./parents.ts";
import type { WaitCalls } from "./wait_calls.ts";

/**
 * The delay before the next attempt, from how often the job has failed (this time included) and why; undefined leaves it to
 * the worker.
 */
export type BackoffFunction = (failures: number, error: FailureRecord, job: Job) => Duration | undefined;

/** How many jobs of a handler run at a time, and how often one starts, on all machines. */
export interface HandlerLimit {
  /** How much. */
  settings: LimitSettings;
  /** Whether it holds for each limit key by itself. */
  perKey: boolean;
}

/** What runs jobs of one type. */
export interface Handler {
  /** The job type it runs. */
  readonly type: string;
  /** Longest run when neither the job nor its queue says so, in milliseconds; without it the worker's default holds. */
  readonly timeoutMs?: number;
  /** Other types whose jobs it runs too: former names of its own. */
  readonly aliases?: readonly string[];
  /** Where its jobs go when they name no queue: a worker that does not serve it says so when it starts. */
  readonly queue?: string;
  /** Delay after failures when neither the job nor its queue says so; without it the worker's default holds. */
  readonly backoff?: Backoff | BackoffFunction;
  /** Stored when a worker with the handler starts, unless an operator has set another one. */
  readonly limit?: HandlerLimit;
  /** Values that its attempts keep out of logs and errors, besides those that the job itself names. */
  readonly redact?: readonly string[];
  /** Layers around each run of this handler, outermost first; inside those of its group and of the worker. */
  readonly middleware?: readonly Middleware[];
  /** True when all its work happens in other processes, so that it cannot block this one's event loop. @default false */
  readonly outOfProcess?: boolean;
  /** Whether its jobs should be stored encrypted: the worker's log says so when one is not. @default false */
  readonly encrypt?: boolean;
  /** True when one call takes all jobs of a group, see {@linkcode DefinitionOptions.runGroup}. @default false */
  readonly grouped?: boolean;
  /** Set when it wants a process of its own; a worker runs it then only from its file: see {@linkcode WorkerOptions.modules}. */
  readonly isolation?: Isolation;
  /**
   * Runs one attempt. What it returns is the result (JSON) or a {@linkcode Directive}; what it throws is a failure, unless
   * it is a directive.
   * When `context.signal` is aborted it should stop soon; what it gives after that is ignored.
   */
  run(job: Job, context: RunContext): Promise<unknown> | unknown;
}

/**
 * A layer around handlers: it may look at the job, change the context, call `next` for what lies inside it, and give another
 * answer than that did. `next` gives what the handler gave, a result or a {@linkcode Directive}, and throws what it threw.
 */
export type Middleware = (
  job: Job,
  context: RunContext,
  next: (context?: RunContext) => Promise<unknown>,
) => Promise<unknown> | unknown;

/** What an attempt may use while it runs. */
export interface RunContext extends WaitCalls {
  /** Time; in tests it may stand still. */
  readonly clock: Clock;
  /** The store's time, epoch milliseconds. */
  now(): number;
  /** Aborted when the attempt must stop; its `reason` is a {@linkcode StopReason}. */
  readonly signal: AbortSignal;
  /** When the attempt must have ended, epoch milliseconds by the store's clock; null without a limit. */
  readonly deadline: number | null;
  /**
   * Gives the attempt this much time from now on, instead of what is left of its timeout; never more than the job's own
   * deadline allows. The lease needs nothing: it is renewed while the attempt runs.
   */
  extend(time: Duration): void;
  /** Appends to the job's log. Never fails and never blocks; what exceeds the cap is counted and left out. */
  log(text: string, stream?: LogChunk["stream"]): void;
  /** Keeps a progress note (JSON) on the job; frequent calls are merged. */
  progress(note: Json): void;
  /** Keeps how far the attempt has come, for itself and the attempts after it. */
  readonly checkpoint: Checkpoint;
  /**
   * A step that is done once in the life of the job: what `work` gives (JSON) is kept under the name, and later attempts get
   * it without doing it again. Work that ends just before the process does may be done twice.
   *
   * @throws {JobdError} `conflict` when the attempt is over; `invalid_request` for a bad name, or a value that is no JSON
   */
  step<T>(name: string, work: () => T | Promise<T>): Promise<T>;
  /** The jobs that this one has come after (`after`), with their results; those that have been removed are left out. */
  parents(): Promise<Parent[]>;
  /**
   * Enqueues a job together with the end of this attempt: it exists exactly when the attempt has completed or was put off,
   * however often it was tried before. Nothing is stored until then.
   */
  readonly enqueue: EnqueueFollowUp;
  /** The batch of which the job is a member; undefined when it is of none. */
  readonly batch: MemberBatch | undefined;
}

/** {@linkcode RunContext.batch}. */
export interface MemberBatch {
  /** Its id. */
  readonly id: string;
  /**
   * Adds a job to the batch together with the end of this attempt, as {@linkcode RunContext.enqueue} does: the batch cannot
   * have ended before.
   */
  readonly add: EnqueueFollowUp;
}

/** {@linkcode RunContext.enqueue}. */
export interface EnqueueFollowUp {
  /** By its definition. @throws {JobdError} `invalid_request`; `conflict` when the attempt is over */
  <Input>(job: JobDefinition<Input>, payload: Input, options?: EnqueueOptions): Promise<FollowUp>;
  /** By a request that says everything. */
  (request: JobRequest): Promise<FollowUp>;
}

/** A job that is going to be enqueued. */
export interface FollowUp {
  /** Its id, unless another job holds its unique key by then and keeps it. */
  readonly id: string;
}

/** {@linkcode RunContext.checkpoint}. */
export interface Checkpoint {
  /** What was kept last, in this attempt or an earlier one; undefined when nothing was. */
  (): Promise<Json | undefined>;
  /**
   * Keeps this (JSON) from now on; durable when it resolves.
   * @throws {JobdError} `conflict` when the attempt is over; `invalid_request` for what is no JSON
   */
  (value: Json): Promise<void>;
}

/** Why an attempt must stop. */
export type StopReason = "cancelled" | "timeout" | "expired" | "lease_lost" | "shutdown";

/** Marks directives. */
export const DIRECTIVE: unique symbol = Symbol.for("jobd.directive");

/**
 * What a handler may return, or throw, instead of a result. Made by {@linkcode snooze}, {@linkcode retryAt},
 * {@linkcode coolDown}, {@linkcode discard}, {@linkcode transient} and {@linkcode fail}.
 */
export class Directive {
  /** Directives of another copy of this library are directives, too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && DIRECTIVE in value;
  }

  /** Marks it. */
  readonly [DIRECTIVE] = true;
  /** How the attempt ends. */
  readonly outcome: Outcome;

  /** Made by the functions named above. */
  constructor(outcome: Outcome) {
    this.outcome = outcome;
  }
}

/** Run the job again after this time; costs no failure. */
export function snooze(delay: Duration, reason?: string): Directive {
  const delayMs = parseDuration(delay, "snooze delay");
  return new Directive({ kind: "snoozed", delayMs, ...(reason === undefined ? {} : { reason }) });
}

/** Run the job again at this time, by the store's clock; costs no failure. */
export function retryAt(time: Date | number | string, reason?: string): Directive {
  const until = parseInstant(time, "retry time");
  return new Directive({ kind: "snoozed", until, ...(reason === undefined ? {} : { reason }) });
}

/**
 * The other side asks to slow down: this job and all others of its limit key, or of its type when it has no key, start again
 * after this time, on all machines. Costs no failure. What runs already goes on.
 */
export function coolDown(delay: Duration, reason?: string): Directive {
  const delayMs = parseDuration(delay, "cool-down");
  return new Directive({
    kind: "snoozed",
    delayMs,
    coolDown: true,
    ...(reason === undefined ? {} : { reason }),
  });
}

/** Give up on the job for good: it becomes a dead letter with this reason. */
export function discard(reason: string): Directive {
  return fail({ code: "discarded", message: reason }, { permanent: true });
}

/** Options of {@linkcode fail}. */
export interface FailOptions {
  /** Retrying cannot help: the job becomes a dead letter at once. @default false */
  permanent?: boolean;
  /** Not held against the job: the attempt failed, but costs none of `maxAttempts`. @default false */
  transient?: boolean;
  /** Wait this long before the next attempt, instead of the backoff. */
  retryIn?: Duration;
  /** What led to it, such as an error that was caught: its stack, message and causes are kept with the failure. */
  cause?: unknown;
}

/**
 * The attempt failed for a reason that will pass and that is not the job's fault, such as a service that is away: the job is
 * retried as after a failure, but this costs none of its attempts. A job that must not wait for ever should have a `ttl`.
 */
export function transient(reason: string, options: Pick<FailOptions, "retryIn" | "cause"> = {}): Directive {
  return fail({ code: "transient", message: reason }, { ...options, transient: true });
}

/** The attempt failed, with a code of the handler's own. Throwing does the same with the code `"error"`. */
export function fail(error: FailureRecord, options: FailOptions = {}): Directive {
  return new Directive({
    kind: "failed",
    error: options.cause === undefined ? error : becauseOf(options.cause, error),
    ...(options.permanent === undefined ? {} : { permanent: options.permanent }),
    ...(options.transient === undefined ? {} : { transient: options.transient }),
    ...(options.retryIn === undefined ? {} : { retryInMs: parseDuration(options.retryIn, "retry delay") }),
  });
}
