import type { AuditEntry, NewAuditEntry } from "../domain/audit.ts";
import type { Page } from "./driver.ts";

/** What is stored of what operators did. Entries are only ever added, and removed when they are old. */
export interface AuditStore {
  /** Stores an entry. */
  addAudit(entry: NewAuditEntry): Promise<void>;
  /** One page of entries, newest first. A page that has looked at many and found few may be short, and still go on. */
  audit(query: AuditQuery): Promise<Page<AuditEntry>>;
  /** Removes up to `limit` entries of before that instant, in all namespaces, oldest first; gives how many. */
  pruneAudit(before: number, limit: number): Promise<number>;
}

/** Which entries. */
export interface AuditQuery {
  /** The tenant. */
  namespace: string;
  /** Only this operation; with a `*` at the end all that begin so. */
  operation?: string;
  /** Only by this token id or this name. */
  actor?: string;
  /** Only by this surface. */
  surface?: string;
  /** Only what was done, or only what was not. */
  done?: boolean;
  /** Only with this request id. */
  requestId?: string;
  /** Only from this instant on. */
  from?: number;
  /** Only up to this instant, without it. */
  to?: number;
  /** How many at most. */
  limit: number;
  /** Where an earlier page stopped. */
  cursor?: string;
}
