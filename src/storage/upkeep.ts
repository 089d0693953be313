import type { Job } from "../domain/job.ts";
import type { Retention } from "../domain/queue.ts";

/** What {@linkcode Driver.promote} did. */
export interface PromoteResult {
  /** Jobs made available. */
  promoted: number;
  /** When the next job is due, if one is known. */
  nextDueAt: number | null;
}

/** One step of telling jobs that others have ended. */
export interface TellRequest {
  /** The store's time. */
  now: number;
  /** At most so many ends, and so many that wait for them. */
  limit: number;
}

/** What {@linkcode Driver.tellChildren} did. */
export interface Told {
  /** Jobs that wait for nothing but their time from now on. */
  released: string[];
  /** Jobs that were cancelled. */
  cancelled: string[];
  /** Whether there is more to tell. */
  more: boolean;
}

/** See {@linkcode Driver.orphans}. */
export interface OrphanRequest {
  /** The store's time. */
  now: number;
  /** Workers that are known to be dead. */
  workers: string[];
  /** These leases too, whatever their owner and their end. @default none */
  leases?: string[];
  /** At most this many. */
  limit: number;
}

/** A lease without an owner, or one that was asked for. */
export interface Orphan {
  /** The lease. */
  leaseId: string;
  /** Whose it was. */
  worker: string;
  /** Its end, as seen. */
  expiresAt: number;
  /** Its jobs that still count as running. */
  jobs: Job[];
}

/** See {@linkcode Driver.absentWorkers}. */
export interface AbsentWorkers {
  /** Changes when the database restarted, which frees all locks while every worker is alive. */
  epoch: string;
  /** The workers. */
  workers: string[];
  /** Whether nobody holds a lease, where the backend has seen that. */
  noLeases?: boolean;
}

/** One step of pruning. */
export interface PruneRequest {
  /** The store's time. */
  now: number;
  /** Retention of jobs that have none of their own, by namespace and queue settings over these defaults. */
  retention: Retention;
  /** Which events go: those before this instant, and all but the latest `keep`. @default none */
  events?: { before: number; keep: number };
  /** At most this many jobs are looked at. */
  limit: number;
  /** Where the last step stopped. */
  cursor?: string;
}

/** What one step of pruning did. */
export interface PruneResult {
  /** Jobs removed. */
  deleted: number;
  /** Where to go on; absent when the walk came to its end. */
  cursor?: string;
}
