import { type Clock, sleep } from "../domain/clock.ts";
import { invalid, JobdError, show } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import { DEFAULT_QUEUE } from "../domain/names.ts";
import { FINAL_STATES, type JobState, WAITING_STATES, type WaitingState } from "../domain/states.ts";
import type { Driver, QueueCount } from "../storage/driver.ts";
import { ACTION_PAGE } from "./job_actions.ts";
import { listOf, type OneOrMany } from "./job_filter.ts";
import type { Jobs } from "./jobs.ts";
import type { StoreTime } from "./store_time.ts";

/** How an action on the jobs of a queue is watched. */
export interface EmptyingOptions {
  /** Told how many jobs were cancelled or deleted so far. */
  onProgress?(done: number): void;
}

/** Options of {@linkcode Queues.drain}. */
export interface DrainOptions extends EmptyingOptions {
  /** Which of the jobs that wait. @default all: available, scheduled, blocked */
  state?: OneOrMany<WaitingState>;
  /** Wait until no job of the queue runs; those that would be retried are cancelled then. @default false */
  wait?: boolean;
  /** Give up waiting after this time, in milliseconds. @default never */
  timeoutMs?: number;
}

/** What {@linkcode Queues.drain} did. */
export interface DrainReport {
  /** Jobs that waited and are cancelled now. */
  cancelled: number;
  /** Jobs that run still. */
  running: number;
}

/** Options of {@linkcode Queues.delete}. */
export interface DeleteQueueOptions extends EmptyingOptions {
  /** Remove it with all its jobs; running ones are told to stop first. @default false: a queue with jobs is refused */
  force?: boolean;
  /** How long running jobs may take to stop, in milliseconds. @default 60000 */
  timeoutMs?: number;
}

/** What {@linkcode Queues.delete} did. */
export interface DeleteQueueReport {
  /** Jobs that were deleted with it. */
  deleted: number;
  /** Schedules whose next tick makes the queue again. */
  schedules: string[];
}

const DELETE_TIMEOUT_MS = 60_000;
/** How often running jobs are looked at, in milliseconds. */
const LOOK_MS = 100;
/** Jobs that a message names. */
const NAMED = 3;

interface Parts {
  driver: Driver;
  namespace: string;
  time: StoreTime;
  clock: Clock;
  jobs: Jobs;
}

/** Takes the jobs out of one queue: bounded steps, each by itself, so that it can be broken off and begun again at any point. */
export class QueueEmptying {
  readonly #parts: Parts;
  readonly #queue: string;
  readonly #options: EmptyingOptions;
  /** Jobs that come later are not meant. */
  readonly #createdBefore: number;
  #done = 0;

  /** For one call. */
  constructor(parts: Parts, queue: string, options: EmptyingOptions) {
    this.#parts = parts;
    this.#queue = queue;
    this.#options = options;
    this.#createdBefore = parts.time.now() + 1;
  }

