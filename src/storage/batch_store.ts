import type { Batch, BatchState, BatchTurn, NewBatch } from "../domain/batch.ts";
import type { NewJob } from "../domain/job.ts";
import type { InsertResult, Page, TellRequest } from "./driver.ts";

/**
 * The part of a {@linkcode Driver} that keeps batches. Ends of members are noted in the transaction that writes them, and
 * counted by {@linkcode BatchStore.tellBatches}; `reviewBatch` in domain/batch.ts says what the counts mean.
 */
export interface BatchStore {
  /**
   * Makes a batch with its first jobs, all of it or nothing; nothing when there is one with this id, which is then given
   * without jobs. Rejects as {@linkcode Driver.insert} does; with `not_found` and `conflict` when its parent does not exist
   * or has ended.
   */
  createBatch(batch: NewBatch, jobs: NewJob[]): Promise<CreatedBatch>;
  /**
   * One page of batches, newest first; with states (and no parent), the states in the order given. The counts are those of this moment, whether {@linkcode BatchStore.tellBatches} has
   * seen them or not; the state is what that has made of it.
   */
  batches(query: BatchQuery): Promise<Page<Batch>>;
  /** How many batches there are in each state, counted up to `cap`. */
  batchCounts(namespace: string, cap: number): Promise<BatchStateCount[]>;
  /** Seals a batch that has not ended, or notes that it is to be cancelled, which seals it too; undefined when there is none. */
  changeBatch(change: BatchChange): Promise<Batch | undefined>;
  /**
   * Counts what was noted, up to `limit` notes, and does what follows, all of it or nothing: batches end or go on, callbacks
   * are enqueued, the batches around them get notes.
   */
  tellBatches(request: TellRequest): Promise<ToldBatches>;
}

/** See {@linkcode BatchStore.createBatch}. */
export interface CreatedBatch {
  /** Whether this call has made it. */
  outcome: "created" | "existing";
  /** The batch as it is now. */
  batch: Batch;
  /** One for each job; none when the batch was there. */
  jobs: InsertResult[];
}

/** Which batches. */
export interface BatchQuery {
  /** The tenant. */
  namespace: string;
  /** These. */
  ids?: string[];
  /** In one of these states. */
  states?: BatchState[];
  /** Of one of these types. */
  types?: string[];
  /** Members of this batch. */
  parent?: string;
  /** Batches wanted. */
  limit: number;
  /** Where the previous page stopped. */
  cursor?: string;
}

/** Batches in one state. */
export interface BatchStateCount {
  /** The state. */
  state: BatchState;
  /** How many, at most the cap. */
  count: number;
  /** Whether there may be more. */
  capped: boolean;
}

/** A change to a batch. */
export interface BatchChange {
  /** The tenant. */
  namespace: string;
  /** The batch. */
  id: string;
  /** What. */
  change: "seal" | "cancel";
  /** When. */
  at: number;
}

/** What {@linkcode BatchStore.tellBatches} did. */
export interface ToldBatches {
  /** What happened to batches, each as it is from then on. */
  turns: { batch: Batch; turn: BatchTurn }[];
  /** Callbacks that were enqueued, and their states. */
  callbacks: { job: NewJob; result: InsertResult }[];
  /** Whether there is more to count. */
  more: boolean;
}

/** The answer for a state of which this many were counted, looking at one more than the cap. */
export function stateCount(state: BatchState, count: number, cap: number): BatchStateCount {
  return { state, count: Math.min(count, cap), capped: count > cap };
}
