import type { BatchInfo } from "./batch_options.ts";
import type { Batches } from "./batches.ts";
import type { Enqueued } from "./enqueued.ts";
import type { DefinedJob, PlainJob } from "./jobd_options.ts";
import type { WaitOptions } from "./jobs.ts";

/** What became of a call of `jobd.batch()`: the batch that now exists. */
export class MadeBatch {
  /** Its id. */
  readonly id: string;
  /** Whether this call made it, or it was there with the same id; then no job was added. */
  readonly outcome: "created" | "existing";
  /** Its jobs, in the order in which they were given; one that was there already is no member. */
  readonly jobs: Enqueued[];
  readonly #batches: Batches;

  /** Made by `jobd.batch()`. */
  constructor(
    { id, outcome, jobs, batches }: Pick<MadeBatch, "id" | "outcome" | "jobs"> & { batches: Batches },
  ) {
    this.id = id;
    this.outcome = outcome;
    this.jobs = jobs;
    this.#batches = batches;
  }

  /** The batch as it is now. @throws {JobdError} `not_found` when its retention has passed */
  get(): Promise<BatchInfo> {
    return this.#batches.get(this);
  }

  /** Adds jobs, as {@linkcode Batches.add} does. */
  add(jobs: readonly (PlainJob | DefinedJob<unknown>)[]): Promise<Enqueued[]> {
    return this.#batches.add(this, jobs);
  }

  /** Says that all jobs have been added, as {@linkcode Batches.seal} does. */
  seal(): Promise<BatchInfo> {
    return this.#batches.seal(this);
  }

  /** Cancels it, as {@linkcode Batches.cancel} does. */
  cancel(): Promise<BatchInfo> {
    return this.#batches.cancel(this);
  }

  /** Waits for its end, as {@linkcode Batches.wait} does. */
  wait(options?: WaitOptions): Promise<BatchInfo> {
    return this.#batches.wait(this, options);
  }
}
