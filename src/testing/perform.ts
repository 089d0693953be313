import { type Duration, parseDuration } from "../domain/duration.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import type { ExecutionOutcome, FailureRecord, Job, NewJob } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { JobState } from "../domain/states.ts";
import { retry } from "../domain/transition.ts";
import { type EnqueueOptions, isDefinition, type JobDefinition } from "../runtime/definition.ts";
import type { Jobd } from "../runtime/jobd.ts";
import type { Handler } from "../runtime/handler.ts";
import type { WorkerOptions } from "../runtime/worker_options.ts";
import { startWorker } from "./test_worker.ts";
import type { End } from "./recorder.ts";
import { makeTime, type StoreOptions, type Time, type TimeOptions, World } from "./world.ts";

/** How one attempt is made. */
export interface AttemptOptions extends Omit<EnqueueOptions, "delay" | "runAt"> {
  /** Which attempt it is; those before it have failed. @default 1, or 2 with `steps` or a `checkpoint` */
  attempt?: number;
  /** What earlier attempts have kept, by the names of the steps. */
  steps?: Readonly<Record<string, Json>>;
  /** What an earlier attempt has kept last. */
  checkpoint?: Json;
  /** What was answered, by the names of waits; `waitFor` gives it. What is not answered parks the job. */
  answers?: Readonly<Record<string, Json>>;
  /** Cancels the job when it is aborted. */
  signal?: AbortSignal;
  /** Cancels the job when this much time has passed on the clock. */
  cancelAfter?: Duration;
}

/** Options of {@linkcode perform}. */
export interface PerformOptions extends AttemptOptions, TimeOptions {
  /** Settings of the worker that runs it, such as `middleware` and `backoff`. */
  worker?: Partial<Omit<WorkerOptions, "handlers" | "queues">>;
}

/** How one attempt ended. */
export interface Performed<Result = Json> {
  /** How the attempt ended; `failed` also for what was discarded. */
  outcome: Exclude<ExecutionOutcome, "running">;
  /** What the job is after it: `scheduled` when it will run again, `dead` when it will not. */
  state: JobState;
  /** What the handler returned, as it is stored; null unless it completed. */
  result: Result | null;
  /** Why it failed, was cancelled or put off; null when there is nothing to say. */
  error: FailureRecord | null;
  /** What the handler threw itself. */
  thrown: unknown;
  /** After how many milliseconds the job runs again; null when it does not. */
  nextInMs: number | null;
  /** How long the attempt took on the clock, in milliseconds. */
  tookMs: number;
  /** What it wrote to the job's log, whatever the stream. */
  log: string;
  /** Its last progress note. */
  progress: Json;
  /** What it enqueued with its end. */
  enqueued: NewJob[];
  /** The job after it. */
  job: Job;
}

const LOG_CHUNKS = 10_000;

/**
 * Runs one attempt of a handler, in a real worker on a store of its own, and says how it ended. Time passes as far as the
 * handler waits for it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { defineJob } from "../mod.ts";
 * import { perform } from "./perform.ts";
 *
 * const greet = defineJob<{ name: string }>({
 *   type: "greet",
 *   run: ({ payload }, { log }) => (log("hello"), `Hello ${payload.name}`),
 * });
 * const { outcome, result, log } = await perform(greet, { name: "Ada" });
 * assert.deepEqual([outcome, result, log], ["completed", "Hello Ada", "hello"]);
 * ```
 *
 * @throws {JobdError} `invalid_request` for a payload that does not fit, or a bad option
 */
export function perform<Input, Result>(
  job: JobDefinition<Input, Result>,
  payload: Input,
  options?: PerformOptions,
): Promise<Performed<Result>>;
/** Runs one attempt of a handler that is not a definition. */
export function perform(job: Handler, payload?: unknown, options?: PerformOptions): Promise<Performed>;
export async function perform(
  job: Handler,
  payload?: unknown,
  { worker = {}, now, seed, patience, ...options }: PerformOptions = {},
): Promise<Performed<unknown>> {
  const time = makeTime({
    ...(now === undefined ? {} : { now }),
    ...(seed === undefined ? {} : { seed }),
    ...(patience === undefined ? {} : { patience }),
  });
  return await performIn({ time, store: {}, worker }, job, payload, options);
}

/** Where an attempt is made. */
export interface Place {
  /** Time and chance. */
  time: Time;
  /** The namespace and its defaults. */
  store: Omit<StoreOptions, "store">;
  /** Settings of the worker. */
  worker: Partial<WorkerOptions>;
}

/** The same at a given time. */
export async function performIn(
  { time, store, worker }: Place,
  handler: Handler,
  payload: unknown,
  options: AttemptOptions,
): Promise<Performed<unknown>> {
  const world = new World(time, store);
  const jobd = await world.open(world.driver);
  try {
    return await performOn({ jobd, world, worker }, handler, payload, options);
  } finally {
    await jobd.close();
  }
}

