import type { Ageing } from "../domain/ageing.ts";
import type { Queue, QueueSettings } from "../domain/queue.ts";
import type { Clock } from "../domain/clock.ts";
import type { Driver } from "../storage/driver.ts";

/** How long settings that were read are believed, in milliseconds: a change reaches every process within this time. */
const FRESH_MS = 5_000;

/** The settings of the queues of one namespace, read when needed and kept for a few seconds. */
export class QueueSettingsCache {
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #namespace: string;
  #queues = new Map<string, Queue>();
  #ageing: Ageing | undefined;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: { driver: Driver; clock: Clock; namespace: string }) {
    this.#driver = options.driver;
    this.#clock = options.clock;
    this.#namespace = options.namespace;
  }

  /** The settings of a queue, from memory; nothing special for a queue that is not known. */
  of(queue: string): QueueSettings {
    return this.#queues.get(queue)?.settings ?? {};
  }

  /** The queues whose jobs age, from memory; undefined when there are none. */
  get ageing(): Ageing | undefined {
    return this.#ageing;
  }

  /** Reads again unless that happened a moment ago. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonic() - this.#readAt < FRESH_MS) return;
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    await this.#reading;
  }

  /** Makes the next refresh read. */
  expire(): void {
    this.#readAt = -Infinity;
  }

  async #read(): Promise<void> {
    const queues = await this.#driver.queues(this.#namespace);
    this.#queues = new Map(queues.map((queue) => [queue.name, queue]));
    const ageing = queues.flatMap(({ name, settings: { ageingMs } }) =>
      ageingMs === undefined ? [] : [[name, ageingMs] as const]
    );
    this.#ageing = ageing.length === 0 ? undefined : new Map(ageing);
    this.#readAt = this.#clock.monotonic();
  }
}
