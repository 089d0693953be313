import { type ErrorCode, JobdError, show } from "../domain/errors.ts";
import { checkName } from "../domain/names.ts";
import { checkQueueSettings, type Queue, type QueueSettings } from "../domain/queue.ts";
import type { Clock } from "../domain/clock.ts";
import type { Driver, QueueCount } from "../storage/driver.ts";
import type { Jobs } from "./jobs.ts";
import {
  contents,
  type DeleteQueueOptions,
  type DeleteQueueReport,
  type DrainOptions,
  type DrainReport,
  holdsJobs,
  QueueEmptying,
  schedulesInto,
} from "./queue_emptying.ts";
import type { StoreTime } from "./store_time.ts";

/** Counts go up to this number; more is shown as "at least". */
export const COUNT_CAP = 10_000;

/** Several queues by name, or `"*"`: all that there are. */
export type QueueSelection = readonly string[] | "*";

/** What became of an action on several queues. */
export interface QueueReport {
  /** Queues that are as wished now. */
  succeeded: string[];
  /** Queues that are not, and why. */
  failed: { name: string; code: ErrorCode; reason: string }[];
}

/** Queues of one namespace. */
export class Queues {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;
  readonly #parts: { driver: Driver; namespace: string; time: StoreTime; clock: Clock; jobs: Jobs };

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; time: StoreTime; clock: Clock; jobs: Jobs }) {
    this.#parts = options;
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#time = options.time;
  }

  /** All queues by name. */
  list(): Promise<Queue[]> {
    return this.#driver.queues(this.#namespace);
  }

  /** Jobs by queue and state, each counted up to a cap. */
  counts(): Promise<QueueCount[]> {
    return this.#driver.counts(this.#namespace, COUNT_CAP);
  }

  /** One queue. @throws {JobdError} `not_found` */
  async get(name: string): Promise<Queue> {
    const queue = (await this.list()).find((one) => one.name === name);
    if (queue === undefined) {
      throw new JobdError(
        "not_found",
        `There is no queue ${show(name)} in namespace ${show(this.#namespace)}`,
        {
          hint: "A queue appears with its first job, or with `jobd queue create`.",
        },
      );
    }
    return queue;
  }

  /** Creates a queue that does not exist yet. @throws {JobdError} `conflict` when it does; `invalid_request` for a bad setting */
  async create(name: string, settings: QueueSettings = {}): Promise<Queue> {
    checkName("queue", name);
    checkQueueSettings(settings);
    if ((await this.list()).some((queue) => queue.name === name)) {
      throw new JobdError("conflict", `The queue ${show(name)} exists already`, {
        hint: "Change it with `jobd queue update`.",
      });
    }
    return this.#change(name, { settings });
  }

  /**
   * Replaces the settings of a queue. They reach workers when these next show that they live, within a third of their lease.
   *
   * @throws {JobdError} `not_found`; `invalid_request` for a bad setting
   */
  async update(name: string, settings: QueueSettings): Promise<Queue> {
    checkQueueSettings(settings);
    await this.get(name);
    return this.#change(name, { settings });
  }

  /** Stops claiming from several queues, or from all that there are now; one that comes later is open. */
  pause(queues: QueueSelection): Promise<QueueReport>;
  /** Stops claiming from a queue; once this resolves, none of its jobs starts. Running ones go on. @throws {JobdError} `not_found` */
  pause(name: string): Promise<Queue>;
  pause(which: string | QueueSelection): Promise<Queue | QueueReport> {
    return this.#each(
      which,
      (queue) =>
        queue.pausedAt !== null
          ? Promise.resolve(queue)
          : this.#change(queue.name, { pausedAt: this.#time.now() }),
    );
  }

  /** Claims from several paused queues again, or from all. */
  resume(queues: QueueSelection): Promise<QueueReport>;
  /** Claims from a paused queue again. @throws {JobdError} `not_found` */
  resume(name: string): Promise<Queue>;
  resume(which: string | QueueSelection): Promise<Queue | QueueReport> {
    return this.#each(which, ({ name }) => this.#change(name, { pausedAt: null }));
  }

  /**
   * Cancels the jobs of a queue that wait; running ones go on, and what is enqueued later is not meant. A cancelled job can be
   * retried until its retention has passed.
   *
   * @throws {JobdError} `not_found`; `timed_out` when it was to wait for running jobs, and these still run
   */
  async drain(name: string, options: DrainOptions = {}): Promise<DrainReport> {
    await this.get(name);
    return await new QueueEmptying(this.#parts, name, options).drain(options);
  }

  /**
   * Removes a queue with its settings and its limits. With `force` also with all its jobs and their history: it is paused, its
   * running jobs are told to stop, and when they have, all are deleted. Broken off at any point, calling it again goes on.
   * Jobs that are enqueued meanwhile or later make the queue anew, without settings; statistics stay.
   *
   * @throws {JobdError} `not_found`; without `force` `conflict` for a queue that has jobs or that a schedule names; `timed_out`
   * when running jobs do not stop in time: the queue is paused then
   */
  async delete(name: string, options: DeleteQueueOptions = {}): Promise<DeleteQueueReport> {
    const queue = await this.get(name);
    const schedules = await schedulesInto(this.#parts, name);
    const deleted = options.force ? await this.#clear(queue, options) : 0;
    if (!options.force) await this.#refuseUsed(name, schedules);
    const limits = await this.#driver.limits(this.#namespace);
    for (const limit of limits.filter((one) => one.target === "queue" && one.name === name)) {
      await this.#driver.removeLimit(limit, this.#time.now());
    }
    const queueName = { namespace: this.#namespace, name };
    await this.#driver.removeQueue(queueName, this.#time.now());
    // One that came in between: as if it had come now.
    if (await holdsJobs(this.#parts, name)) {
      await this.#driver.updateQueue({ ...queueName, at: this.#time.now() });
    }
    return { deleted, schedules };
  }

  async #clear({ name, pausedAt }: Queue, options: DeleteQueueOptions): Promise<number> {
    if (pausedAt === null) await this.#change(name, { pausedAt: this.#time.now() });
    return await new QueueEmptying(this.#parts, name, options).clear(options.timeoutMs);
  }

  async #refuseUsed(name: string, schedules: string[]): Promise<void> {
    const jobs = await contents(this.#parts, name, COUNT_CAP);
    if (jobs.length > 0) {
      throw new JobdError("conflict", `The queue ${show(name)} is not empty: ${jobs.join(", ")}`, {
        hint:
          "With `force` (`--force` on the command line) it is removed with its jobs; `jobd queue drain` only cancels those that wait.",
      });
    }
    if (schedules.length > 0) {
      throw new JobdError(
        "conflict",
        `The queue ${show(name)} is used by schedules: ${schedules.join(", ")}`,
        {
          hint: "Delete or change them first: their next tick would make the queue again.",
        },
      );
    }
  }

  async #each(
    which: string | QueueSelection,
    change: (queue: Queue) => Promise<Queue>,
  ): Promise<Queue | QueueReport> {
    if (typeof which === "string" && which !== "*") return await change(await this.get(which));
    const queues = new Map((await this.list()).map((queue) => [queue.name, queue]));
    const report: QueueReport = { succeeded: [], failed: [] };
    for (const name of which === "*" ? queues.keys() : new Set(which)) {
      const queue = queues.get(name);
      if (queue === undefined) {
        report.failed.push({ name, code: "not_found", reason: "There is no such queue" });
        continue;
      }
      await change(queue);
      report.succeeded.push(name);
    }
    return report;
  }

  #change(name: string, change: { settings?: QueueSettings; pausedAt?: number | null }): Promise<Queue> {
    return this.#driver.updateQueue({ namespace: this.#namespace, name, at: this.#time.now(), ...change });
  }
}
