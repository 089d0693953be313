import { formatDuration, parseDuration } from "../domain/duration.ts";
import { failureOf } from "../domain/failure.ts";
import type { Job } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { Redaction } from "../domain/redaction.ts";
import type { JobRequest } from "../domain/request.ts";
import { storableResult } from "../domain/result.ts";
import type { Clock } from "../domain/clock.ts";
import type { EnqueueOptions, JobDefinition } from "./definition.ts";
import { memberBatch } from "./member_batch.ts";
import type { AttemptWaits, WaitsOf } from "./attempt_waits.ts";
import { type GroupCall, groupMark } from "./groups/group_call.ts";
import { outcomeOf } from "./directed.ts";
import type { Steps } from "./steps.ts";
import type { WaitCalls } from "./wait_calls.ts";
import type { Stop } from "./stop.ts";
import {
  type Checkpoint,
  Directive,
  type FollowUp,
  type Handler,
  type RunContext,
  type StopReason,
} from "./handler.ts";

/** How long a handler may ignore its abort signal before its slot is taken away, in milliseconds. */
export const ABANDON_MS = 30_000;

/** Options of {@linkcode execute}. */
export interface ExecuteOptions {
  /** For the timeout. */
  timers: Pick<Clock, "after">;
  /** For the handler. */
  clock: Clock;
  /** The store's time now. */
  now(): number;
  /** Longest run, in milliseconds. */
  timeoutMs: number;
  /** The jobs of the group, when the attempt is one for all of them. */
  group: GroupCall | undefined;
  /** Stops the attempt. */
  stop: Stop<StopReason>;
  /** Log and progress. */
  log: RunContext["log"];
  /** Progress notes. */
  progress: RunContext["progress"];
  /** What is kept for later attempts. */
  steps: Steps;
  /** What it waits for. */
  waits: WaitsOf;
  /** Reads the jobs that it has come after. */
  parents: RunContext["parents"];
  /** Notes a job that is enqueued with the end. */
  enqueue(job: JobDefinition | JobRequest, payload?: unknown, options?: EnqueueOptions): Promise<FollowUp>;
  /** Takes values that nobody may see out of failures. */
  redaction: Redaction | undefined;
  /** Gets what the handler threw by itself, before it becomes a record. */
  onThrown?(thrown: unknown): void;
  /** Called when the handler did not end within the given time after its signal. */
  onAbandoned(): void;
  /** @default 30000 */
  abandonMs?: number;
}

/**
 * Runs one attempt and says how it ended; undefined when the lease was lost, because then nobody asks any more. Once
 * the signal is aborted its reason decides, whatever the handler still gives: a program ended by us may well call its
 * run a success.
 */
export async function execute(
  job: Job,
  handler: Handler,
  options: ExecuteOptions,
): Promise<Outcome | undefined> {
  const { now, stop, timeoutMs } = options;
  if (stop.reason !== undefined) return stopOutcome(stop.reason, timeoutMs);
  if (job.expireAt !== null && job.expireAt <= now()) return { kind: "expired" };
  const limit = new Limit(job, options);
  try {
    const given = await unlessAbandoned(call(job, handler, options, limit), options);
    if (stop.reason !== undefined) return stopOutcome(stop.reason, limit.ms);
    if (given.kind === "snoozed") options.log(snoozeNote(given), "system");
    if (given.kind === "parked") options.log(`Waits for ${JSON.stringify(given.wait)}\n`, "system");
    return given;
  } finally {
    limit.clear();
  }
}

/** How long an attempt may run. */
class Limit {
  /** When it must have ended, by the store's clock. */
  deadline = 0;
  /** How long it may run in all, in milliseconds. */
  ms: number;
  readonly #job: Job;
  readonly #options: ExecuteOptions;
  readonly #start: number;
  #cancel = (): void => {};

  constructor(job: Job, options: ExecuteOptions) {
    this.#job = job;
    this.#options = options;
    this.#start = options.now();
    this.ms = options.timeoutMs;
    this.#arm(this.#start);
  }

  /** So much from now on. */
  extend(ms: number): void {
    const now = this.#options.now();
    this.ms = now - this.#start + ms;
    this.#arm(now);
  }

