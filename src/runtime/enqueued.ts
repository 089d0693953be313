import { parseDuration } from "../domain/duration.ts";
import type { Duration } from "../domain/duration.ts";
import { JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { JobState } from "../domain/states.ts";
import type { InsertOutcome, InsertResult } from "../storage/driver.ts";
import { readable } from "./encryption/readable.ts";
import type { Jobs, ViewOptions } from "./jobs.ts";

/** Options of {@linkcode Enqueued.result}. */
export interface ResultOptions {
  /** Give up after this time. @default never */
  timeout?: Duration;
  /** Give up when aborted. */
  signal?: AbortSignal;
}

/** What became of a request: the job that now exists. */
export class Enqueued<Result = Json> {
  /** Its id. */
  readonly id: string;
  /**
   * Whether this request made it (`created`), it was there with the same id or unique key (`existing`), or something that
   * was there gave way (`replaced`): what this job held before, or the job that `displaced` names.
   */
  readonly outcome: InsertOutcome;
  /** Its state at that moment. */
  readonly state: JobState;
  /** The job that lost its unique key to this one, with its state from then on: cancelled, or running until it stops. */
  declare readonly displaced?: { id: string; state: JobState };
  readonly #jobs: Jobs;

  /** Made by `jobd.enqueue()`. */
  constructor({ id, outcome, state, displaced }: InsertResult, jobs: Jobs) {
    this.id = id;
    this.outcome = outcome;
    this.state = state;
    if (displaced !== undefined) this.displaced = displaced;
    this.#jobs = jobs;
  }

  /** The job as it is now. @throws {JobdError} `not_found` when its retention has passed */
  job(options?: ViewOptions): Promise<Job> {
    return this.#jobs.get(this.id, options);
  }

  /**
   * Waits until the job has ended, whichever process runs it, and gives what its handler returned: the real values, also
   * where they are redacted in every view, because whoever waits for a result is about to work with it.
   *
   * @throws {JobdError} `job_failed` when it ended in another way than `completed`, with its failure as the cause;
   * `timed_out` when it has not ended in time: it goes on; `invalid_config` when the result is encrypted and the key is not here.
   */
  async result({ timeout, signal }: ResultOptions = {}): Promise<Result> {
    const job = await this.#jobs.wait(this.id, {
      reveal: true,
      ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout, "timeout") }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (job.state === "completed") return readable(job).result as Result;
    const why = job.error === null ? "" : `: ${job.error.message}`;
    throw new JobdError("job_failed", `Job ${job.id} is ${job.state}${why}`, { cause: job.error });
  }
}
