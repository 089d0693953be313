import type { Execution } from "../domain/job.ts";
import type { Driver, Page } from "../storage/driver.ts";
import type { Jobs } from "./jobs.ts";

const PAGE = 200;

/** Attempts of the jobs of one namespace: when, where, how long, how they ended. */
export class Executions {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #jobs: Jobs;

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; jobs: Jobs }) {
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#jobs = options.jobs;
  }

  /** Attempts of all jobs, those of the newest jobs first, page by page. */
  async *list(): AsyncGenerator<Execution> {
    let cursor: string | undefined;
    do {
      const page = await this.page({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** One page of them. */
  page(query: { limit: number; cursor?: string }): Promise<Page<Execution>> {
    return this.#driver.listExecutions({ ...query, namespace: this.#namespace });
  }

  /** Attempts of one job, oldest first. @throws {JobdError} `not_found` */
  async of(jobId: string): Promise<Execution[]> {
    await this.#jobs.get(jobId);
    return await this.#driver.executions(jobId);
  }
}
