import type { JobdEvent, NewEvent } from "../../domain/event.ts";
import type { EventSpan, EventStore, WatcherRow } from "../driver.ts";
import { MemoryAudit } from "./audit_operations.ts";
import { eventSpan, publishEvents } from "./events.ts";
import { compareText, copy } from "./tables.ts";

/** The operations about events. */
export abstract class MemoryEvents extends MemoryAudit implements EventStore {
  publish(events: NewEvent[]): Promise<void> {
    return this.run(() => {
      publishEvents(this.tables, copy(events));
      if (events.length > 0) this.wake("event");
    });
  }

  eventSpan(): Promise<EventSpan> {
    return this.run(() => eventSpan(this.tables));
  }

  eventsAfter(id: number, limit: number): Promise<JobdEvent[]> {
    return this.run(() => copy(this.tables.events.filter((event) => event.id > id).slice(0, limit)));
  }

  saveWatcher(watcher: WatcherRow): Promise<number> {
    return this.run(() => {
      this.tables.watchers.set(watcher.id, copy(watcher));
      return 0;
    });
  }

  removeWatcher(id: string): Promise<void> {
    return this.run(() => void this.tables.watchers.delete(id));
  }

  watchers(): Promise<WatcherRow[]> {
    return this.run(() => {
      const rows = [...this.tables.watchers.values()];
      return copy(rows.sort((a, b) => compareText(a.id, b.id)));
    });
  }
}
