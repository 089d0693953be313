import { type Amendment, mayRelocate, maySetOff } from "../../domain/amendment.ts";
import { JobdError } from "../../domain/errors.ts";
import type { Execution, Job, LogChunk, NewJob } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Queue } from "../../domain/queue.ts";
import type { JobState } from "../../domain/states.ts";
import type { Run } from "../../domain/transition.ts";
import type {
  AbsentWorkers,
  AmendResult,
  ClaimRequest,
  ClaimResult,
  Driver,
  InsertResult,
  JobQuery,
  LogBatch,
  LogQuery,
  MigrationStatus,
  NamespaceRow,
  Orphan,
  OrphanRequest,
  Page,
  PromoteResult,
  PruneRequest,
  PruneResult,
  QueueChange,
  QueueCount,
  QueueName,
  SettleBatch,
  SettleResult,
  Step,
  StoreFact,
  TellRequest,
  Told,
  TypeCount,
  WorkerRow,
} from "../driver.ts";
import { mayRegather } from "../sql/join_groups.ts";
import { followUpsOf } from "../follow_ups.ts";
import { system } from "../system.ts";
import { noTransactions } from "../transaction.ts";
import { amendJob } from "./amend.ts";
import { tellChildren } from "./dependencies.ts";
import { pruneEvents } from "./events.ts";
import { appendLog, claimJobs, insertJobs, settleRuns } from "./life.ts";
import { countJobs, countTypes, findJobs, listAttempts, listJobs } from "./list.ts";
import { pruneBatches } from "./batches.ts";
import { compareText, copy, type QueueRow, toJob } from "./tables.ts";
import { findOrphans, findOverdue, promoteDue, pruneStep } from "./upkeep.ts";
import { MemoryWaits } from "./wait_operations.ts";

/** Options of {@linkcode MemoryDriver}. */
export interface MemoryDriverOptions {
  /** The store's time, epoch milliseconds. @default the system's */
  now?: () => number;
}

/**
 * The store in plain Maps: the executable specification that the other backends are compared with, and the fast store
 * for tests. Nothing survives the process. Every operation runs to its end before the next one begins.
 */
export class MemoryDriver extends MemoryWaits implements Driver {
  readonly backend = "memory";
  readonly location = "memory";
  readonly #now: () => number;

  constructor(options: MemoryDriverOptions = {}) {
    super();
    this.#now = options.now ?? system.now;
  }

  migrate(): Promise<MigrationStatus> {
    return this.run(() => ({ applied: [], pending: [] }));
  }

  ready(): Promise<number> {
    return this.time();
  }

