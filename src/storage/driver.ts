import type { Amendment } from "../domain/amendment.ts";
import type { Execution, Job, LogChunk, NewJob } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { Limit, LimitName } from "../domain/limit.ts";
import type { Queue, QueueSettings } from "../domain/queue.ts";
import type { JobState } from "../domain/states.ts";
import type { Run, Transition } from "../domain/transition.ts";
import type { AcquireRequest, AcquireResult, ClaimRequest, ClaimResult } from "./claims.ts";
import type { AuditStore } from "./audit_store.ts";
import type { BatchStore } from "./batch_store.ts";
import type { EventStore } from "./event_store.ts";
import type { NamespaceRow, StoreFact, TypeCount, WorkerRow } from "./facts.ts";
import type { GroupStore } from "./group_store.ts";
import type { ScheduleStore } from "./schedule_store.ts";
import type { MigrateOptions, MigrationStatus } from "./migration.ts";
import type { StatStore } from "./stat_store.ts";
import type { TokenStore } from "./token_store.ts";
import type { Transaction } from "./transaction.ts";
import type { WaitStore } from "./wait_store.ts";
import type {
  AbsentWorkers,
  Orphan,
  OrphanRequest,
  PromoteResult,
  PruneRequest,
  PruneResult,
  TellRequest,
  Told,
} from "./upkeep.ts";

export type * from "./audit_store.ts";
export type {
  BatchChange,
  BatchQuery,
  BatchStateCount,
  BatchStore,
  CreatedBatch,
  ToldBatches,
} from "./batch_store.ts";
export type { AcquireRequest, AcquireResult, ClaimRequest, ClaimResult } from "./claims.ts";
export type { EventSpan, EventStore, WatcherRow } from "./event_store.ts";
export type { NamespaceRow, StoreFact, TypeCount, WorkerRow } from "./facts.ts";
export type { MigrateOptions, MigrationInfo, MigrationStatus } from "./migration.ts";
export type * from "./group_store.ts";
export type * from "./schedule_store.ts";
export type * from "./stat_store.ts";
export type * from "./token_store.ts";
export type { Transaction } from "./transaction.ts";
export type * from "./upkeep.ts";
export type * from "./wait_store.ts";

/** Options of {@linkcode Driver.close}. */
export interface CloseOptions {
  /** How long calls under way may still take, in milliseconds. @default until their own deadlines */
  withinMs?: number;
}

/**
 * The storage boundary: what a backend must do so that jobd's rules hold on it. Three implementations exist (memory,
 * SQLite, PostgreSQL); one conformance suite in `tests/conformance` says exactly what each method means.
 *
 * Rules for every method:
 * - Instants are epoch milliseconds. No statement asks for the time: "now" is an argument.
 * - A returned promise means the effect is durable. A method that rejects with `store_unavailable` may or may not have
 *   had its effect; every method may then be called again with the same arguments and the outcome is right.
 * - A waiting job (available, scheduled, blocked) has exactly one dispatch row. Whoever removes that row owns the job's
 *   next move; nobody moves a waiting job without it.
 * - A running job belongs to its attempt: writes of a run apply only while `id`, `attempt` and `state = running` match.
 */
