import { turn } from "../../domain/clock.ts";
import { JobdError } from "../../domain/errors.ts";
import type { JobdEvent } from "../../domain/event.ts";
import type { Listener } from "../../storage/driver.ts";
import { Loop } from "../loop.ts";
import type { EventsContext } from "./publisher.ts";

/** How often events are looked for when nothing says that there are some, in milliseconds. */
const POLL_MS = 1_000;
const PAGE = 500;

/** Somebody who is told of events. */
export interface Hearer {
  /** Told once of each event after its place, in order. */
  hear(event: JobdEvent): void;
}

/** Where somebody's events begin. */
export interface Start {
  /** The id of the event before the first one. */
  after: number;
  /** Whether events after that may have been removed already. */
  gap: boolean;
}

/**
 * Reads the events of the store, while somebody wants them, and hands each to all who do. Events of this process take the
 * same way as those of others: so there is one order, and one place to go on from.
 */
export class Feed {
  readonly #context: EventsContext;
  readonly #hearers = new Map<Hearer, { after: number }>();
  #place = 0;
  #closed = false;
  #loop: Loop | undefined;
  #listener: Promise<Listener> | undefined;

  constructor(context: EventsContext) {
    this.#context = context;
  }

  /** Tells somebody of what comes from now on, or of all that came after an event. */
  async join(hearer: Hearer, after?: number): Promise<Start> {
    const { first, last } = await this.#context.driver.eventSpan();
    if (this.#closed) {
      throw new JobdError("store_unavailable", "The store was closed while a listener was added");
    }
    // An id from the future is one of another store, or of this one before it was put back to an older copy.
    const start = { after: Math.min(after ?? last, last), gap: false };
    if (after !== undefined) start.gap = after > last || (after !== 0 && after < first);
    if (this.#hearers.size === 0 || start.after < this.#place) this.#place = start.after;
    this.#hearers.set(hearer, { after: start.after });
    this.#start();
    return start;
  }

  /** Tells somebody nothing more. */
  leave(hearer: Hearer): void {
    if (this.#hearers.delete(hearer) && this.#hearers.size === 0) void this.#stop();
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#hearers.clear();
    await this.#stop();
  }

  #start(): void {
    if (this.#loop !== undefined) return this.#loop.wake();
    const { driver, clock, log } = this.#context;
    const loop = new Loop({ name: "Reading events", clock, log, step: () => this.#read() });
    this.#loop = loop;
    // Not waited for: until it can be listened, and where it cannot, polling is enough.
    this.#listener = driver.listen((wake) => {
      if (wake === "event" || wake === "any") loop.wake();
    });
    this.#listener.catch(() => {});
    loop.start();
  }

  async #stop(): Promise<void> {
    const [loop, listener] = [this.#loop, this.#listener];
    this.#loop = this.#listener = undefined;
    listener?.then((live) => live[Symbol.asyncDispose]()).catch(() => {});
    await loop?.stop();
  }

  async #read(): Promise<number> {
    while (this.#hearers.size > 0) {
      const from = this.#place;
      const events = await this.#context.driver.eventsAfter(from, PAGE);
      // Somebody joined who wants earlier ones: those come first.
      if (this.#place !== from) continue;
      for (const event of events) this.#tell(event);
      this.#place = events.at(-1)?.id ?? from;
      if (events.length < PAGE) break;
      // A store that answers at once must not keep everything else waiting until all is read.
      await turn();
    }
    return POLL_MS;
  }

  #tell(event: JobdEvent): void {
    for (const [hearer, place] of this.#hearers) {
      if (event.id <= place.after) continue;
      place.after = event.id;
      hearer.hear(event);
    }
  }
}
