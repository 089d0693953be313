import { JobdError, show } from "../domain/errors.ts";
import type { Schedule } from "../domain/schedule.ts";
import type { Token } from "../domain/token.ts";
import { keptOpen } from "../storage/intercept.ts";
import { ACTION_PAGE } from "./job_actions.ts";
import { type JobdParts, partsOf } from "./jobd_parts.ts";
import { Jobs } from "./jobs.ts";
import type { DeleteQueueOptions } from "./queue_emptying.ts";
import { contents } from "./queue_emptying.ts";
import { Queues } from "./queues.ts";

/** Options of {@linkcode Namespaces.delete}. */
export type DeleteNamespaceOptions = DeleteQueueOptions;

/** What {@linkcode Namespaces.delete} did. */
export interface DeleteNamespaceReport {
  /** Jobs that were deleted with it. */
  deleted: number;
  /** Its queues. */
  queues: string[];
  /** Its schedules. */
  schedules: string[];
  /** Names of its tokens, which are revoked. */
  tokens: string[];
}

/** What belongs to one namespace, whoever looks after it. */
export class Tenant {
  readonly #own: JobdParts;
  readonly #name: string;

  constructor(own: JobdParts, name: string) {
    this.#own = own;
    this.#name = name;
  }

  /** Its schedules. */
  async schedules(): Promise<Schedule[]> {
    const all: Schedule[] = [];
    for (;;) {
      const after = all.at(-1)?.name;
      const page = await this.#own.driver.schedules({
        namespace: this.#name,
        limit: ACTION_PAGE,
        ...(after === undefined ? {} : { after }),
      });
      all.push(...page);
      if (page.length < ACTION_PAGE) return all;
    }
  }

  /** Whether something is left of it besides queues. */
  async hasRest(): Promise<boolean> {
    const [schedules, limits, tokens] = await Promise.all([
      this.schedules(),
      this.#own.driver.limits(this.#name),
      this.#tokens(),
    ]);
    return schedules.length + limits.length + tokens.length > 0;
  }

  /** Removes it: schedules first, which would make jobs, and tokens, with which somebody else would. */
  async delete(options: DeleteNamespaceOptions): Promise<DeleteNamespaceReport> {
    const { driver, time, watching, ...given } = this.#own;
    const parts = await partsOf(keptOpen(watching.store), { ...given, namespace: this.#name });
    try {
      const jobs = new Jobs({ ...parts, waits: parts.watching.waits });
      const queues = new Queues({ ...parts, jobs });
      const names = (await queues.list()).map(({ name }) => name);
      const [schedules, tokens] = await Promise.all([this.schedules(), this.#tokens()]);
      if (!options.force) await this.#refuseUsed({ parts, jobs, names, schedules, tokens });
      for (const { id } of tokens) await driver.revokeToken(id, time.now());
      for (const { name } of schedules) await driver.removeSchedule({ namespace: this.#name, name });
      let deleted = 0;
      for (const name of names) {
        const onProgress = (done: number): void => options.onProgress?.(deleted + done);
        deleted += (await queues.delete(name, { ...options, onProgress })).deleted;
      }
      for (const limit of await driver.limits(this.#name)) await driver.removeLimit(limit, time.now());
      return {
        deleted,
        queues: names,
        schedules: schedules.map(({ name }) => name),
        tokens: tokens.map(({ name }) => name),
      };
    } finally {
      await parts.watching.close();
      await parts.driver.close();
    }
  }

  async #tokens(): Promise<Token[]> {
    const all = await this.#own.driver.tokens();
    return all.filter(({ namespace, revokedAt }) => namespace === this.#name && revokedAt === null);
  }

  async #refuseUsed({ parts, jobs, names, schedules, tokens }: {
    parts: JobdParts;
    jobs: Jobs;
    names: readonly string[];
    schedules: readonly Schedule[];
    tokens: readonly Token[];
  }): Promise<void> {
    const used: string[] = [];
    for (const name of names) {
      if ((await contents({ ...parts, jobs }, name, 1)).length > 0) used.push(`jobs in queue ${show(name)}`);
    }
    if (schedules.length > 0) used.push(`schedules: ${schedules.map(({ name }) => name).join(", ")}`);
    if (tokens.length > 0) used.push(`tokens: ${tokens.map(({ name }) => name).join(", ")}`);
    if (used.length === 0) return;
    throw new JobdError("conflict", `The namespace ${show(this.#name)} is not empty: ${used.join("; ")}`, {
      hint: "With `force` (`--force` on the command line) it is removed with all of that.",
    });
  }
}