export interface Driver
  extends AuditStore, BatchStore, EventStore, GroupStore, ScheduleStore, StatStore, TokenStore, WaitStore {
  /** Which backend. */
  readonly backend: "postgres" | "sqlite" | "memory";
  /** Where the data is, for people: without user names and passwords. */
  readonly location: string;

  // ── the store itself ──────────────────────────────────────────────────────────────────────────────────────────
  /** Creates or updates the schema; serialised between processes. */
  migrate(options?: MigrateOptions): Promise<MigrationStatus>;
  /**
   * Checks that the store can be used and returns its time in epoch milliseconds.
   * @throws {JobdError} `schema_missing`, `schema_newer`, `store_unavailable`, `store_unusable`, `permission_denied`
   */
  ready(): Promise<number>;
  /**
   * The store's time in epoch milliseconds, also when a newer jobd has migrated the store meanwhile. Migrations leave the
   * statements of the release before them working, so that a program that found the store ready may go on with its work.
   */
  time(): Promise<number>;
  /** Facts for `jobd doctor` and health checks. */
  inspect(): Promise<StoreFact[]>;
  /** A consistent copy into a new file; refuses on stores that have their own tool for it. */
  backup(path: string): Promise<void>;
  /**
   * Frees everything; pending calls end first or reject. With `withinMs` those that take longer reject then with
   * `store_unavailable`, and their connections are dropped: what they do in the store is not known. Calling it twice is
   * fine.
   */
  close(options?: CloseOptions): Promise<void>;

  // ── the life of a job ─────────────────────────────────────────────────────────────────────────────────────────
  /**
   * Inserts all jobs or none, as if one after the other; creates all queues that they name. A job whose id exists already
   * is not inserted: its result names that job. Where another job has the unique lock (`uniqueLock` in domain/unique.ts),
   * `planContest` in domain/contest.ts says what happens; when it says fail, this rejects with `conflict`
   * and may have created queues; as it does with `invalid_request` when a job is to wait for one that does not exist, with
   * `not_found` or `conflict` when one is to join a batch that does not exist or has ended. Those that join a batch that is
   * being cancelled are cancelled at once.
   * Jobs with `runAt` after `createdAt` become scheduled, others available. Results are in the order of the jobs;
   * inside a priority, jobs become available in the order given.
   */
  insert(jobs: NewJob[]): Promise<InsertResult[]>;
  /**
   * `insert` within a transaction of the caller's, which commits it or not; queues are created apart from it. Where the
   * backend has no such transactions it rejects with `invalid_request`.
   */
  insertWithin(transaction: Transaction, jobs: NewJob[]): Promise<InsertResult[]>;
  /**
   * Starts up to `limit` available jobs under one new lease: state running, attempt + 1, lease and worker set.
   * Queues in the order of the request, inside a queue higher priority first and then arrival order; with
   * `queues: "all"` highest priority of any queue first. In a queue that is named in `ageing` a job counts for one priority
   * more for each full step that it has waited since `runAt`, and of those that count for the same the one that arrived
   * first comes first; jobs of one priority stay in order of arrival (`mergeLanes`). Paused queues give nothing. Jobs of types not asked for are
   * left where they are and do not make the claim slow.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /**
   * Ends runs. Each transition applies only to its live attempt; on a job whose cancellation was requested only
   * `cancelled` applies. Unique lock and deadline are released at a final state. Leases in `close` are removed if, and
   * only if, every transition of the batch applied (so a job that is still running never loses its lease).
   * One whose handler waits is parked there, unless the answer has come: then it goes on at once.
   * Follow-ups of a transition are inserted, as by `insert`, together with it and only if it applies.
   * With `rescue`, all of it happens only if that lease still exists with exactly the expiry that was seen; otherwise
   * every transition is stale and nothing is written.
   */
  settle(batch: SettleBatch): Promise<SettleResult[]>;
  /**
   * Renews leases of a worker until `expiresAt`, those named or else all, and returns the ids of those that still exist.
   * A worker names the ones whose jobs it runs: one that it never heard of, or gave up, must end.
   */
  extend(worker: string, expiresAt: number, leases?: string[]): Promise<string[]>;
  /** Of the worker's running jobs, those whose cancellation was requested. */
  cancelRequests(worker: string): Promise<Run[]>;
  /** Keeps a progress note of a live attempt; false when the attempt is not live. */
  progress(run: Run, note: Json): Promise<boolean>;
  /** Keeps a step of a live attempt for the attempts after it, in place of one of the same name; false when it is not live. */
  saveStep(run: Run, step: Step): Promise<boolean>;
  /** What an attempt of the job has kept under a name; undefined when none has. */
  step(jobId: string, name: string): Promise<Json | undefined>;
  /** Adds log chunks of live attempts (idempotent by attempt and seq) and drops those the cap left out. */
  appendLogs(batches: LogBatch[]): Promise<void>;

  // ── upkeep: idempotent, bounded, safe to run on every node at once ───────────────────────────────────────────
  /** Makes up to `limit` due scheduled jobs available, soonest first; says when the next one is due. */
  promote(now: number, limit: number): Promise<PromoteResult>;
  /**
   * Tells jobs that wait for others of up to `limit` ends: those that need not wait any more become available, or scheduled
   * when it is not their time yet; those for which it is in vain are cancelled. `review` in domain/dependency.ts decides.
   */
  tellChildren(request: TellRequest): Promise<Told>;
  /**
   * Leases that ended by `now`, that belong to one of `workers` (known to be dead), or that are among `leases`, with their
   * running jobs; those that end first come first.
   */
  orphans(request: OrphanRequest): Promise<Orphan[]>;
  /** Workers holding leases whose liveness lock is free at this moment; empty where the backend has no such locks. */
  absentWorkers(): Promise<AbsentWorkers>;
  /** Takes the liveness lock of a worker for as long as the returned object lives; a hint that may be lost silently. */
  holdLiveness(worker: string): Promise<AsyncDisposable>;
  /** Waiting jobs whose deadline has passed. */
  overdue(now: number, limit: number): Promise<Job[]>;
  /**
   * Removes final jobs that are older than their retention, then old events and watchers that have expired: one bounded
   * step of a walk that `cursor` continues.
   */
  prune(request: PruneRequest): Promise<PruneResult>;

  // ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────
  /** Jobs by id, in any order; unknown ids are absent. */
  get(ids: string[]): Promise<Job[]>;
  /** Jobs whose id begins or ends with the text, at most `limit`; looks at a bounded number of recent jobs for suffixes. */
  find(partialId: string, limit: number): Promise<Job[]>;
  /** One page of jobs; see {@linkcode JobQuery} for the order. */
  list(query: JobQuery): Promise<Page<Job>>;
  /** Applies changes to jobs that still are as they were seen. Results are in the order of the amendments. */
  amend(amendments: Amendment[]): Promise<AmendResult[]>;
  /** Attempts of one job, oldest first; the running one included. */
  executions(jobId: string): Promise<Execution[]>;
  /** Attempts of all jobs, those of the newest jobs first. */
  listExecutions(query: { namespace: string; limit: number; cursor?: string }): Promise<Page<Execution>>;
  /** Log chunks of a job after a position, in order. */
  logs(query: LogQuery): Promise<LogChunk[]>;
  /** Namespaces that have queues, by name. */
  namespaces(): Promise<NamespaceRow[]>;
  /** Queues of a namespace by name. */
  queues(namespace: string): Promise<Queue[]>;
  /** Creates a queue or changes its settings; `pausedAt` pauses (a time) or resumes (null). Once a pause is answered, no job of it starts. */
  updateQueue(change: QueueChange): Promise<Queue>;
  /**
   * Takes a queue from the list, with its settings and its pause; gives whether it was there. Jobs that it still has stay as
   * they are. The next job that comes makes it anew; an available one shows it, whenever it came.
   */
  removeQueue(queue: QueueName, at: number): Promise<boolean>;
  /** How many jobs each queue has in each state, counted up to `cap`; completed ones are not counted. */
  counts(namespace: string, cap: number): Promise<QueueCount[]>;
  /** The same by type, in the order of types and states: those that have jobs which are not completed. */
  typeCounts(namespace: string, cap: number): Promise<TypeCount[]>;

  // ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────
  /** The limits of a namespace, by target, name and key. */
  limits(namespace: string): Promise<Limit[]>;
  /** Creates or replaces a limit; those who wait at it are tried again. One of an operator is not replaced by one of code. */
  saveLimit(limit: Limit, at: number): Promise<Limit>;
  /** Removes a limit; those who wait at it are tried again. Gives whether there was one. */
  removeLimit(name: LimitName, at: number): Promise<boolean>;
  /**
   * Lets jobs that were claimed just now pass their limits, or parks them: `blocked`, at the gate that is shut. What runs
   * is counted from the jobs themselves, so nothing is counted that has ended in whatever way. A lease of which no job is
   * left is removed.
   */
  acquire(request: AcquireRequest): Promise<AcquireResult[]>;
  /** {@linkcode Driver.claim} of jobs that wait at limits and may start now; in turns of their keys. */
  claimParked(request: ClaimRequest): Promise<ClaimResult>;
  /** Jobs that had passed limits have ended: those who wait there are tried again. Gives whether anybody waits. */
  release(jobIds: string[], at: number): Promise<boolean>;
  /** Nothing passes a gate before then. */
  coolDown(gate: LimitName, until: number): Promise<void>;

  // ── workers ───────────────────────────────────────────────────────────────────────────────────────────────────
  /** Writes a worker's row. */
  saveWorker(worker: WorkerRow): Promise<void>;
  /** Removes a worker's row. */
  removeWorker(id: string): Promise<void>;
  /** All worker rows; those not seen since `seenAfter` are left out. */
  workers(seenAfter: number): Promise<WorkerRow[]>;

  // ── wake-ups: hints only ──────────────────────────────────────────────────────────────────────────────────────
  /**
   * Calls `onWake` when work may have appeared, from any process if the backend can tell, until disposed. Everything
   * works without it, within the poll interval.
   */
  listen(onWake: (wake: Wake) => void): Promise<Listener>;
}

