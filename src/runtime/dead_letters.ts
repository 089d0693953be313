import { JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { Page } from "../storage/driver.ts";
import type { JobFilter } from "./job_filter.ts";
import type { ActionOptions, ActionReport } from "./job_actions.ts";
import type { Jobs, ViewOptions } from "./jobs.ts";

/** Which dead letters. */
export type DeadFilter = Omit<JobFilter, "state">;

/** Which dead letters an action is for: some by id, or all that match. */
export type DeadSelection = readonly string[] | DeadFilter;

/** The dead letters of one namespace: jobs that have failed for good. */
export class DeadLetters {
  readonly #jobs: Jobs;

  /** Made by {@linkcode Jobd}. */
  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** All that match, newest first, page by page. */
  list(filter: DeadFilter = {}, options?: ViewOptions): AsyncGenerator<Job> {
    return this.#jobs.list(dead(filter), options);
  }

  /** One page of them. */
  page(query: DeadFilter & ViewOptions & { limit: number; cursor?: string }): Promise<Page<Job>> {
    return this.#jobs.page({ ...query, state: "dead" });
  }

  /** One of them. @throws {JobdError} `not_found`; `conflict` when the job is no dead letter */
  async get(id: string, options?: ViewOptions): Promise<Job> {
    const job = await this.#jobs.get(id, options);
    if (job.state === "dead") return job;
    throw new JobdError("conflict", `Job ${id} is no dead letter: it is ${job.state}`);
  }

  /** Starts a new life of one. @throws {JobdError} `not_found`; `conflict` when it is none, or its unique key is taken */
  retry(id: string): Promise<void>;
  /** Starts new lives of several, by id or all that match. */
  retry(jobs: DeadSelection, options?: ActionOptions): Promise<ActionReport>;
  retry(which: string | DeadSelection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("retry", which, options);
  }

  /** Removes one with its history. @throws {JobdError} `not_found`; `conflict` when it is none */
  delete(id: string): Promise<void>;
  /** Removes several, by id or all that match. */
  delete(jobs: DeadSelection, options?: ActionOptions): Promise<ActionReport>;
  delete(which: string | DeadSelection, options?: ActionOptions): Promise<ActionReport | void> {
    return this.#do("delete", which, options);
  }

  /** Removes all of them. */
  purge(options?: ActionOptions): Promise<ActionReport> {
    return this.delete({}, options);
  }

  async #do(
    action: "retry" | "delete",
    which: string | DeadSelection,
    options?: ActionOptions,
  ): Promise<ActionReport | void> {
    if (Array.isArray(which)) return await this.#jobs.act(action, which as readonly string[], ONLY);
    if (typeof which !== "string") return await this.#jobs[action](dead(which as DeadFilter), options);
    await this.get(which);
    const { failed: [failure] } = await this.#jobs.act(action, [which], ONLY);
    if (failure !== undefined) throw new JobdError(failure.code, `Job ${which}: ${failure.reason}`);
  }
}

/** Who retries or deletes dead letters does not mean jobs that have come to life meanwhile. */
const ONLY = { only: "dead" } as const;

/** A state in the filter of somebody without types must not widen the choice. */
function dead(filter: DeadFilter): JobFilter {
  return { ...filter, state: "dead" };
}
