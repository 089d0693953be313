import { type ErrorCode, JobdError, show } from "../domain/errors.ts";
import { checkName } from "../domain/names.ts";
import { checkQueueSettings, type Queue, type QueueSettings } from "../domain/queue.ts";
import type { Driver, QueueCount } from "../storage/driver.ts";
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

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; time: StoreTime }) {
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