/** Something that an attempt has got done. */
export interface Step {
  /** Which; the empty name is the checkpoint. */
  name: string;
  /** What came of it. */
  value: Json;
  /** When. */
  at: number;
}

/** What may have happened: jobs became available, a schedule changed, a handler waits, a cancellation was requested, jobs ended that others wait for, events came, or anything. */
export type Wake = "available" | "scheduled" | "parked" | "cancel" | "ended" | "event" | "any";

/** A subscription to wake-ups. */
export interface Listener extends AsyncDisposable {
  /** Whether hints from other processes arrive at present; false means polling alone. */
  readonly live: boolean;
}

/** The answer for one inserted job. */
export interface InsertResult {
  /** The job that now exists: the new one, or the one that was in the way. */
  id: string;
  /**
   * What became of the request: a new job; nothing, since a job with its id or unique key was there; or something that was
   * there gave way to it: the contents of the waiting job `id`, or the job named by `displaced`.
   */
  outcome: InsertOutcome;
  /** Its state at that moment. */
  state: JobState;
  /** The job that lost the unique key to this one, with its state from now on: cancelled, or running until it stops. */
  displaced?: { id: string; state: JobState };
}

/** See {@linkcode InsertResult.outcome}. */
export type InsertOutcome = "created" | "existing" | "replaced";

