import { invalid, JobdError, show } from "../domain/errors.ts";
import { parseInstant } from "../domain/instant.ts";
import type { Job } from "../domain/job.ts";
import { isFinal, type JobState } from "../domain/states.ts";
import type { QueueChoice } from "../runtime/queue_order.ts";
import { handlerList, type WorkerOptions } from "../runtime/worker_options.ts";
import type { JobQuery } from "../storage/driver.ts";
import type { End } from "./recorder.ts";
import { type Gate, startWorker } from "./test_worker.ts";
import type { World } from "./world.ts";

/** Options of {@linkcode TestJobd.drain}. */
export interface DrainOptions {
  /** Only jobs of these queues. @default all */
  queues?: readonly string[];
  /** Only jobs of these types. @default those that have a handler */
  types?: readonly string[];
  /** Start so many attempts at most. @default as many as there are */
  limit?: number;
  /** Go on with jobs that wait for a time, retries among them, by letting that time come. @default false */
  withScheduled?: boolean;
  /** Let no later time come than this; what waits for a later one is left. Says `withScheduled` too. @default any time */
  until?: Date | number | string;
  /** Attempts at once. @default the worker's concurrency if that is given, else 1: one after the other, in order of dispatch */
  concurrency?: number;
  /** Attempts after which work that does not come to an end is an error. @default 10000 */
  maxRuns?: number;
}

/** What {@linkcode TestJobd.drain} did: how attempts ended, and what is left. */
export interface DrainReport {
  /** Attempts that completed their job. */
  completed: number;
  /** Attempts that failed and are tried again. */
  failed: number;
  /** Attempts after which their job was a dead letter. */
  dead: number;
  /** Attempts that were put off. */
  snoozed: number;
  /** Attempts whose handler waits for an answer or sleeps. */
  parked: number;
  /** Jobs that were cancelled. */
  cancelled: number;
  /** Jobs that expired, running or waiting. */
  expired: number;
  /** Attempts that were handed back. */
  released: number;
  /** Attempts of workers that were gone, whose jobs are tried again. */
  lost: number;
  /** All jobs of which one of these is true, as they are now, in the order in which that happened first. */
  jobs: Job[];
  /** Unfinished jobs by state, at most 10,000 each. */
  left: Partial<Record<JobState, number>>;
}

type Counts = Omit<DrainReport, "jobs" | "left">;

const MAX_RUNS = 10_000;
const COUNT_CAP = 10_000;
const PAGE = 200;
/** After so long without any attempt it is said that nothing comes of it, in milliseconds on the clock. */
const STUCK_MS = 3_600_000;
/** Later than any lease. */
const LATEST = Number.MAX_SAFE_INTEGER;

/** Runs jobs in a worker that is started for it, until nothing is left or the options say stop. */
export async function drain(
  world: World,
  worker: WorkerOptions,
  options: DrainOptions = {},
): Promise<DrainReport> {
  return await new Drain(world, worker, options).run();
}

