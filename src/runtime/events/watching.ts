import { invalid, messageOf } from "../../domain/errors.ts";
import {
  type EventKind,
  type EventOf,
  type EventPattern,
  type Interest,
  type KindOf,
  kindsOf,
  wants,
} from "../../domain/event.ts";
import { checkName } from "../../domain/names.ts";
import { isUuid } from "../../domain/uuid.ts";
import type { Driver } from "../../storage/driver.ts";
import { listOf, type OneOrMany } from "../job_filter.ts";
import { EventStream } from "./event_stream.ts";
import { Feed } from "./feed.ts";
import { type EventsContext, Publisher } from "./publisher.ts";
import { Registration } from "./registration.ts";
import { toldDriver } from "./told_driver.ts";
import { BATCH_WAITS, JOB_WAITS, Waits } from "./waits.ts";

/** Events that wait for a slow listener at most, unless it says otherwise. */
const BUFFER = 1_000;
const BUFFER_MAX = 100_000;

/** Which events, and from where on. */
export interface WatchOptions {
  /** Only of these queues. */
  queue?: OneOrMany<string>;
  /** Only of jobs of these types. */
  type?: OneOrMany<string>;
  /** Only of these jobs, by their full ids. */
  jobId?: OneOrMany<string>;
  /** Only of these schedules. */
  schedule?: OneOrMany<string>;
  /** Only of these batches, by their full ids. */
  batch?: OneOrMany<string>;
  /** First those that came after the event with this id and are still stored; 0 for all. @default only new ones */
  after?: number;
  /** Events that wait at most while the listener is busy; when there are more, the oldest are dropped. @default 1000 */
  buffer?: number;
  /** Ends it when aborted. */
  signal?: AbortSignal;
}

/** Options of `jobd.events()`. */
export interface EventsOptions<P extends EventPattern = EventPattern> extends WatchOptions {
  /** Only of these kinds. @default all */
  kinds?: OneOrMany<P>;
}

/** Somebody who listens; made by `jobd.on()`. */
export interface Subscription extends AsyncDisposable {
  /** The id of the last event that the listener was given; `after` goes on from there. */
  readonly cursor: number;
  /** Events that were dropped because the listener was too slow. */
  readonly dropped: number;
  /** Whether events after `after` may have been removed before they could be told. */
  readonly gap: boolean;
  /** Ends it; also when its `jobd` is closed. The listener is not called any more. */
  close(): void;
}

/** What is told to a listener; a promise is waited for before the next one is told. */
export type EventListener<P extends EventPattern> = (event: EventOf<KindOf<P>>) => unknown;

/** Everything about events of one `Jobd`: telling of changes, hearing of them, waiting for ends. */
export class Watching {
  /** The store itself. */
  readonly store: Driver;
  /** The store, whose changes are told. */
  readonly driver: Driver;
  /** Who waits for the ends of jobs. */
  readonly waits: Waits;
  /** Who waits for the ends of batches. */
  readonly batchWaits: Waits;
  readonly #context: EventsContext;
  readonly #publisher: Publisher;
  readonly #registration: Registration;
  readonly #feed: Feed;
  readonly #streams = new Set<{ close(): void }>();

  constructor(context: EventsContext) {
    this.#context = context;
    this.store = context.driver;
    this.#publisher = new Publisher(context);
    this.#registration = new Registration(context, crypto.randomUUID());
    this.#feed = new Feed(context);
    const shared = { feed: this.#feed, registration: this.#registration };
    this.waits = new Waits(context, { ...shared, kind: JOB_WAITS });
    this.batchWaits = new Waits(context, { ...shared, kind: BATCH_WAITS });
    const endings = { jobs: this.waits, batches: this.batchWaits };
    this.driver = toldDriver(context.driver, this.#publisher, endings, () => context.now());
  }

  /** Calls a function for each event that matches; resolves when everything that happens from now on is told. */
  async on<P extends EventPattern>(
    pattern: P,
    listener: EventListener<P>,
    options: WatchOptions,
  ): Promise<Subscription> {
    const stream = this.events({ ...options, kinds: [pattern] });
    await stream.ready;
    void this.#call(stream, listener as (event: EventOf<EventKind>) => unknown);
    return stream;
  }

  /** Events as they come. */
  events<P extends EventPattern>(options: EventsOptions<P>): EventStream<KindOf<P>> {
    const { signal, after } = options;
    const buffer = checkBuffer(options.buffer ?? BUFFER);
    if (after !== undefined && (!Number.isSafeInteger(after) || after < 0)) {
      throw invalid("after", after, "the id of an event: a whole number from 0");
    }
    const interest = this.#interest(options);
    const claimant = this.#registration.claimant();
    const stop = (): void => stream.close();
    const stream: EventStream<KindOf<P>> = new EventStream({
      accepts: (event) => wants(interest, event),
      buffer,
      start: async (self) => {
        this.#streams.add(self);
        signal?.addEventListener("abort", stop, { once: true });
        const known = claimant.want(interest);
        const [start] = await Promise.all([this.#feed.join(self, after), known]);
        return start;
      },
      stop: () => {
        signal?.removeEventListener("abort", stop);
        this.#streams.delete(stream);
        this.#feed.leave(stream);
        claimant.release();
      },
    });
    if (signal?.aborted) stream.close();
    return stream;
  }

  /** Ends all listening and waiting, and stores what is still to be told. */
  async close(): Promise<void> {
    for (const stream of [...this.#streams]) stream.close();
    this.waits.close();
    this.batchWaits.close();
    await this.#feed.close();
    await this.#publisher.idle();
    await this.#registration.close();
  }

  async #call(stream: EventStream, listener: (event: EventOf<EventKind>) => unknown): Promise<void> {
    for await (const event of stream) {
      try {
        await listener(event);
      } catch (error) {
        this.#context.log.error("An event listener failed", {
          event: event.id,
          kind: event.kind,
          error: messageOf(error),
        });
      }
    }
  }

  #interest({ kinds, queue, type, jobId, schedule, batch }: EventsOptions): Interest {
    const names = (what: string, given: OneOrMany<string>): string[] =>
      listOf(given).map((name) => checkName(what, name));
    const ids = (what: string, given: OneOrMany<string>): string[] =>
      listOf(given).map((id) => {
        if (!isUuid(id)) throw invalid(what, id, "a UUID");
        return id;
      });
    return {
      namespace: this.#context.namespace,
      kinds: kindsOf(listOf(kinds ?? "*")),
      ...(queue === undefined ? {} : { queues: names("queue", queue) }),
      ...(type === undefined ? {} : { types: names("type", type) }),
      ...(jobId === undefined ? {} : { jobs: ids("job id", jobId) }),
      ...(batch === undefined ? {} : { batches: ids("batch id", batch) }),
      ...(schedule === undefined ? {} : { schedules: names("schedule", schedule) }),
    };
  }
}

function checkBuffer(buffer: number): number {
  if (Number.isSafeInteger(buffer) && buffer >= 1 && buffer <= BUFFER_MAX) return buffer;
  throw invalid("buffer", buffer, `a whole number from 1 to ${BUFFER_MAX}`);
}
