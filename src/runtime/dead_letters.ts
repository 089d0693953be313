import { type ErrorGroup, errorGroupOf } from "../domain/error_group.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import type { Page } from "../storage/driver.ts";
import type { JobFilter } from "./job_filter.ts";
import type { ActionPreview, PreviewOptions } from "./action_preview.ts";
import type { ActionReport } from "./action_report.ts";
import { ACTION_PAGE, type ActionOptions, type MatchOptions, type RetryOptions } from "./job_actions.ts";
import type { Jobs, ViewOptions } from "./jobs.ts";

/** Which dead letters. */
export interface DeadFilter extends Omit<JobFilter, "state"> {
  /** Those that failed for the same reason: the key of a group that {@linkcode DeadLetters.groups} has named. */
  group?: string;
}

/** Dead letters that failed for the same reason, as far as they were looked at. */
export interface DeadGroup extends ErrorGroup {
  /** How many. */
  count: number;
  /** When the first of them died, epoch milliseconds. */
  firstAt: number;
  /** When the latest of them died. */
  lastAt: number;
  /** The latest of them. */
  example: string;
}

/** What {@linkcode DeadLetters.groups} has found. */
export interface DeadGroups {
  /** The groups, the largest first. */
  items: DeadGroup[];
  /** How many dead letters were looked at: the latest ones. */
  searched: number;
  /** Whether there are more than that. */
  more: boolean;
}

/** Dead letters that are looked at for groups, unless it is said. */
const SEARCHED = 10_000;
const SEARCHED_MAX = 1_000_000;

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
  async *list(filter: DeadFilter = {}, options: ViewOptions = {}): AsyncGenerator<Job> {
    for await (const page of this.#pages({ ...filter, ...options })) yield* page;
  }

  /** One page of them. With `group` it holds those of that group among so many: it may be empty and have a cursor. */
  async page(
    { group, ...query }: DeadFilter & ViewOptions & { limit: number; cursor?: string },
  ): Promise<Page<Job>> {
    const page = await this.#jobs.page({ ...query, state: "dead" });
    return group === undefined ? page : { ...page, items: page.items.filter((job) => isOf(group, job)) };
  }

  /**
   * Dead letters by why they failed: type, code, and the first line of the message without what differs from job to job. Looks
   * at so many of the latest ones and no more, however many there are.
   *
   * @throws {JobdError} `invalid_request`
   */
  async groups(
    { searched = SEARCHED, ...filter }: DeadFilter & { searched?: number } = {},
  ): Promise<DeadGroups> {
    if (!Number.isInteger(searched) || searched < 1 || searched > SEARCHED_MAX) {
      throw invalid("searched", searched, `a whole number from 1 to ${SEARCHED_MAX}`);
    }
    const groups = new Map<string, DeadGroup>();
    let looked = 0;
    for await (const job of this.list(filter)) {
      if (looked === searched) return { items: bySize(groups), searched: looked, more: true };
      looked++;
      addTo(groups, job);
    }
    return { items: bySize(groups), searched: looked, more: false };
  }

  /** One of them. @throws {JobdError} `not_found`; `conflict` when the job is no dead letter */
  async get(id: string, options?: ViewOptions): Promise<Job> {
    const job = await this.#jobs.get(id, options);
    if (job.state === "dead") return job;
    throw new JobdError("conflict", `Job ${id} is no dead letter: it is ${job.state}`);
  }

  /**
   * Starts a new life of one; with `update`, changed from its beginning.
   * @throws {JobdError} `not_found`; `conflict` when it is none, or its unique key is taken; `invalid_request`
   */
  retry(id: string, options?: RetryOptions): Promise<void>;
  /** Starts new lives of several, by id or all that match: in another queue with `{ update: { queue: "slow" } }`. */
  retry(jobs: DeadSelection, options?: RetryOptions): Promise<ActionReport>;
  retry(which: string | DeadSelection, options?: RetryOptions): Promise<ActionReport | void> {
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

  /**
   * What a retry or a removal would do, without doing it; by filter the same dead letters are meant with the preview's `until`.
   * A purge is the removal of all: `{}`.
   *
   * @throws {JobdError} `invalid_request`
   */
  async preview(
    action: "retry" | "delete",
    which: DeadSelection = {},
    options: PreviewOptions = {},
  ): Promise<ActionPreview> {
    if (Array.isArray(which)) return await this.#jobs.preview(action, which, { ...options, ...ONLY });
    const { group, ...filter } = which as DeadFilter;
    return await this.#jobs.preview(action, dead(filter), { ...options, ...ONLY, ...inGroup(group) });
  }

  /** Page by page, latest first: what dies again meanwhile comes before the page, and is not met. */
  async *#pages(filter: DeadFilter & ViewOptions): AsyncGenerator<Job[]> {
    let cursor: string | undefined;
    do {
      const page = await this.page({
        ...filter,
        limit: ACTION_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      yield page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  async #onMatches(
    action: "retry" | "delete",
    { group, ...filter }: DeadFilter,
    options: RetryOptions,
  ): Promise<ActionReport> {
    return await this.#jobs.actAll(action, dead(filter), { ...options, ...ONLY, ...inGroup(group) });
  }

  async #do(
    action: "retry" | "delete",
    which: string | DeadSelection,
    options: RetryOptions = {},
  ): Promise<ActionReport | void> {
    const how = { ...options, ...ONLY };
    if (Array.isArray(which)) return await this.#jobs.act(action, which as readonly string[], how);
    if (typeof which !== "string") return await this.#onMatches(action, which as DeadFilter, options);
    await this.get(which);
    const { failed: [failure] } = await this.#jobs.act(action, [which], how);
    if (failure !== undefined) throw new JobdError(failure.code, `Job ${which}: ${failure.reason}`);
  }
}

/** The first of them that is met is the latest. */
function addTo(groups: Map<string, DeadGroup>, job: Job): void {
  const group = errorGroupOf(job);
  const at = job.finishedAt ?? job.createdAt;
  const known = groups.get(group.key);
  if (known === undefined) {
    groups.set(group.key, { ...group, count: 1, firstAt: at, lastAt: at, example: job.id });
    return;
  }
  known.count++;
  known.firstAt = Math.min(known.firstAt, at);
}

function bySize(groups: Map<string, DeadGroup>): DeadGroup[] {
  return [...groups.values()].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt);
}

function isOf(group: string, job: Job): boolean {
  return errorGroupOf(job).key === group;
}

/** A group is no filter of the store. */
function inGroup(group: string | undefined): Pick<MatchOptions, "where"> {
  return group === undefined ? {} : { where: (job) => isOf(group, job) };
}

/** Who retries or deletes dead letters does not mean jobs that have come to life meanwhile. */
const ONLY = { only: "dead" } as const;

/** A state in the filter of somebody without types must not widen the choice. */
function dead(filter: DeadFilter): JobFilter {
  return { ...filter, state: "dead" };
}
