import type { Amendment } from "../../domain/amendment.ts";
import type { Batch } from "../../domain/batch.ts";
import type { JobdEvent, NewEvent } from "../../domain/event.ts";
import type { Execution, Job, LogChunk } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Limit, LimitName } from "../../domain/limit.ts";
import type { Queue } from "../../domain/queue.ts";
import type { Schedule, TickRecord } from "../../domain/schedule.ts";
import type { Run } from "../../domain/transition.ts";
import type { JobWait, WaitOpening } from "../../domain/wait.ts";
import { isUuid } from "../../domain/uuid.ts";
import type {
  AcquireRequest,
  AcquireResult,
  AmendResult,
  BatchChange,
  BatchQuery,
  BatchStateCount,
  ClaimRequest,
  ClaimResult,
  DueQuery,
  DueSchedules,
  EndedWaits,
  EventSpan,
  Gathered,
  GatherRequest,
  GroupJobsQuery,
  GroupQuery,
  GroupRow,
  JobQuery,
  LogBatch,
  LogQuery,
  NamespaceRow,
  Orphan,
  OrphanRequest,
  Page,
  PruneRequest,
  PruneResult,
  QueueChange,
  QueueCount,
  QueueName,
  Ripened,
  ScheduleName,
  ScheduleQuery,
  ScheduleSave,
  Step,
  TellRequest,
  Told,
  ToldBatches,
  TypeCount,
  WatcherRow,
  WorkerRow,
} from "../driver.ts";
import { acquire } from "./acquire.ts";
import { amend } from "./amend.ts";
import { changeBatch } from "./batches.ts";
import { batchCounts, batches } from "./list_batches.ts";
import { counts } from "./counts.ts";
import { eventsAfter, eventSpan, publish } from "./events.ts";
import { executions, listExecutions } from "./executions.ts";
import { find, get } from "./find.ts";
import { coolDown, release } from "./gates.ts";
import { gather } from "./gather.ts";
import { flushGroups, groupJobs, groups, nextGroupAt, ripen } from "./groups.ts";
import { limits, removeLimit, saveLimit } from "./limits.ts";
import { list } from "./list.ts";
import { appendLogs, logs } from "./logs.ts";
import { claimParked } from "./parked.ts";
import { prune } from "./prune.ts";
import { namespaces, queues, updateQueue } from "./queues.ts";
import { removeQueue } from "./removed_queues.ts";
import { dueSchedules, removeSchedule, saveSchedule, schedules, ticks } from "./schedules.ts";
import { StatOperations } from "./stat_operations.ts";
import { typeCounts } from "./type_counts.ts";
import { someEnded, tellChildren } from "./tell_children.ts";
import { someNoted } from "./tell_batches.ts";
import { saveStep, step } from "./steps.ts";
import { cancelRequests, orphans, overdue, progress } from "./upkeep.ts";
import { endWaits, forgetWait, nextWaitDue, openWait, secret, waits } from "./waits.ts";
import { removeWatcher, saveWatcher, watchers } from "./watchers.ts";
import { removeWorker, saveWorker, workers } from "./workers.ts";

/** The operations of {@linkcode Driver} that both SQL backends share; each of them says only how a script is run. */
export abstract class SqlOperations extends StatOperations {
  /** Wakes whoever waits for something like that, in all processes if the backend can. */
  protected abstract ring(wake: "any" | "ended" | "scheduled"): void;
  /** {@linkcode BatchStore.tellBatches} when there is something to tell. */
  protected abstract countBatches(request: TellRequest): Promise<ToldBatches>;

  // ── the life of a job ─────────────────────────────────────────────────────────────────────────────────────────
  cancelRequests(worker: string): Promise<Run[]> {
    return this.read((d) => cancelRequests(d, worker));
  }

  progress(run: Run, note: Json): Promise<boolean> {
    return this.changeAtOnce((d) => progress(d, run, note));
  }

  saveStep(run: Run, step: Step): Promise<boolean> {
    return this.changeAtOnce((d) => saveStep(d, run, step));
  }

  async step(jobId: string, name: string): Promise<Json | undefined> {
    return isUuid(jobId) ? await this.read((d) => step(d, jobId, name)) : undefined;
  }

  // ── waits ─────────────────────────────────────────────────────────────────────────────────────────────────────

  openWait(run: Run, opening: WaitOpening): Promise<JobWait | undefined> {
    return this.changeAtOnce((d) => openWait(d, run, opening));
  }

