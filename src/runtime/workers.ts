import { JobdError, show } from "../domain/errors.ts";
import type { Driver, WorkerRow } from "../storage/driver.ts";
import type { StoreTime } from "./store_time.ts";

/** A worker that showed no life for this long is not listed, in milliseconds. */
const SEEN_MS = 60_000;

/** Workers of one namespace, on all machines. */
export class Workers {
  readonly #driver: Driver;
  readonly #namespace: string;
  readonly #time: StoreTime;

  /** Made by {@linkcode Jobd}. */
  constructor(options: { driver: Driver; namespace: string; time: StoreTime }) {
    this.#driver = options.driver;
    this.#namespace = options.namespace;
    this.#time = options.time;
  }

  /** Those that showed life within the last minute, in the order in which they started. */
  async list(): Promise<WorkerRow[]> {
    const rows = await this.#driver.workers(this.#time.now() - SEEN_MS);
    return rows.filter((row) => row.namespace === this.#namespace);
  }

  /** One of them. @throws {JobdError} `not_found` when none with this id showed life within the last minute */
  async get(id: string): Promise<WorkerRow> {
    const worker = (await this.list()).find((one) => one.id === id);
    if (worker !== undefined) return worker;
    throw new JobdError("not_found", `No worker ${show(id)} showed life within the last minute`, {
      hint: "List workers with `jobd workers`; each start of a worker has an id of its own.",
    });
  }
}
