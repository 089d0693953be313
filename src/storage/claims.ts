import type { Ageing } from "../domain/ageing.ts";
import type { Job } from "../domain/job.ts";
import type { Run } from "../domain/transition.ts";

/** What a worker wants. */
export interface ClaimRequest {
  /** The worker's id. */
  worker: string;
  /** The tenant. */
  namespace: string;
  /** Queues in order, or all of the namespace. */
  queues: string[] | "all";
  /** Types it can run, or all. */
  types: string[] | "all";
  /** At most this many, at least 1. */
  limit: number;
  /** Queues whose jobs count for more the longer they wait. @default none */
  ageing?: Ageing;
  /** The store's time. */
  now: number;
  /** End of the lease. */
  expiresAt: number;
}

/** Jobs that were claimed. */
export interface ClaimResult {
  /** Their common lease; null when there are none. */
  leaseId: string | null;
  /** The jobs, in the order in which they should start. */
  jobs: Job[];
  /** When a job that waits at a limit may be tried next; absent when none waits for a time. Only of `claimParked`. */
  nextOpenAt?: number;
  /** When the next scheduled job is due, or null for none, where the claim has seen that beside its own work. */
  nextDueAt?: number | null;
  /** Whether there may be more where this claim did not look, although it wanted more than it got. */
  more?: boolean;
}

/** Jobs of one claim that have limits to pass. */
export interface AcquireRequest {
  /** The tenant. */
  namespace: string;
  /** Their lease. */
  leaseId: string;
  /** Their attempts, in the order of the claim. */
  runs: Run[];
  /** The store's time. */
  now: number;
}

/** What became of one job of an acquire: it may start, it waits, or its attempt is not the live one any more. */
export type AcquireResult = "granted" | "parked" | "stale";
