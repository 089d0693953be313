import type { FailureRecord, Job } from "../../src/domain/job.ts";
import type { Json } from "../../src/domain/json.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { type Checkpoint, Directive, type Handler, type RunContext } from "../../src/runtime/handler.ts";
import { storableResult } from "../../src/domain/result.ts";
import { system } from "../../src/storage/system.ts";
import { attemptMark } from "../../src/domain/attempt_mark.ts";
import { exampleJob } from "./example_job.ts";
import { marked } from "./process_probe.ts";
import { noWaits } from "./no_waits.ts";

/** What one attempt left. */
export interface Attempt {
  /** How it ended, as the executor would see it. */
  outcome: Outcome;
  /** The log, stream by stream. */
  log: Record<"stdout" | "stderr" | "system", string>;
  /** The last progress note. */
  progress: Json;
  /** Processes of the attempt that are still alive. */
  left: number[];
}

/** Options of {@linkcode attempt}. */
export interface AttemptOptions {
  /** The job's fields that matter. */
  job?: Partial<Job>;
  /** Aborts the attempt. */
  signal?: AbortSignal;
  /** Called for each piece of log. */
  onLog?(text: string): void;
}

/** Runs one attempt of a handler as the executor would, without a store. */
export async function attempt(
  handler: Handler,
  payload: Json,
  options: AttemptOptions = {},
): Promise<Attempt> {
  const job = exampleJob({ id: crypto.randomUUID(), type: handler.type, payload, ...options.job });
  const log = { stdout: "", stderr: "", system: "" };
  let progress: Json = null;
  const context: RunContext = {
    signal: options.signal ?? new AbortController().signal,
    clock: system,
    now: () => system.now(),
    deadline: null,
    extend: () => {},
    checkpoint: (() => Promise.resolve(undefined)) as Checkpoint,
    step: (_, work) => Promise.try(work),
    parents: () => Promise.resolve([]),
    batch: undefined,
    enqueue: () => Promise.resolve({ id: "" }),
    log: (text, stream = "system") => {
      // Enough to look at; the real log is capped as well.
      if (log[stream].length < 1_000_000) log[stream] += text;
      options.onLog?.(text);
    },
    progress: (note) => {
      progress = note;
    },
    ...noWaits,
  };
  const outcome = await run(handler, job, context);
  return { outcome, log, progress, left: await marked(attemptMark(job.id, job.attempt)) };
}

async function run(handler: Handler, job: Job, context: RunContext): Promise<Outcome> {
  try {
    const value = await handler.run(job, context);
    return value instanceof Directive ? value.outcome : { kind: "completed", result: storableResult(value) };
  } catch (error) {
    return { kind: "failed", error: { code: "error", message: String(error) } };
  }
}

/** The result of an attempt that must have completed. */
export function resultOf({ outcome, log }: Attempt): { [key: string]: Json } {
  if (outcome.kind === "completed") return outcome.result as { [key: string]: Json };
  throw new Error(`Not completed but ${JSON.stringify(outcome)}; stderr: ${log.stderr}`);
}

/** The failure of an attempt that must have failed. */
export function failureOf({ outcome }: Attempt): FailureRecord & { permanent: boolean } {
  if (outcome.kind === "failed") return { ...outcome.error, permanent: outcome.permanent === true };
  throw new Error(`Not failed but ${JSON.stringify(outcome)}`);
}
