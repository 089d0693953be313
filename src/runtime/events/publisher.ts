import type { Clock } from "../../domain/clock.ts";
import { messageOf } from "../../domain/errors.ts";
import { type Interest, type NewEvent, wants } from "../../domain/event.ts";
import type { Driver } from "../../storage/driver.ts";
import { Batcher } from "../batcher.ts";
import type { Logger } from "../logger.ts";

/** Events in one statement. */
const BATCH = 500;
/** Events that may wait for a store that is slower than the changes; further ones are not told. */
const WAITING_MAX = 20_000;

/** What {@linkcode Publisher} and its neighbours need. */
export interface EventsContext {
  /** The store. */
  driver: Driver;
  /** The tenant. */
  namespace: string;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** Where trouble is said. */
  log: Logger;
}

/** Stores the events that somebody wants, many together, behind the changes that they tell of: no change waits for them. */
export class Publisher {
  readonly #context: EventsContext;
  readonly #batcher: Batcher<NewEvent[], void>;
  readonly #open = new Set<Promise<void>>();
  #waiting = 0;
  #dropped = 0;

  constructor(context: EventsContext) {
    this.#context = context;
    this.#batcher = new Batcher({
      maxWeight: BATCH,
      weigh: (events) => events.length,
      flush: async (groups) => {
        await context.driver.publish(groups.flat());
        return groups.map(() => {});
      },
    });
  }

  /** What anybody wants at this moment; nothing when the store cannot say. */
  async wanted(): Promise<Interest[]> {
    try {
      const watchers = await this.#context.driver.watchers();
      if (watchers.length === 0) return [];
      const now = this.#context.now();
      return watchers.flatMap((watcher) => watcher.expiresAt > now ? watcher.wants : []);
    } catch (error) {
      this.#context.log.debug("Events are not told: who wants them is not known", {
        error: messageOf(error),
      });
      return [];
    }
  }

  /** Tells of a change that was made; the events are made only if anybody watches. */
  tell(events: (wanted: Interest[]) => readonly NewEvent[] | Promise<readonly NewEvent[]>): void {
    const telling = this.#tell(events).finally(() => this.#open.delete(telling));
    this.#open.add(telling);
  }

  /** Resolves when everything that was told so far is stored, or was given up. */
  async idle(): Promise<void> {
    await Promise.all(this.#open);
  }

  async #tell(
    events: (wanted: Interest[]) => readonly NewEvent[] | Promise<readonly NewEvent[]>,
  ): Promise<void> {
    const wanted = await this.wanted();
    if (wanted.length === 0) return;
    try {
      const made = await events(wanted);
      await this.#store(made.filter((event) => wanted.some((interest) => wants(interest, event))));
    } catch (error) {
      // Not tried again: they may be stored already, and nobody is told of the same thing twice.
      this.#context.log.warn("Events could not be stored and are not told", { error: messageOf(error) });
    }
  }

  async #store(events: NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    if (this.#waiting > 0 && this.#waiting + events.length > WAITING_MAX) {
      this.#dropped += events.length;
      return;
    }
    this.#waiting += events.length;
    try {
      await this.#batcher.add(events);
    } finally {
      this.#waiting -= events.length;
      if (this.#dropped > 0) {
        this.#context.log.warn("The store is too slow for the events: some are not told", {
          dropped: this.#dropped,
        });
        this.#dropped = 0;
      }
    }
  }
}
