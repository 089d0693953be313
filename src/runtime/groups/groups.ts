import type { JobAction } from "../../domain/amendment.ts";
import { JobdError, show } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import { isWaiting } from "../../domain/states.ts";
import type { Driver, GroupJobsQuery, GroupRow } from "../../storage/driver.ts";
import type { ActionReport } from "../action_report.ts";
import type { Jobs, ViewOptions } from "../jobs.ts";
import type { StoreTime } from "../store_time.ts";

/** Which waiting groups. */
export interface GroupFilter {
  /** Only groups with this key. */
  key?: string;
  /** Only groups of this type. */
  type?: string;
}

/** A group by its id, or groups by their key, of all types or of one. */
export type GroupSelection = string | { key: string; type?: string };

/** Groups that are read at once. */
const PAGE = 500;
/** Jobs of groups that an action is for at most. */
const JOBS_MAX = 100_000;

/**
 * Groups of one namespace: jobs that are gathered by a key, to be handled together. A group is there while jobs wait in it;
 * its jobs are found by its id or key as long as they are kept.
 */
export class Groups {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;
  readonly #jobs: Jobs;

  /** Made by {@linkcode Jobd}. */
  constructor(parts: { driver: Driver; namespace: string; time: StoreTime; jobs: Jobs }) {
    this.#driver = parts.driver;
    this.#namespace = parts.namespace;
    this.#time = parts.time;
    this.#jobs = parts.jobs;
  }

  /** Groups in which jobs wait, oldest first. */
  async *list(filter: GroupFilter = {}): AsyncGenerator<GroupRow> {
    for (let after: string | undefined, more = true; more;) {
      const rows = await this.page({ ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) });
      yield* rows;
      after = rows.at(-1)?.id;
      more = rows.length === PAGE;
    }
  }

  /** Some of them: those after the group with the id `after`, at most `limit`. */
  async page(query: GroupFilter & { after?: string; limit: number }): Promise<GroupRow[]> {
    return await this.#driver.groups({ ...query, namespace: this.#namespace });
  }

  /** Their jobs, also those that have been handed over, oldest groups first; at most 100,000. */
  async jobs(which: GroupSelection, options?: ViewOptions): Promise<Job[]> {
    const jobs = await this.#driver.groupJobs({ ...this.#query(which), limit: JOBS_MAX });
    return jobs.map((job) => this.#jobs.shown(job, options));
  }

  /**
   * Hands them over now, whatever their rules say. Gives how many groups.
   *
   * @throws {JobdError} `not_found` for an id of which nothing is known
   */
  async run(which: GroupSelection): Promise<number> {
    const flushed = await this.#driver.flushGroups(this.#query(which), this.#time.now());
    if (flushed === 0) await this.#mustExist(which);
    return flushed;
  }

  /** Cancels those of their jobs that have not ended. @throws {JobdError} `not_found` for an id of which nothing is known */
  cancel(which: GroupSelection): Promise<ActionReport> {
    return this.#act("cancel", which, ({ state }) => isWaiting(state) || state === "running");
  }

  /** Starts new lives of their dead, cancelled and expired jobs, which are handled together again. @throws {JobdError} `not_found` */
  retry(which: GroupSelection): Promise<ActionReport> {
    return this.#act("retry", which, ({ state }) => ["dead", "cancelled", "expired"].includes(state));
  }

  async #act(
    action: Extract<JobAction, "cancel" | "retry">,
    which: GroupSelection,
    meant: (job: Job) => boolean,
  ): Promise<ActionReport> {
    const jobs = await this.jobs(which);
    if (jobs.length === 0) await this.#mustExist(which);
    return await this.#jobs[action](jobs.filter(meant).map(({ id }) => id));
  }

  /** A key of which nothing is there has no jobs; an id of which nothing is there is a mistake. */
  async #mustExist(which: GroupSelection): Promise<void> {
    if (typeof which !== "string") return;
    const [job] = await this.#driver.groupJobs({ ...this.#query(which), limit: 1 });
    if (job !== undefined) return;
    throw new JobdError("not_found", `There is no group ${show(which)} in namespace ${this.#namespace}`, {
      hint: "`jobd groups` shows those in which jobs wait; with `{ key }` groups are found by their key.",
    });
  }

  #query(which: GroupSelection): Omit<GroupJobsQuery, "limit"> {
    const namespace = this.#namespace;
    if (typeof which !== "string") return { ...which, namespace };
    if (/^[0-9]{1,15}$/.test(which)) return { id: which, namespace };
    throw new JobdError("invalid_request", `Invalid group id: ${show(which)} is not a whole number`, {
      hint: "`jobd groups` shows the ids; give { key } for a key.",
    });
  }
}
