import { JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { Page } from "../storage/driver.ts";
import type { JobFilter } from "./job_filter.ts";
import type { ActionOptions, ActionReport, Jobs } from "./jobs.ts";

/** Which dead letters. */
export type DeadFilter = Omit<JobFilter, "state">;

/** The dead letters of one namespace: jobs that have failed for good. */
export class DeadLetters {
  readonly #jobs: Jobs;

  /** Made by {@linkcode Jobd}. */
  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** All that match, newest first, page by page. */
  list(filter: DeadFilter = {}): AsyncGenerator<Job> {
    return this.#jobs.list(dead(filter));
  }

  /** One page of them. */
  page(query: DeadFilter & { limit: number; cursor?: string }): Promise<Page<Job>> {
    return this.#jobs.page({ ...query, state: "dead" });
  }

  /** One of them. @throws {JobdError} `not_found`; `conflict` when the job is no dead letter */
  async get(id: string): Promise<Job> {
    const job = await this.#jobs.get(id);
    if (job.state === "dead") return job;
    throw new JobdError("conflict", `Job ${id} is no dead letter: it is ${job.state}`);
  }

  /** Starts a new life of one. @throws {JobdError} `not_found`; `conflict` when it is none, or its unique key is taken */
  retry(id: string): Promise<void>;
  /** Starts new lives of all that match. */
  retry(filter: DeadFilter, options?: ActionOptions): Promise<ActionReport>;
  retry(which: string | DeadFilter, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("retry", which, options);
  }

  /** Removes one with its history. @throws {JobdError} `not_found`; `conflict` when it is none */
  delete(id: string): Promise<void>;
  /** Removes all that match. */
  delete(filter: DeadFilter, options?: ActionOptions): Promise<ActionReport>;
  delete(which: string | DeadFilter, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("delete", which, options);
  }

  /** Removes all of them. */
  purge(options?: ActionOptions): Promise<ActionReport> {
    return this.delete({}, options);
  }

  async #do(
    action: "retry" | "delete",
    which: string | DeadFilter,
    options?: ActionOptions,
  ): Promise<ActionReport | void> {
    if (typeof which !== "string") return await this.#jobs[action](dead(which), options);
    await this.get(which);
    await this.#jobs[action](which);
  }
}

/** A state in the filter of somebody without types must not widen the choice. */
function dead(filter: DeadFilter): JobFilter {
  return { ...filter, state: "dead" };
}