/** Ends of runs to be written together. */
export interface SettleBatch {
  /** The ends. */
  transitions: Transition[];
  /** Leases to remove with it, when all transitions applied. */
  close: string[];
  /** Only if this lease still exists and ends exactly at this time: nobody else settled or renewed it. */
  rescue?: { leaseId: string; expiresAt: number };
}

/** What became of one transition. */
export type SettleResult =
  /** It is written. */
  | "applied"
  /** The attempt is not the live one any more: nothing was written. */
  | "stale"
  /** Somebody asked to cancel the job: decide again with that in mind. */
  | "cancel_requested";

/** Log chunks of one attempt. */
export interface LogBatch extends Run {
  /** New chunks. */
  chunks: Omit<LogChunk, "attempt">[];
  /** Chunks `from <= seq < to` that the cap leaves out. */
  drop?: { from: number; to: number };
}

/**
 * Which jobs, and in which order. With states, the states are walked in the order given, each in its natural order:
 * available and blocked as they would run, scheduled by start time, running by start of the lease, dead, cancelled and
 * expired by end (latest first), completed by creation (newest first). Without states: newest first.
 * A page looks at a bounded number of rows, so it may hold fewer than `limit` jobs and still have a cursor.
 */
export interface JobQuery {
  /** The tenant. */
  namespace: string;
  /** States, in order. */
  states?: JobState[];
  /** Any of these queues. */
  queues?: string[];
  /** Any of these types. */
  types?: string[];
  /** All of these tags. */
  tags?: string[];
  /** At least one of these tags. */
  anyTags?: string[];
  /** Made by this origin. */
  origin?: string;
  /** Text inside payload or error message, case ignored (ASCII). The payload of a job that redacts anything is not searched. */
  search?: string;
  /** Created before this instant. */
  createdBefore?: number;
  /** Members of this batch; they come by id, so oldest first, whatever their states. */
  batch?: string;
  /** Jobs wanted. */
  limit: number;
  /** Where the previous page stopped. */
  cursor?: string;
}

/** A piece of a list. */
export interface Page<T> {
  /** The items. */
  items: T[];
  /** Where to go on; absent at the end. */
  nextCursor?: string;
}

/** What became of one amendment. */
export type AmendResult =
  /** It is written. */
  | "applied"
  /** The job is gone or not as it was seen: look again. */
  | "stale"
  /** Another job holds its unique key. */
  | "conflict";

/** Which log chunks. */
export interface LogQuery {
  /** The job. */
  jobId: string;
  /** Only after this attempt and chunk. */
  after?: { attempt: number; seq: number };
  /** Chunks wanted. */
  limit: number;
}

/** Which queue. */
export interface QueueName {
  /** The tenant. */
  namespace: string;
  /** The queue. */
  name: string;
}

/** A change to a queue. */
export interface QueueChange extends QueueName {
  /** When. */
  at: number;
  /** New settings, replacing the old ones. */
  settings?: QueueSettings;
  /** Pause since, or null to resume. */
  pausedAt?: number | null;
}

/** Jobs of one queue in one state. */
export interface QueueCount {
  /** The queue. */
  queue: string;
  /** The state. */
  state: Exclude<JobState, "completed">;
  /** How many, at most the cap. */
  count: number;
  /** Whether there may be more. */
  capped: boolean;
}
