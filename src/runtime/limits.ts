import { type Limit, type LimitName, limitName, type LimitOptions, parseLimit } from "../domain/limit.ts";
import { JobdError } from "../domain/errors.ts";
import type { Driver } from "../storage/driver.ts";
import type { StoreTime } from "./store_time.ts";

/** Which limit: of a queue or of a type; of all its jobs together, or with a key of the jobs that have it. */
export interface LimitTargetOptions {
  /** The queue. */
  queue?: string;
  /** The job type. */
  type?: string;
  /** `"*"`: each key by itself; else this key. @default all jobs together */
  key?: string;
}

/** Limits across all machines: how many jobs of a queue, a type or a key run at a time, and how often one starts. */
export class JobLimits {
  readonly #driver: Driver;
  readonly #time: StoreTime;
  readonly #namespace: string;

  /** Made by `Jobd`. */
  constructor({ driver, time, namespace }: { driver: Driver; time: StoreTime; namespace: string }) {
    this.#driver = driver;
    this.#time = time;
    this.#namespace = namespace;
  }

  /** All limits of the namespace, by target, name and key. */
  list(): Promise<Limit[]> {
    return this.#driver.limits(this.#namespace);
  }

  /**
   * Sets a limit in place of the one that is there; whether it is paused stays as it is. Jobs that run already are let
   * finish. It reaches workers at once, or within five seconds where wake-ups do not arrive.
   *
   * @throws {JobdError} `invalid_request` for a bad name, key or number
   */
  async set(options: LimitTargetOptions & LimitOptions): Promise<Limit> {
    const { queue: _queue, type: _type, key: _key, ...given } = options;
    const name = this.#name(options);
    const settings = parseLimit(given);
    if (Object.keys(settings).length === 0) {
      throw new JobdError("invalid_request", "A limit without concurrency and rate limits nothing", {
        hint: "Give one of them; `remove` takes a limit away, and `pause` stops everything.",
      });
    }
    return await this.#save(name, { settings });
  }

  /** Nothing of it starts until it is resumed. What runs goes on. */
  async pause(target: LimitTargetOptions): Promise<Limit> {
    return await this.#save(this.#name(target), { pausedAt: this.#time.now() });
  }

  /** Ends a pause. */
  async resume(target: LimitTargetOptions): Promise<Limit> {
    return await this.#save(this.#name(target), { pausedAt: null });
  }

  /** Takes a limit away; gives whether there was one. One of a definition comes back when a worker with it starts. */
  async remove(target: LimitTargetOptions): Promise<boolean> {
    return await this.#driver.removeLimit(this.#name(target), this.#time.now());
  }

  #name({ queue, type, key }: LimitTargetOptions): LimitName {
    return limitName(this.#namespace, {
      ...(queue === undefined ? {} : { queue }),
      ...(type === undefined ? {} : { type }),
      ...(key === undefined ? {} : { key }),
    });
  }

  async #save(name: LimitName, change: Partial<Pick<Limit, "settings" | "pausedAt">>): Promise<Limit> {
    const known = (await this.list()).find((limit) =>
      limit.target === name.target && limit.name === name.name && limit.key === name.key
    );
    const before = known ?? { settings: {}, pausedAt: null };
    const { settings, pausedAt } = { settings: before.settings, pausedAt: before.pausedAt, ...change };
    return await this.#driver.saveLimit(
      { ...name, settings, pausedAt, source: "operator" },
      this.#time.now(),
    );
  }
}
