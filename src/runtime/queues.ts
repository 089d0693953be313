import { JobdError, show } from "../domain/errors.ts";
import { checkName } from "../domain/names.ts";
import { checkQueueSettings, type Queue, type QueueSettings } from "../domain/queue.ts";
import type { Driver, QueueCount } from "../storage/driver.ts";
import type { StoreTime } from "./store_time.ts";

/** Counts go up to this number; more is shown as "at least". */
export const COUNT_CAP = 10_000;

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

  /** Replaces the settings of a queue. @throws {JobdError} `not_found`; `invalid_request` for a bad setting */
  async update(name: string, settings: QueueSettings): Promise<Queue> {
    checkQueueSettings(settings);
    await this.get(name);
    return this.#change(name, { settings });
  }

  /** Stops claiming from a queue; once this resolves, none of its jobs starts. Running ones go on. @throws {JobdError} `not_found` */
  async pause(name: string): Promise<Queue> {
    const queue = await this.get(name);
    return queue.pausedAt !== null ? queue : this.#change(name, { pausedAt: this.#time.now() });
  }

  /** Claims from a paused queue again. @throws {JobdError} `not_found` */
  async resume(name: string): Promise<Queue> {
    await this.get(name);
    return this.#change(name, { pausedAt: null });
  }

  #change(name: string, change: { settings?: QueueSettings; pausedAt?: number | null }): Promise<Queue> {
    return this.#driver.updateQueue({ namespace: this.#namespace, name, at: this.#time.now(), ...change });
  }
}
