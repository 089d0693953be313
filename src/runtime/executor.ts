import { formatDuration } from "../domain/duration.ts";
import { failureOf, storableFailure } from "../domain/failure.ts";
import type { Job } from "../domain/job.ts";
import type { Outcome } from "../domain/outcome.ts";
import { storableResult } from "../domain/result.ts";
import type { Clock } from "../domain/clock.ts";
import type { Stop } from "./stop.ts";
import { Directive, type Handler, type RunContext, type StopReason } from "./handler.ts";

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
  /** Stops the attempt. */
  stop: Stop<StopReason>;
  /** Log and progress. */
  log: RunContext["log"];
  /** Progress notes. */
  progress: RunContext["progress"];
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
  const { timers, now, stop, timeoutMs } = options;
  if (stop.reason !== undefined) return stopOutcome(stop.reason, timeoutMs);
  const start = now();
  if (job.expireAt !== null && job.expireAt <= start) return { kind: "expired" };
  const deadline = Math.min(start + timeoutMs, job.expireAt ?? Infinity);
  const cancelTimer = timers.after(deadline - start, () => {
    stop.abort(deadline === job.expireAt ? "expired" : "timeout");
  });
  try {
    const given = await unlessAbandoned(call(job, handler, { deadline, ...options }), options);
    if (stop.reason !== undefined) return stopOutcome(stop.reason, timeoutMs);
    if (given.kind === "snoozed") options.log(snoozeNote(given), "system");
    return given;
  } finally {
    cancelTimer();
  }
}

type CallOptions = ExecuteOptions & { deadline: number };

function runContext({ deadline, clock, now, stop, log, progress }: CallOptions): RunContext {
  return {
    get signal() {
      return stop.signal;
    },
    clock,
    now,
    deadline,
    log,
    progress,
  };
}

async function call(job: Job, handler: Handler, options: CallOptions): Promise<Outcome> {
  try {
    const given = await handler.run(job, runContext(options));
    return given instanceof Directive
      ? outcomeOf(given)
      : { kind: "completed", result: storableResult(given) };
  } catch (thrown) {
    if (thrown instanceof Directive) return outcomeOf(thrown);
    if (options.stop.reason === undefined) options.onThrown?.(thrown);
    return { kind: "failed", error: failureOf(thrown) };
  }
}

function outcomeOf({ outcome }: Directive): Outcome {
  return outcome.kind === "failed" ? { ...outcome, error: storableFailure(outcome.error) } : outcome;
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
