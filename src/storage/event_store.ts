import type { Interest, JobdEvent, NewEvent } from "../domain/event.ts";

/** What those who watch are told: the part of a {@linkcode Driver} that keeps events, and who wants which. */
export interface EventStore {
  /**
   * Stores events in their order and rings `event`. Whoever has seen an event has, by asking after it, all that have a
   * higher id: none appears later with a lower one.
   */
  publish(events: NewEvent[]): Promise<void>;
  /** The first and the last event. The last one is never removed, so that a place before it can be told from a gap. */
  eventSpan(): Promise<EventSpan>;
  /** Up to `limit` events with ids above this one, in order. */
  eventsAfter(id: number, limit: number): Promise<JobdEvent[]>;
  /**
   * Writes a watcher's row, and gives for how long others may not know of it yet, in milliseconds: what somebody asks
   * {@linkcode EventStore.watchers} for after that time has it.
   */
  saveWatcher(watcher: WatcherRow): Promise<number>;
  /** Removes a watcher's row. */
  removeWatcher(id: string): Promise<void>;
  /** All watchers, those that have expired too. Made to be asked after each change: it costs next to nothing. */
  watchers(): Promise<WatcherRow[]>;
}

/** A process that watches what happens. */
export interface WatcherRow {
  /** Unique for each process, or part of one, that watches. */
  id: string;
  /** Which events it wants. */
  wants: Interest[];
  /** It counts until then, unless it is renewed; epoch milliseconds. */
  expiresAt: number;
}

/** The events that a store has. */
export interface EventSpan {
  /** The first one that is kept; 0 when there never was one. */
  first: number;
  /** The last one; 0 when there never was one. */
  last: number;
}
