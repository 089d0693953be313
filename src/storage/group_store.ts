import type { Job } from "../domain/job.ts";
import type { Run } from "../domain/transition.ts";

/** What the storage boundary says about groups: jobs that are gathered by a key and handed over together. */
export interface GroupStore {
  /**
   * Lets up to `limit` groups go whose time has come: one of the jobs of each, the first by priority and arrival, becomes
   * available. Whoever claims it gets the others by {@linkcode GroupStore.gather}. A group whose first job went away before
   * that is let go again.
   */
  ripen(now: number, limit: number): Promise<Ripened>;
  /**
   * Starts those who wait in the groups of jobs that were claimed just now, under the same lease: state running,
   * attempt + 1. Nobody else gets them, and nobody joins these groups any more. No group gives more jobs than its size, those
   * of the request included. Jobs without a group are passed over.
   */
  gather(request: GatherRequest): Promise<Gathered[]>;
  /** Groups that wait, oldest first. */
  groups(query: GroupQuery): Promise<GroupRow[]>;
  /** The jobs of groups by id or key, those that were handed over included, oldest groups first; at most `limit`. */
  groupJobs(query: GroupJobsQuery): Promise<Job[]>;
  /** Lets groups go that still wait, whatever their rules say; gives how many. */
  flushGroups(query: Omit<GroupJobsQuery, "limit">, now: number): Promise<number>;
}

/** See {@linkcode GroupStore.ripen}. */
export interface Ripened {
  /** How many groups were let go. */
  ripened: number;
  /** When somebody should look again; null when nothing gathers. */
  nextDueAt: number | null;
}

/** See {@linkcode GroupStore.gather}. */
export interface GatherRequest {
  /** The lease of the claim. */
  leaseId: string;
  /** The jobs of the claim that have groups. */
  runs: Run[];
  /** Of these types jobs run one by one: those who wait become available instead. */
  apart: string[];
  /** The store's time. */
  now: number;
}

/** One group of a claim. */
export interface Gathered {
  /** Its jobs in the request. */
  runs: string[];
  /** Those that were started besides, by priority and arrival. */
  jobs: Job[];
}

/** See {@linkcode GroupStore.groups}. */
export interface GroupQuery {
  /** The tenant. */
  namespace: string;
  /** Only groups with this key. */
  key?: string;
  /** Only groups of this type. */
  type?: string;
  /** Only groups after this one, by id. */
  after?: string;
  /** At most this many. */
  limit: number;
}

/** See {@linkcode GroupStore.groupJobs}; without `id` there is a key. */
export interface GroupJobsQuery {
  /** The tenant. */
  namespace: string;
  /** The group with this id. */
  id?: string;
  /** Groups with this key. */
  key?: string;
  /** Only groups of this type. */
  type?: string;
  /** At most this many. */
  limit: number;
}

/** A group that waits. */
export interface GroupRow {
  /** Its id: whole numbers as text, growing. */
  id: string;
  /** The queue of its jobs. */
  queue: string;
  /** The type of its jobs. */
  type: string;
  /** What its jobs are gathered by. */
  key: string;
  /** Whether jobs may still join it. */
  open: boolean;
  /** How many jobs wait in it. */
  jobs: number;
  /** How many are enough. */
  size: number;
  /** When its first job joined it. */
  openedAt: number;
  /** When it is handed over. */
  dueAt: number;
  /** Once it was let go: the job with which the others are handed over, when a worker starts it. */
  leader: string | null;
}

/** A group that was let go and has not been handed over is looked at again after this time, in milliseconds. */
export const RECHECK_MS = 15_000;

/** Where the jobs of a group wait, among the gates; no gate has such a name. */
export function groupScope(id: string | number): string {
  return `group:${id}`;
}

/** Whether somebody who waits there gathers. */
export function isGroupScope(scope = ""): boolean {
  return scope.startsWith("group:");
}
