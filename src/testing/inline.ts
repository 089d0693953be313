import { JobdError } from "../domain/errors.ts";
import type { FailureRecord, Job } from "../domain/job.ts";
import { handlerList, type WorkerOptions } from "../runtime/worker_options.ts";
import { drain } from "./drain.ts";
import type { World } from "./world.ts";

/** Groups that are looked at. */
const GROUPS = 10_000;

function groupName({ queue, type }: Pick<Job, "queue" | "type">, key: string | undefined): string {
  return JSON.stringify([queue, type, key]);
}

/** A handler may enqueue a job, which may enqueue a job; all of them run at the same time. */
const CONCURRENCY = 10_000;

/** Runs jobs before the call that enqueued them answers. */
export class InlineRuns {
  readonly #world: World;
  readonly #worker: WorkerOptions;
  readonly #types: ReadonlySet<string>;
  #running: Promise<void> | undefined;

  /** With these handlers. */
  constructor(world: World, worker: WorkerOptions) {
    this.#world = world;
    this.#worker = { ...worker, queues: "all", concurrency: CONCURRENCY };
    this.#types = new Set(
      handlerList(worker.handlers).flatMap(({ type, aliases = [] }) => [type, ...aliases]),
    );
  }

  /**
   * Resolves when each of these jobs that may start now has had an attempt, and with them what they enqueued.
   *
   * @throws {JobdError} with `throws` a `job_failed` when one of them has failed
   */
  async run(ids: readonly string[], options: { throws: boolean }): Promise<void> {
    const open = new Set<string>(ids);
    const ended = Promise.withResolvers<void>();
    const close = (id: string): void => {
      if (open.delete(id) && open.size === 0) ended.resolve();
    };
    const stop = this.#world.recorder.onEnd(({ id }) => close(id));
    try {
      const startable = new Set(await this.#startable(ids));
      for (const id of ids) if (!startable.has(id)) close(id);
      // What a job enqueues that runs here is run by the same worker, before that job goes on.
      while (open.size > 0 && this.#running !== undefined) await Promise.race([ended.promise, this.#running]);
      if (open.size > 0) await this.#start();
    } finally {
      stop();
    }
    if (options.throws) await this.#throwFailure(ids);
  }

  async #start(): Promise<void> {
    const drained = drain(this.#world, this.#worker);
    const over = (): void => void (this.#running = undefined);
    this.#running = drained.then(over, over);
    await drained;
  }

  /** Those that have a handler, do not wait for a time and are not paused, or run already. */
  async #startable(ids: readonly string[]): Promise<string[]> {
    const { store, namespace } = this.#world;
    const paused = new Set(
      (await store.queues(namespace)).filter((queue) => queue.pausedAt !== null).map(({ name }) => name),
    );
    const full = await this.#fullGroups();
    const waits = (job: Job): boolean =>
      job.state === "available" ||
      (job.state === "blocked" && full.has(groupName(job, job.options.group?.key)));
    const starts = (job: Job): boolean =>
      job.state === "running" || (waits(job) && this.#types.has(job.type) && !paused.has(job.queue));
    return (await store.get([...ids])).filter(starts).map(({ id }) => id);
  }

  /** Groups that wait for nothing more: those that are gathering go on with it. */
  async #fullGroups(): Promise<Set<string>> {
    const { store, namespace, time: { clock } } = this.#world;
    const groups = await store.groups({ namespace, limit: GROUPS });
    return new Set(groups.filter(({ dueAt }) => dueAt <= clock.now()).map((one) => groupName(one, one.key)));
  }

  async #throwFailure(ids: readonly string[]): Promise<void> {
    const { store, thrown } = this.#world;
    const failed = (await store.get([...ids])).find(({ failures, error }) => failures > 0 && error !== null);
    if (failed === undefined) return;
    const { id, type, state } = failed;
    const error = failed.error as FailureRecord;
    throw new JobdError("job_failed", `Job ${id} of type ${type} failed and is ${state}: ${error.message}`, {
      cause: thrown.get(id) ?? error,
    });
  }
}