  /** No limit any more. */
  clear(): void {
    this.#cancel();
  }

  #arm(now: number): void {
    const { timers, stop } = this.#options;
    const { expireAt } = this.#job;
    this.#cancel();
    this.deadline = Math.min(this.#start + this.ms, expireAt ?? Infinity);
    this.#cancel = timers.after(this.deadline - now, () => {
      stop.abort(this.deadline === expireAt ? "expired" : "timeout");
    });
  }
}

/** What the handler waits for; made when it asks, which most never do. */
type Waits = () => AttemptWaits;

function runContext(job: Job, options: ExecuteOptions, limit: Limit, waits: Waits): RunContext {
  const { clock, now, stop, log, progress, steps, parents, enqueue, group } = options;
  const context: RunContext = {
    get signal() {
      return stop.signal;
    },
    clock,
    now,
    get deadline() {
      return limit.deadline;
    },
    extend: (time) => limit.extend(parseDuration(time, "time to extend by")),
    log,
    progress,
    checkpoint: ((...value: [] | [Json]) => steps.checkpoint(job, ...value)) as Checkpoint,
    step: (name, work) => steps.step(job, name, work),
    parents,
    enqueue,
    batch: memberBatch(job, enqueue),
    // No getters, which cost each attempt as much as a short job does.
    waitFor: ((name, options) => waits().waitFor(name, options)) as WaitCalls["waitFor"],
    waitToken: (name) => waits().waitToken(name),
    forgetAnswer: (name) => waits().forgetAnswer(name),
    sleep: (name, time) => waits().sleep(name, time),
  };
  return group === undefined ? context : Object.defineProperties(context, groupMark(group));
}

async function call(job: Job, handler: Handler, options: ExecuteOptions, limit: Limit): Promise<Outcome> {
  let waits: AttemptWaits | undefined;
  const context = runContext(job, options, limit, () => waits ??= options.waits(job));
  const ended = (outcome: Outcome): Outcome =>
    waits?.parkedAt === undefined ? outcome : { kind: "parked", wait: waits.parkedAt };
  try {
    const given = await handler.run(job, context);
    return ended(
      given instanceof Directive
        ? outcomeOf(given, options.redaction)
        : { kind: "completed", result: storableResult(given) },
    );
  } catch (thrown) {
    if (thrown instanceof Directive) return ended(outcomeOf(thrown, options.redaction));
    if (options.stop.reason === undefined && waits?.parkedAt === undefined) options.onThrown?.(thrown);
    return ended({ kind: "failed", error: failureOf(thrown, options.redaction) });
  }
}

/** A snooze is no failure, so the job has no error that would say why it waits. */
function snoozeNote({ delayMs, until, reason }: Extract<Outcome, { kind: "snoozed" }>): string {
  const why = reason === undefined ? "" : `: ${reason}`;
  const when = until === undefined
    ? `for ${formatDuration(delayMs)}`
    : `until ${new Date(until).toISOString()}`;
  return `Put off ${when}${why}\n`;
}

function stopOutcome(reason: StopReason, timeoutMs: number): Outcome | undefined {
  switch (reason) {
    case "cancelled":
      return { kind: "cancelled" };
    case "timeout":
      return {
        kind: "failed",
        error: { code: "timeout", message: `The attempt ran longer than ${timeoutMs} ms` },
      };
    case "expired":
      return { kind: "expired" };
    case "shutdown":
      return { kind: "released" };
    case "lease_lost":
      return undefined;
  }
}

/** What the handler gives; ends the wait for one that ignores its signal. */
function unlessAbandoned(given: Promise<Outcome>, options: ExecuteOptions): Promise<Outcome> {
  const { timers, stop, onAbandoned, abandonMs = ABANDON_MS } = options;
  return new Promise((resolve) => {
    let over = false;
    let cancel = (): void => {};
    given.then((outcome) => {
      over = true;
      cancel();
      resolve(outcome);
    });
    stop.onAbort(() => {
      if (over) return;
      cancel = timers.after(abandonMs, () => {
        onAbandoned();
        resolve({ kind: "released" });
      });
    });
  });
}