  /** {@linkcode Queues.drain}. */
  async drain({ state, wait = false, timeoutMs = Infinity }: DrainOptions): Promise<DrainReport> {
    const states = statesOf(state);
    await this.#wait(wait ? timeoutMs : 0, !wait, () => this.#all("cancel", states));
    return { cancelled: this.#done, running: (await this.#running()).length };
  }

  /** Deletes all jobs; those that run are told to stop, and waited for. */
  async clear(timeoutMs = DELETE_TIMEOUT_MS): Promise<number> {
    await this.#wait(timeoutMs, false, async () => {
      const running = await this.#running();
      await this.#parts.jobs.act("cancel", running.map(({ id }) => id));
      return await this.#all("delete", WAITING_STATES);
    });
    // What has ended stays as it is.
    await this.#pass("delete", FINAL_STATES);
    return this.#done;
  }

  /** Does it until no job waits and none runs (unless that does not matter). */
  async #wait(timeoutMs: number, whileRunning: boolean, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    const end = clock.monotonic() + timeoutMs;
    for (;;) {
      await work();
      const running = whileRunning ? [] : await this.#running();
      if (running.length === 0) return await work();
      const left = end - clock.monotonic();
      if (left <= 0) throw this.#stillRun(running);
      await sleep(clock, Math.min(LOOK_MS, left));
    }
  }

  async #all(action: "cancel" | "delete", states: readonly JobState[]): Promise<void> {
    while (await this.#pass(action, states) > 0);
  }

  /** Once through the states; gives how many jobs it was done to. */
  async #pass(action: "cancel" | "delete", states: readonly JobState[]): Promise<number> {
    const before = this.#done;
    for (const state of states) {
      for await (const ids of this.#pages(state)) {
        const { succeeded } = await this.#parts.jobs.act(action, ids, { only: state });
        this.#done += succeeded.length;
        this.#options.onProgress?.(this.#done);
      }
    }
    return this.#done - before;
  }

  async *#pages(state: JobState): AsyncGenerator<string[]> {
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await this.#parts.jobs.page({
        queue: this.#queue,
        state,
        createdBefore: this.#createdBefore,
        limit: ACTION_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (items.length > 0) yield items.map(({ id }) => id);
      cursor = nextCursor;
    } while (cursor !== undefined);
  }

  #running(): Promise<Job[]> {
    return Array.fromAsync(this.#parts.jobs.list({ queue: this.#queue, state: "running" }));
  }

  #stillRun(running: readonly Job[]): JobdError {
    const names = running.slice(0, NAMED).map(({ id }) => id).join(", ");
    const more = running.length > NAMED ? ", ..." : "";
    return new JobdError(
      "timed_out",
      `Of queue ${show(this.#queue)} ${running.length} ${
        running.length === 1 ? "job runs" : "jobs run"
      } still: ${names}${more}`,
      {
        hint:
          "Nothing of it is lost, and calling again goes on. The job of a dead worker goes to another worker.",
      },
    );
  }
}

/** What is in a queue, in words such as `3 available`; nothing for an empty one. */
export async function contents(
  { driver, namespace, jobs }: Parts,
  queue: string,
  cap: number,
): Promise<string[]> {
  const counted = (await driver.counts(namespace, cap)).filter((one) => one.queue === queue && one.count > 0);
  const words = counted.map(({ state, count, capped }: QueueCount) =>
    `${count}${capped ? "+" : ""} ${state}`
  );
  // There may be millions of them, so one is enough.
  const [completed] = await Array.fromAsync(first(jobs.list({ queue, state: "completed" })));
  return completed === undefined ? words : [...words, "completed jobs"];
}

/** Whether the queue has a job that is not completed. */
export async function holdsJobs({ jobs }: Parts, queue: string): Promise<boolean> {
  const state: JobState[] = [...WAITING_STATES, "running", "dead", "cancelled", "expired"];
  return (await Array.fromAsync(first(jobs.list({ queue, state })))).length > 0;
}

/** The schedules whose jobs go to the queue. */
export async function schedulesInto({ driver, namespace }: Parts, queue: string): Promise<string[]> {
  const names: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await driver.schedules({
      namespace,
      limit: ACTION_PAGE,
      ...(after === undefined ? {} : { after }),
    });
    names.push(
      ...page.filter(({ spec: { job } }) => job !== undefined && (job.queue ?? DEFAULT_QUEUE) === queue)
        .map(({ name }) => name),
    );
    if (page.length < ACTION_PAGE) return names;
    after = page.at(-1)?.name;
  }
}

async function* first<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    yield item;
    return;
  }
}

function statesOf(given: OneOrMany<WaitingState> | undefined): readonly WaitingState[] {
  if (given === undefined) return WAITING_STATES;
  const wanted = listOf(given);
  for (const state of wanted) {
    if (!WAITING_STATES.includes(state)) throw invalid("state", state, WAITING_STATES.join(", "));
  }
  return WAITING_STATES.filter((state) => wanted.includes(state));
}