class Drain {
  readonly #world: World;
  readonly #worker: WorkerOptions;
  readonly #queues: QueueChoice;
  readonly #types: string[];
  readonly #until: number;
  /** The attempts after which more work is an error; undefined when their number is limited on purpose. */
  readonly #endless: number | undefined;
  readonly #gate: Gate;
  readonly #ended = new Set<string>();
  #last = "";
  readonly #counts: Counts = {
    completed: 0,
    failed: 0,
    dead: 0,
    snoozed: 0,
    parked: 0,
    cancelled: 0,
    expired: 0,
    released: 0,
    lost: 0,
  };

  constructor(world: World, worker: WorkerOptions, options: DrainOptions) {
    const { limit = Infinity, maxRuns = MAX_RUNS, until, withScheduled = until !== undefined } = options;
    if (limit !== Infinity) checkCount("limit", limit);
    checkCount("maxRuns", maxRuns);
    const { queues = worker.queues ?? "all", concurrency = worker.concurrency ?? 1 } = options;
    const known = handlerList(worker.handlers).flatMap(({ type, aliases = [] }) => [type, ...aliases]);
    const types = known.filter((type) => options.types?.includes(type) ?? true);
    if (types.length === 0) throw nothingRuns(options.types);
    this.#world = world;
    this.#queues = isList(queues) ? [...queues] : queues;
    this.#types = types;
    this.#until = !withScheduled ? -Infinity : until === undefined ? Infinity : parseInstant(until);
    this.#endless = limit > maxRuns ? maxRuns : undefined;
    this.#gate = { left: Math.min(limit, maxRuns), types };
    this.#worker = { ...worker, scheduler: false, concurrency, queues: this.#queues };
  }

  async run(): Promise<DrainReport> {
    const { recorder } = this.#world;
    const stop = recorder.onEnd((end) => this.#count(end));
    try {
      do await this.#work(); while (await this.#comeToNext());
    } finally {
      stop();
    }
    return await this.#report();
  }

  /** Runs what is available. */
  async #work(): Promise<void> {
    const { clock } = this.#world.time;
    const worker = await startWorker(this.#world, this.#worker, this.#gate);
    try {
      await clock.settle();
      let idleSince = clock.monotonic();
      while (worker.running > 0 || await this.#waits()) {
        if (worker.running > 0) idleSince = clock.monotonic();
        else if (this.#gate.left <= 0) break;
        else if (clock.monotonic() - idleSince > STUCK_MS) throw this.#stuck();
        await clock.next();
      }
    } finally {
      await worker.stop();
    }
  }

  /** Whether something may be run at this moment. */
  async #waits(): Promise<boolean> {
    if (await this.#first("available") !== undefined) return true;
    return (await this.#nextGroup() ?? Infinity) <= this.#world.time.clock.now();
  }

  /** When the next group that may be run is handed over. */
  async #nextGroup(): Promise<number | undefined> {
    const { store, namespace } = this.#world;
    const paused = await this.#paused();
    let next: number | undefined;
    for (let after = "0", more = true; more;) {
      const groups = await store.groups({ namespace, after, limit: PAGE });
      for (const { queue, type, leader, dueAt } of groups) {
        const runs = this.#isWanted({ namespace, queue, type }) && !paused.includes(queue);
        if (!runs || (leader !== null && await this.#isOnItsWay(leader))) continue;
        next = Math.min(next ?? Infinity, dueAt);
      }
      after = groups.at(-1)?.id ?? after;
      more = groups.length === PAGE;
    }
    return next;
  }

  async #isOnItsWay(id: string): Promise<boolean> {
    const [job] = await this.#world.store.get([id]);
    return job !== undefined && !isFinal(job.state);
  }

  async #paused(): Promise<string[]> {
    const { store, namespace } = this.#world;
    return (await store.queues(namespace)).filter(({ pausedAt }) => pausedAt !== null).map(({ name }) =>
      name
    );
  }

  /** Lets the time come at which there is more to do; false when there is nothing more that may be done. */
  async #comeToNext(): Promise<boolean> {
    const { clock } = this.#world.time;
    if (this.#gate.left <= 0) {
      if (this.#endless !== undefined && await this.#nextDue() !== undefined) throw await this.#runaway();
      return false;
    }
    const due = await this.#nextDue();
    if (due === undefined || due > this.#until) return false;
    // What is due and stays where it is will not move the next time either.
    const at = `${due} ${this.#gate.left}`;
    if (at === this.#last && due <= clock.now()) throw this.#stuck();
    this.#last = at;
    if (due > clock.now()) await clock.set(due);
    return true;
  }

  /** When there is something to do; undefined when there is nothing. */
  async #nextDue(): Promise<number | undefined> {
    const { store, goneWorkers, time: { clock } } = this.#world;
    if (await this.#first("available") !== undefined) return clock.now();
    const scheduled = await this.#first("scheduled");
    const orphans = (await store.orphans({ now: LATEST, workers: [], limit: PAGE }))
      .filter(({ worker, jobs }) => goneWorkers.has(worker) && jobs.some((job) => this.#isWanted(job)));
    const due = Math.min(
      scheduled?.runAt ?? Infinity,
      await this.#nextWaitOver(),
      await this.#nextGroup() ?? Infinity,
      ...orphans.map(({ expiresAt }) => expiresAt),
    );
    return due === Infinity ? undefined : due;
  }

  /** When the first of the times is over for which handlers wait. */
  async #nextWaitOver(): Promise<number> {
    const { store, namespace } = this.#world;
    let first = Infinity;
    let cursor: string | undefined;
    do {
      const query: JobQuery = { namespace, states: ["blocked"], types: this.#types, limit: PAGE };
      const page = await store.list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      for (const job of page.items.filter((job) => job.waitingFor !== null && this.#isWanted(job))) {
        const wait = (await store.waits(job.id)).find(({ name }) => name === job.waitingFor);
        first = Math.min(first, wait?.until ?? Infinity);
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return first;
  }

  #isWanted({ namespace, queue, type }: Pick<Job, "namespace" | "queue" | "type">): boolean {
    const queues = isList(this.#queues) || this.#queues === "all" ? this.#queues : Object.keys(this.#queues);
    return namespace === this.#world.namespace && this.#types.includes(type) &&
      (queues === "all" || queues.includes(queue));
  }

  /** The first job that waits in this state and may be run. */
  async #first(state: JobState): Promise<Job | undefined> {
    const { store, namespace } = this.#world;
    const paused = await this.#paused();
    const query: JobQuery = { namespace, states: [state], types: this.#types, limit: PAGE };
    let cursor: string | undefined;
    for (;;) {
      const page = await store.list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      const found = page.items.find((job) => this.#isWanted(job) && !paused.includes(job.queue));
      if (found !== undefined || page.nextCursor === undefined) return found;
      cursor = page.nextCursor;
    }
  }

  #count({ id, outcome, to }: End): void {
    const kind = to === "dead" ? "dead" : outcome;
    this.#counts[kind]++;
    this.#ended.add(id);
  }

  async #report(): Promise<DrainReport> {
    const { store, namespace } = this.#world;
    const jobs = new Map((await store.get([...this.#ended])).map((job) => [job.id, job]));
    const left: DrainReport["left"] = {};
    for (const { state, count } of await store.counts(namespace, COUNT_CAP)) {
      if (!isFinal(state)) left[state] = (left[state] ?? 0) + count;
    }
    return { ...this.#counts, jobs: [...this.#ended].flatMap((id) => jobs.get(id) ?? []), left };
  }

  #stuck(): JobdError {
    return new JobdError("timed_out", "There are jobs that may run, but none of them starts", {
      hint: "Is a fault of the store in the way of claims?",
    });
  }

  async #runaway(): Promise<JobdError> {
    const { store, namespace } = this.#world;
    const { items } = await store.list({ namespace, states: ["available", "scheduled"], limit: PAGE });
    const types = [...new Set(items.map(({ type }) => type))].map(show).join(", ");
    return new JobdError(
      "timed_out",
      `After ${this.#endless} attempts there is still work, of type ${types}`,
      {
        hint:
          "Does a job enqueue itself, or is it put off, again and again? Give a `limit`, an `until`, or more `maxRuns`.",
      },
    );
  }
}

function isList(queues: QueueChoice | readonly string[]): queues is readonly string[] {
  return Array.isArray(queues);
}

function nothingRuns(types: readonly string[] | undefined): JobdError {
  if (types === undefined) return noHandlers();
  return new JobdError("invalid_request", `No handler runs jobs of type ${types.map(show).join(", ")}`, {
    hint: "Give their handlers to `TestJobd.open({ handlers })`.",
  });
}

/** What a test hears that lets jobs run without saying what runs them. */
export function noHandlers(): JobdError {
  return new JobdError("invalid_request", "There are no handlers that could run jobs", {
    hint: "Give them to `TestJobd.open({ handlers })`.",
  });
}

function checkCount(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw invalid(what, value, "a whole number from 1");
}
