import { type AuditEntry, DONE, type NewAuditEntry } from "../../domain/audit.ts";
import { invalid } from "../../domain/errors.ts";
import type { AuditQuery, AuditStore } from "../audit_store.ts";
import type { Page } from "../driver.ts";
import { MemoryStats } from "./stat_operations.ts";
import { copy } from "./tables.ts";

/** The operations about what operators did. */
export abstract class MemoryAudit extends MemoryStats implements AuditStore {
  #entries: AuditEntry[] = [];
  #last = 0;

  addAudit(entry: NewAuditEntry): Promise<void> {
    return this.run(() => void this.#entries.push({ ...copy(entry), id: ++this.#last }));
  }

  audit(query: AuditQuery): Promise<Page<AuditEntry>> {
    return this.run(() => {
      const below = query.cursor === undefined ? Infinity : place(query.cursor);
      const found = this.#entries.filter((entry) => entry.id < below && matches(entry, query)).reverse();
      const items = copy(found.slice(0, query.limit));
      const last = items.at(-1);
      return found.length > items.length && last ? { items, nextCursor: String(last.id) } : { items };
    });
  }

  pruneAudit(before: number, limit: number): Promise<number> {
    return this.run(() => {
      const old = new Set(
        this.#entries.filter(({ at }) => at < before).sort((a, b) => a.at - b.at || a.id - b.id).slice(
          0,
          limit,
        ),
      );
      this.#entries = this.#entries.filter((entry) => !old.has(entry));
      return old.size;
    });
  }
}

function matches(entry: AuditEntry, query: AuditQuery): boolean {
  const { namespace, operation, actor, surface, done, requestId, from, to } = query;
  return entry.namespace === namespace &&
    (operation === undefined ||
      (operation.endsWith("*")
        ? entry.operation.startsWith(operation.slice(0, -1))
        : entry.operation === operation)) &&
    (actor === undefined || entry.token === actor || entry.name === actor) &&
    (surface === undefined || entry.surface === surface) &&
    (done === undefined || (entry.outcome === DONE) === done) &&
    (requestId === undefined || entry.requestId === requestId) &&
    (from === undefined || entry.at >= from) &&
    (to === undefined || entry.at < to);
}

function place(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw invalid("cursor", cursor, "one that the previous page gave for the same query");
}