async function performOn(
  { jobd, world, worker }: { jobd: Jobd; world: World; worker: Place["worker"] },
  handler: Handler,
  payload: unknown,
  { attempt, steps, checkpoint, answers = {}, signal, cancelAfter, ...request }: AttemptOptions,
): Promise<Performed<unknown>> {
  const now = { ...request, delay: 0 };
  const { id } = isDefinition(handler)
    ? await jobd.enqueue(handler, payload, now)
    : await jobd.enqueue({ ...now, type: handler.type, payload });
  await leaveGroup(world, id);
  const kept = new Map(Object.entries(steps ?? {}));
  if (checkpoint !== undefined) kept.set("", checkpoint);
  await failBefore(world, id, attempt ?? (kept.size > 0 ? 2 : 1), kept);
  for (const [name, value] of Object.entries(answers)) await jobd.waits.resume({ job: id, name }, value);
  const enqueuedBefore = world.recorder.enqueued.length;
  const ended = Promise.withResolvers<End>();
  const stop = world.recorder.onEnd((end) => end.id === id && ended.resolve(end));
  const gate = { left: 1, types: [handler.type] };
  const runs = await startWorker(world, {
    ...worker,
    scheduler: false,
    handlers: [handler],
    queues: "all",
  }, gate);
  const cancelled = cancelling(jobd, world, id, { signal, cancelAfter });
  try {
    await world.time.clock.until(ended.promise);
    stop();
    await cancelled();
  } finally {
    await runs.stop();
  }
  const { outcome, to } = await ended.promise;
  const { startedAt, finishedAt, error } = (await world.store.executions(id)).at(-1) ?? {};
  const job = await jobd.jobs.get(id);
  const chunks = await world.store.logs({ jobId: id, limit: LOG_CHUNKS });
  return {
    outcome,
    state: to,
    result: job.result,
    error: error ?? null,
    thrown: world.thrown.get(id),
    nextInMs: to === "scheduled" ? job.runAt - (finishedAt ?? job.runAt) : to === "available" ? 0 : null,
    tookMs: (finishedAt ?? 0) - (startedAt ?? 0),
    log: chunks.map(({ text }) => text).join(""),
    progress: job.progress,
    enqueued: world.recorder.enqueued.slice(enqueuedBefore),
    job,
  };
}

/** A job that gathers is performed at once, in a group of its own. */
async function leaveGroup({ store, time: { clock } }: World, id: string): Promise<void> {
  const [job] = await store.get([id]);
  if (job?.state !== "blocked") return;
  const { state: from, attempt } = job;
  await store.amend([{ id, from, attempt, at: clock.now(), change: { kind: "makeAvailable" } }]);
}

/** Lets attempts fail that came before, the first of which has kept something. */
async function failBefore(world: World, id: string, attempt: number, kept: Map<string, Json>): Promise<void> {
  const { store, namespace, time: { clock } } = world;
  const [job] = await store.get([id]);
  const most = job?.maxAttempts ?? 1;
  const least = kept.size > 0 ? 2 : 1;
  if (!Number.isInteger(attempt) || attempt < least || attempt > most) {
    throw invalid("attempt", attempt, `a whole number from ${least} to the job's maxAttempts, ${most}`);
  }
  const request = { worker: "earlier", namespace, queues: "all", types: "all", limit: 1 } as const;
  for (let n = 1; n < attempt; n++) {
    const now = clock.now();
    const { leaseId, jobs: [run] } = await store.claim({ ...request, now, expiresAt: now + 1 });
    if (run === undefined || leaseId === null) {
      throw new JobdError("internal", `The job ${id} does not start`);
    }
    for (const [name, value] of kept) await store.saveStep(run, { name, value, at: now });
    const error = { code: "error", message: `Attempt ${n} of the test has failed` };
    await store.settle({
      transitions: [retry(run, now, { runAt: now, error, lost: false })],
      close: [leaseId],
    });
    await store.promote(now, 1);
  }
}

/** Arranges that the job is cancelled; what is returned calls that off. */
function cancelling(
  jobd: Jobd,
  { time: { clock } }: World,
  id: string,
  { signal, cancelAfter }: { signal: AbortSignal | undefined; cancelAfter: Duration | undefined },
): () => Promise<void> {
  let cancelled: Promise<unknown> = Promise.resolve();
  // By the time it is cancelled it may have ended.
  const cancel = (): void => void (cancelled = jobd.jobs.act("cancel", [id]));
  const callOff = cancelAfter === undefined
    ? undefined
    : clock.after(parseDuration(cancelAfter, "time to cancel after"), cancel);
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return async () => {
    callOff?.();
    signal?.removeEventListener("abort", cancel);
    await cancelled;
  };
}
