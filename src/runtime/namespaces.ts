import { JobdError, show } from "../domain/errors.ts";
import { checkNamespace, DEFAULT_QUEUE } from "../domain/names.ts";
import type { JobState } from "../domain/states.ts";
import type { NamespaceRow } from "../storage/driver.ts";
import type { JobdParts } from "./jobd_parts.ts";
import { COUNT_CAP } from "./queues.ts";
import { type DeleteNamespaceOptions, type DeleteNamespaceReport, Tenant } from "./tenant.ts";

/** A namespace and what is in it. */
export interface NamespaceInfo extends NamespaceRow {
  /** Jobs by state; those that are completed are not counted. */
  counts: Partial<Record<JobState, number>>;
  /** States of which there may be more than was counted. */
  capped: JobState[];
  /** How many schedules it has. */
  schedules: number;
}

/** Namespaces of one store. Each object of {@linkcode Jobd} works in one of them. */
export class Namespaces {
  readonly #parts: JobdParts;

  /** Made by {@linkcode Jobd}. */
  constructor(parts: JobdParts) {
    this.#parts = parts;
  }

  /** All that have a queue, by name: one appears with its first queue or job. */
  list(): Promise<NamespaceRow[]> {
    return this.#parts.driver.namespaces();
  }

  /** One of them, with what is in it. @throws {JobdError} `not_found` */
  async get(name: string): Promise<NamespaceInfo> {
    const row = await this.#find(checkNamespace(name));
    if (row === undefined) throw noSuchNamespace(name);
    const { driver } = this.#parts;
    const counts: Partial<Record<JobState, number>> = {};
    const capped = new Set<JobState>();
    for (const one of await driver.counts(name, COUNT_CAP)) {
      counts[one.state] = (counts[one.state] ?? 0) + one.count;
      if (one.capped) capped.add(one.state);
    }
    const schedules = (await new Tenant(this.#parts, name).schedules()).length;
    return { ...row, counts, capped: [...capped], schedules };
  }

  /**
   * Makes one before its first job does, with the queue `default`.
   *
   * @throws {JobdError} `invalid_request` for a bad name; `conflict` when there is one with this name
   */
  async create(name: string): Promise<NamespaceRow> {
    if (await this.#find(checkNamespace(name)) !== undefined) {
      throw new JobdError("conflict", `There is a namespace ${show(name)} already`);
    }
    const { driver, time } = this.#parts;
    const { createdAt } = await driver.updateQueue({ namespace: name, name: DEFAULT_QUEUE, at: time.now() });
    return { name, queues: 1, createdAt };
  }

  /**
   * Removes one with its queues, their settings, and all limits. With `force` also with its schedules and all its jobs and
   * their history, as {@linkcode Queues.delete} does it for each queue, and its tokens are revoked. Broken off at any point,
   * calling it again goes on. Workers go on, and find nothing; a job that is enqueued later makes it anew. Statistics, events
   * and the audit log go when they are old.
   *
   * @throws {JobdError} `not_found`; without `force` `conflict` for one that has jobs, schedules or tokens; `timed_out` when
   * running jobs do not stop in time
   */
  async delete(name: string, options: DeleteNamespaceOptions = {}): Promise<DeleteNamespaceReport> {
    const there = await this.#find(checkNamespace(name)) !== undefined;
    const tenant = new Tenant(this.#parts, name);
    // One that was broken off may have no queue any more.
    if (!there && !await tenant.hasRest()) throw noSuchNamespace(name);
    return await tenant.delete(options);
  }

  async #find(name: string): Promise<NamespaceRow | undefined> {
    return (await this.list()).find((row) => row.name === name);
  }
}

function noSuchNamespace(name: string): JobdError {
  return new JobdError("not_found", `There is no namespace ${show(name)}`, {
    hint: "One appears with its first job, or with `jobd namespace create`; `jobd namespaces` lists them.",
  });
}