  forgetWait(run: Run, name: string): Promise<boolean> {
    return this.changeAtOnce((d) => forgetWait(d, run, name));
  }

  async waits(jobId: string): Promise<JobWait[]> {
    return isUuid(jobId) ? await this.read((d) => waits(d, jobId)) : [];
  }

  async endWaits(now: number, limit: number): Promise<EndedWaits> {
    // Most of the time there is nothing, and that costs one statement.
    const nextDueAt = await this.read(nextWaitDue);
    if (nextDueAt === null || nextDueAt > now) return { released: [], nextDueAt };
    const ended = await this.change((d) => endWaits(d, now, limit));
    if (ended.released.length > 0) this.ring("any");
    return ended;
  }

  secret(): Promise<string> {
    return this.read((d) => secret(d));
  }

  appendLogs(batches: LogBatch[]): Promise<void> {
    return this.change((d) => appendLogs(d, batches));
  }

  // ── upkeep ────────────────────────────────────────────────────────────────────────────────────────────────────

  orphans(request: OrphanRequest): Promise<Orphan[]> {
    return this.read((d) => orphans(d, request));
  }

  async tellChildren(request: TellRequest): Promise<Told> {
    // Most of the time there is nothing, and that costs one statement.
    if (!await this.read(someEnded)) return { released: [], cancelled: [], more: false };
    const told = await this.change((d) => tellChildren(d, request));
    if (told.released.length > 0) this.ring("any");
    if (told.cancelled.length > 0) this.ring("ended");
    return told;
  }

  async tellBatches(request: TellRequest): Promise<ToldBatches> {
    if (!await this.read(someNoted)) return { turns: [], callbacks: [], more: false };
    return await this.countBatches(request);
  }

  overdue(now: number, limit: number): Promise<Job[]> {
    return this.read((d) => overdue(d, now, limit));
  }

  prune(request: PruneRequest): Promise<PruneResult> {
    return this.change((d) => prune(d, request));
  }

  // ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────

  get(ids: string[]): Promise<Job[]> {
    return this.read((d) => get(d, ids.filter(isUuid)));
  }

  find(partialId: string, limit: number): Promise<Job[]> {
    return this.read((d) => find(d, partialId, limit));
  }

  list(query: JobQuery): Promise<Page<Job>> {
    return this.read((d) => list(d, query));
  }

  amend(amendments: Amendment[]): Promise<AmendResult[]> {
    return this.change((d) => amend(d, amendments));
  }

  async executions(jobId: string): Promise<Execution[]> {
    return isUuid(jobId) ? await this.read((d) => executions(d, jobId)) : [];
  }

  listExecutions(query: { namespace: string; limit: number; cursor?: string }): Promise<Page<Execution>> {
    return this.read((d) => listExecutions(d, query));
  }

  async logs(query: LogQuery): Promise<LogChunk[]> {
    return isUuid(query.jobId) ? await this.read((d) => logs(d, query)) : [];
  }

  namespaces(): Promise<NamespaceRow[]> {
    return this.read((d) => namespaces(d));
  }

  queues(namespace: string): Promise<Queue[]> {
    return this.read((d) => queues(d, namespace));
  }

  updateQueue(change: QueueChange): Promise<Queue> {
    return this.change((d) => updateQueue(d, change));
  }

  removeQueue(queue: QueueName, at: number): Promise<boolean> {
    return this.change((d) => removeQueue(d, queue, at));
  }

  counts(namespace: string, cap: number): Promise<QueueCount[]> {
    return this.read((d) => counts(d, namespace, cap));
  }

  typeCounts(namespace: string, cap: number): Promise<TypeCount[]> {
    return this.read((d) => typeCounts(d, namespace, cap));
  }

  // ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────

  limits(namespace: string): Promise<Limit[]> {
    return this.read((d) => limits(d, namespace));
  }

  async saveLimit(limit: Limit, at: number): Promise<Limit> {
    const saved = await this.change((d) => saveLimit(d, limit, at));
    this.ring("any");
    return saved;
  }

  async removeLimit(name: LimitName, at: number): Promise<boolean> {
    const removed = await this.change((d) => removeLimit(d, name, at));
    this.ring("any");
    return removed;
  }

  acquire(request: AcquireRequest): Promise<AcquireResult[]> {
    return this.change((d) => acquire(d, request));
  }

