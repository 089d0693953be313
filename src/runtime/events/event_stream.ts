import type { EventKind, EventOf, JobdEvent } from "../../domain/event.ts";
import type { Hearer, Start } from "./feed.ts";

/** How {@linkcode EventStream} is tied to what is around it. */
export interface EventStreamOptions {
  /** Whether it is one of the events that are wanted. */
  accepts(event: JobdEvent): boolean;
  /** Events that wait for their reader at most. */
  buffer: number;
  /** Begins to hear. */
  start(stream: Hearer & { close(): void }): Promise<Start>;
  /** Hears nothing more. */
  stop(): void;
}

/**
 * Events as they come, for `for await`. Made by `jobd.events()`. What its reader has not taken yet waits in a bounded
 * buffer; when that is full the oldest ones are dropped, and counted.
 */
export class EventStream<K extends EventKind = EventKind>
  implements AsyncIterableIterator<EventOf<K>>, AsyncDisposable {
  /** Resolves when everything that happens from now on is told. Reading waits for it by itself. */
  readonly ready: Promise<void>;
  readonly #options: EventStreamOptions;
  readonly #buffer: JobdEvent[] = [];
  readonly #readers: (() => void)[] = [];
  #cursor = 0;
  #gap = false;
  #dropped = 0;
  #closed = false;

  /** Made by `jobd.events()`. */
  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.ready = this.#start();
    // Who reads, or waits for it, hears of a failure.
    this.ready.catch(() => {});
  }

  /** The id of the last event that was taken; give it as `after` to go on from there, in this process or another. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Events that were dropped because the reader was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether events after `after` may have been removed before they could be told: look at the state of what matters. */
  get gap(): boolean {
    return this.#gap;
  }

  /** Takes an event in, if it is wanted. */
  hear(event: JobdEvent): void {
    if (this.#closed || !this.#options.accepts(event)) return;
    this.#buffer.push(event);
    if (this.#buffer.length > this.#options.buffer) {
      this.#buffer.shift();
      this.#dropped++;
    }
    this.#readers.shift()?.();
  }

  /** The next event, when there is one. */
  async next(): Promise<IteratorResult<EventOf<K>, undefined>> {
    await this.ready;
    while (this.#buffer.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
    const event = this.#closed ? undefined : this.#buffer.shift();
    if (event === undefined) return { done: true, value: undefined };
    this.#cursor = event.id;
    // Only accepted kinds come in.
    return { done: false, value: event as EventOf<K> };
  }

  /** Ends it; what was not taken yet is not told. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.stop();
    for (const wake of this.#readers.splice(0)) wake();
  }

  /** Ends it, as `break` does. */
  return(): Promise<IteratorResult<EventOf<K>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #start(): Promise<void> {
    try {
      const { after, gap } = await this.#options.start(this);
      this.#cursor = Math.max(this.#cursor, after);
      this.#gap = gap;
      if (this.#closed) this.#options.stop();
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