  time(): Promise<number> {
    return this.run(() => this.#now());
  }

  inspect(): Promise<StoreFact[]> {
    return this.run(() => [{
      name: "durability",
      value: "jobs live in the memory of this process",
      level: "warning",
      hint: "Use a sqlite: or postgres: store for jobs that must survive it.",
    }]);
  }

  backup(): Promise<void> {
    return this.run(() => {
      throw new JobdError("invalid_request", "A store in memory cannot be backed up", {
        hint: "Use a sqlite: store with a path.",
      });
    });
  }

  /** At once: nothing waits here. */
  close(): Promise<void> {
    this.shut();
    return Promise.resolve();
  }

  insert(jobs: NewJob[]): Promise<InsertResult[]> {
    return this.run(() => {
      // Copied first: a job that is not JSON must fail before any is stored.
      const results = insertJobs(this.tables, copy(jobs));
      const created = results.filter((result) => result.outcome !== "existing");
      for (const state of ["available", "scheduled"] as const) {
        if (created.some((result) => result.state === state)) this.wake(state);
      }
      if (results.some(({ displaced }) => displaced?.state === "running")) this.wake("cancel");
      if (jobs.some(({ options }) => options.group !== undefined)) this.wake("scheduled");
      this.#wakeEnded();
      return results;
    });
  }

  insertWithin(): Promise<InsertResult[]> {
    return this.run(() => {
      throw noTransactions("memory");
    });
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.run(() => claimJobs(this.tables, request));
  }

  settle(batch: SettleBatch): Promise<SettleResult[]> {
    return this.run(() => {
      const results = settleRuns(this.tables, batch);
      const applied = batch.transitions.filter((_, index) => results[index] === "applied");
      const inserted = insertJobs(this.tables, copy(followUpsOf(batch.transitions, results)));
      if (mayRegather(applied)) this.wake("scheduled");
      const states = new Set<JobState>([
        ...applied.map(({ to }) => to),
        ...inserted.map(({ state }) => state),
      ]);
      for (const state of ["available", "scheduled"] as const) if (states.has(state)) this.wake(state);
      if (states.has("blocked")) this.#wakeParked();
      if (inserted.some(({ displaced }) => displaced?.state === "running")) this.wake("cancel");
      this.#wakeEnded();
      return results;
    });
  }

  extend(worker: string, expiresAt: number, named?: string[]): Promise<string[]> {
    return this.run(() => {
      const leases = [...this.tables.leases.values()].filter((lease) =>
        lease.worker === worker && (named?.includes(String(lease.id)) ?? true)
      );
      for (const lease of leases) lease.expiresAt = expiresAt;
      return leases.map((lease) => String(lease.id));
    });
  }

  cancelRequests(worker: string): Promise<Run[]> {
    return this.run(() =>
      [...this.tables.jobs.values()]
        .filter((job) => job.state === "running" && job.worker === worker && job.cancelRequestedAt !== null)
        .map(({ id, attempt }) => ({ id, attempt }))
    );
  }

  progress(run: Run, note: Json): Promise<boolean> {
    return this.run(() => {
      const job = this.tables.live(run.id, run.attempt);
      if (job !== undefined) job.progress = copy(note);
      return job !== undefined;
    });
  }

  saveStep(run: Run, { name, value }: Step): Promise<boolean> {
    return this.run(() => {
      const { steps } = this.tables;
      if (this.tables.live(run.id, run.attempt) === undefined) return false;
      steps.set(run.id, new Map([...steps.get(run.id) ?? [], [name, copy(value)]]));
      return true;
    });
  }

  step(jobId: string, name: string): Promise<Json | undefined> {
    return this.run(() => {
      const value = this.tables.steps.get(jobId)?.get(name);
      return value === undefined ? undefined : copy(value);
    });
  }

  appendLogs(batches: LogBatch[]): Promise<void> {
    return this.run(() => batches.forEach((batch) => appendLog(this.tables, batch)));
  }

  promote(now: number, limit: number): Promise<PromoteResult> {
    return this.run(() => {
      const result = promoteDue(this.tables, now, limit);
      if (result.promoted > 0) this.wake("available");
      return result;
    });
  }

  tellChildren(request: TellRequest): Promise<Told> {
    return this.run(() => {
      const told = tellChildren(this.tables, request);
      if (told.released.length > 0) this.wake("any");
      if (told.cancelled.length > 0) this.wake("ended");
      return told;
    });
  }

  orphans(request: OrphanRequest): Promise<Orphan[]> {
    return this.run(() => findOrphans(this.tables, request));
  }

  absentWorkers(): Promise<AbsentWorkers> {
    return this.run(() => ({ epoch: "", workers: [] }));
  }

  holdLiveness(): Promise<AsyncDisposable> {
    return this.run(() => ({ [Symbol.asyncDispose]: () => Promise.resolve() }));
  }

  overdue(now: number, limit: number): Promise<Job[]> {
    return this.run(() => findOverdue(this.tables, now, limit));
  }

  prune(request: PruneRequest): Promise<PruneResult> {
    return this.run(() => {
      pruneEvents(this.tables, request);
      const step = pruneStep(this.tables, request);
      if (step.cursor === undefined) pruneBatches(this.tables, request);
      return step;
    });
  }

  get(ids: string[]): Promise<Job[]> {
    return this.run(() => [...new Set(ids)].flatMap((id) => this.tables.jobs.get(id) ?? []).map(toJob));
  }

  find(partialId: string, limit: number): Promise<Job[]> {
    return this.run(() => findJobs(this.tables, partialId, limit));
  }

  list(query: JobQuery): Promise<Page<Job>> {
    return this.run(() => listJobs(this.tables, query));
  }

  amend(amendments: Amendment[]): Promise<AmendResult[]> {
    return this.run(() => {
      const results = amendments.map((amendment) => amendJob(this.tables, amendment));
      const applied = amendments.filter((_, index) => results[index] === "applied");
      if (applied.some(({ change }) => maySetOff(change))) this.wake("available");
      if (applied.some(({ change }) => mayRelocate(change))) this.wake("any");
      if (applied.some(({ change }) => change.kind === "requestCancel")) this.wake("cancel");
      this.#wakeEnded();
      return results;
    });
  }

  executions(jobId: string): Promise<Execution[]> {
    return this.run(() => {
      const job = this.tables.jobs.get(jobId);
      return job === undefined ? [] : copy(this.tables.executionsOf(job));
    });
  }

  listExecutions(query: { namespace: string; limit: number; cursor?: string }): Promise<Page<Execution>> {
    return this.run(() => listAttempts(this.tables, query));
  }

  logs(query: LogQuery): Promise<LogChunk[]> {
    const { jobId, after = { attempt: 0, seq: -1 }, limit } = query;
    return this.run(() =>
      copy(this.tables.logs.get(jobId) ?? [])
        .filter(({ attempt, seq }) =>
          attempt > after.attempt || (attempt === after.attempt && seq > after.seq)
        )
        .slice(0, limit)
    );
  }

  namespaces(): Promise<NamespaceRow[]> {
    return this.run(() => {
      const groups = Map.groupBy(this.tables.listed, ({ namespace }) => namespace);
      return [...groups].map(([name, queues]): NamespaceRow => ({
        name,
        queues: queues.length,
        createdAt: Math.min(...queues.map(({ createdAt }) => createdAt)),
      })).sort((a, b) => compareText(a.name, b.name));
    });
  }

  queues(namespace: string): Promise<Queue[]> {
    return this.run(() =>
      this.tables.listed
        .filter((queue) => queue.namespace === namespace)
        .sort((a, b) => compareText(a.name, b.name))
        .map(toQueue)
    );
  }

  updateQueue(change: QueueChange): Promise<Queue> {
    return this.run(() => {
      const queue = this.tables.openQueue(change.namespace, change.name, change.at);
      if (change.settings !== undefined) queue.settings = copy(change.settings);
      if (change.pausedAt !== undefined) queue.pausedAt = change.pausedAt;
      if (change.pausedAt === null) this.wake("available");
      return toQueue(queue);
    });
  }

  removeQueue({ namespace, name }: QueueName): Promise<boolean> {
    return this.run(() => {
      const queue = this.tables.listed.find((one) => one.namespace === namespace && one.name === name);
      if (queue !== undefined) Object.assign(queue, { removed: true, pausedAt: null, settings: {} });
      return queue !== undefined;
    });
  }

  counts(namespace: string, cap: number): Promise<QueueCount[]> {
    return this.run(() => countJobs(this.tables, namespace, cap));
  }

  typeCounts(namespace: string, cap: number): Promise<TypeCount[]> {
    return this.run(() => countTypes(this.tables, namespace, cap));
  }

  saveWorker(worker: WorkerRow): Promise<void> {
    return this.run(() => void this.tables.workers.set(worker.id, copy(worker)));
  }

  removeWorker(id: string): Promise<void> {
    return this.run(() => void this.tables.workers.delete(id));
  }

  /** A job that was to be parked may have had its answer. */
  #wakeParked(): void {
    this.wake("parked");
    this.wake("any");
  }

  /** Those who wait for jobs that have ended are to be told. */
  #wakeEnded(): void {
    if (this.tables.ended.length + this.tables.batchNotes.length > 0) this.wake("ended");
  }

  workers(seenAfter: number): Promise<WorkerRow[]> {
    return this.run(() =>
      copy([...this.tables.workers.values()].filter((worker) => worker.seenAt >= seenAfter))
    );
  }
}

function toQueue({ id: _, ready: __, removed: ___, ...queue }: QueueRow): Queue {
  return copy(queue);
}
