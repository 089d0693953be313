import type { JobdEvent, NewEvent } from "../../domain/event.ts";
import type { EventSpan, PruneRequest } from "../driver.ts";
import type { Tables } from "./tables.ts";

/** Gives events their places. */
export function publishEvents(tables: Tables, events: NewEvent[]): void {
  const { last } = eventSpan(tables);
  tables.events.push(...events.map((event, index) => ({ ...event, id: last + 1 + index }) as JobdEvent));
}

/** The first and the last place. */
export function eventSpan({ events }: Tables): EventSpan {
  return { first: events[0]?.id ?? 0, last: events.at(-1)?.id ?? 0 };
}

/** Removes old events, never the latest one, and watchers that have expired. */
export function pruneEvents(tables: Tables, { events, now }: PruneRequest): void {
  if (events === undefined) return;
  for (const { id, expiresAt } of [...tables.watchers.values()]) {
    if (expiresAt <= now) tables.watchers.delete(id);
  }
  const { last } = eventSpan(tables);
  const kept = tables.events.findIndex(({ id, at }) =>
    id === last || (at >= events.before && id > last - events.keep)
  );
  tables.events = tables.events.slice(Math.max(0, kept));
}