  claimParked(request: ClaimRequest): Promise<ClaimResult> {
    return this.change((d) => claimParked(d, request));
  }

  async release(jobIds: string[], at: number): Promise<boolean> {
    const waiting = await this.change((d) => release(d, jobIds, at));
    if (waiting) this.ring("any");
    return waiting;
  }

  coolDown(gate: LimitName, until: number): Promise<void> {
    return this.change((d) => coolDown(d, gate, until));
  }

  // ── groups ────────────────────────────────────────────────────────────────────────────────────────────────────

  async ripen(now: number, limit: number): Promise<Ripened> {
    // Most of the time none is due, and that costs one statement.
    const next = await this.read(nextGroupAt);
    if (next === null || next > now) return { ripened: 0, nextDueAt: next };
    const result = await this.change((d) => ripen(d, now, limit));
    if (result.ripened > 0) this.ring("any");
    return result;
  }

  async gather(request: GatherRequest): Promise<Gathered[]> {
    const gathered = await this.change((d) => gather(d, request));
    // Those who run one by one have become available.
    if (request.apart.length > 0) this.ring("any");
    return gathered;
  }

  groups(query: GroupQuery): Promise<GroupRow[]> {
    return this.read((d) => groups(d, query));
  }

  groupJobs(query: GroupJobsQuery): Promise<Job[]> {
    return this.read((d) => groupJobs(d, query));
  }

  async flushGroups(query: Omit<GroupJobsQuery, "limit">, now: number): Promise<number> {
    const flushed = await this.change((d) => flushGroups(d, query, now));
    if (flushed > 0) this.ring("scheduled");
    return flushed;
  }

  // ── schedules ─────────────────────────────────────────────────────────────────────────────────────────────────

  async saveSchedule(save: ScheduleSave): Promise<boolean> {
    const saved = await this.change((d) => saveSchedule(d, save));
    if (saved) this.ring("any");
    return saved;
  }

  removeSchedule(name: ScheduleName): Promise<boolean> {
    return this.change((d) => removeSchedule(d, name));
  }

  schedules(query: ScheduleQuery): Promise<Schedule[]> {
    return this.read((d) => schedules(d, query));
  }

  dueSchedules(query: DueQuery): Promise<DueSchedules> {
    return this.read((d) => dueSchedules(d, query));
  }

  ticks(query: { scheduleId: string; before?: number; limit: number }): Promise<TickRecord[]> {
    return this.read((d) => ticks(d, query));
  }

  // ── batches ───────────────────────────────────────────────────────────────────────────────────────────────────

  batches(query: BatchQuery): Promise<Page<Batch>> {
    return this.read((d) => batches(d, query));
  }

  batchCounts(namespace: string, cap: number): Promise<BatchStateCount[]> {
    return this.read((d) => batchCounts(d, namespace, cap));
  }

  async changeBatch(change: BatchChange): Promise<Batch | undefined> {
    const batch = await this.change((d) => changeBatch(d, change));
    this.ring("ended");
    return batch;
  }

  // ── workers and statistics ────────────────────────────────────────────────────────────────────────────────────

  saveWorker(worker: WorkerRow): Promise<void> {
    return this.changeAtOnce((d) => saveWorker(d, worker));
  }

  removeWorker(id: string): Promise<void> {
    return this.changeAtOnce((d) => removeWorker(d, id));
  }

  workers(seenAfter: number): Promise<WorkerRow[]> {
    return this.read((d) => workers(d, seenAfter));
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────────────────────

  publish(events: NewEvent[]): Promise<void> {
    return this.changeAtOnce((d) => publish(d, events));
  }

  eventSpan(): Promise<EventSpan> {
    return this.read((d) => eventSpan(d));
  }

  eventsAfter(id: number, limit: number): Promise<JobdEvent[]> {
    return this.read((d) => eventsAfter(d, id, limit));
  }

  /** Who reads {@linkcode watchers} here knows of it at once; a backend that remembers them says for how long it may not. */
  async saveWatcher(watcher: WatcherRow): Promise<number> {
    await this.changeAtOnce((d) => saveWatcher(d, watcher));
    return 0;
  }

  removeWatcher(id: string): Promise<void> {
    return this.changeAtOnce((d) => removeWatcher(d, id));
  }

  watchers(): Promise<WatcherRow[]> {
    return this.read((d) => watchers(d));
  }
}
