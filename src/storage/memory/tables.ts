import type { GateState } from "../../domain/admission.ts";
import type { Batch, MemberEnd, MemberNote } from "../../domain/batch.ts";
import { latestExecution } from "../../domain/execution.ts";
import type { JobdEvent } from "../../domain/event.ts";
import type { ParentEnd } from "../../domain/dependency.ts";
import type { Execution, Job, LogChunk } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Limit } from "../../domain/limit.ts";
import type { Queue } from "../../domain/queue.ts";
import { type FinalState, isFinal } from "../../domain/states.ts";
import type { Schedule, TickRecord } from "../../domain/schedule.ts";
import type { JobWait } from "../../domain/wait.ts";
import { keepsLock, type Lockable, uniqueLock } from "../../domain/unique.ts";
import type { Token } from "../../domain/token.ts";
import type { WatcherRow, WorkerRow } from "../driver.ts";
import { SortedList } from "./sorted_list.ts";
import { isGroupScope } from "../group_store.ts";

/** The row of a queue, with its part of the dispatch index. */
export interface QueueRow extends Queue {
  /** Its number, in order of creation. */
  id: number;
  /** Its available jobs: higher priority first, then in order of arrival. */
  ready: SortedList<JobRow>;
  /** Whether it was removed; it stays, because jobs may have it. */
  removed: boolean;
}

/** The row of a job: the job itself and its place in `ready` while it is there. */
export interface JobRow extends Job {
  seq: number;
  /** Its place at a gate while it is there. */
  parked?: { scope: string; turn: number };
  /** The group that it belongs to. */
  groupId?: number;
}

/** The row of a group. */
export interface GroupRecord {
  id: number;
  namespace: string;
  queue: string;
  type: string;
  key: string;
  open: boolean;
  size: number;
  joined: number;
  openedAt: number;
  dueAt: number | null;
  leaderId: string | null;
}

/** Where a job waits. */
export type WaitingPlace = Pick<Job, "state" | "queue" | "priority" | "runAt">;

/** The row of a lease: which worker runs which jobs until when. */
export interface LeaseRow {
  id: number;
  worker: string;
  expiresAt: number;
  jobs: string[];
}

/** The same tables as in the migrations, and the moves between them that every operation is made of. */
export class Tables {
  /** By namespace and name. */
  readonly queues = new Map<string, QueueRow>();
  /** By id. */
  readonly jobs = new Map<string, JobRow>();
  /** By the text of the unique lock: the job that holds it. */
  readonly locks = new Map<string, string>();
  /** Jobs that wait for a time, soonest first. */
  readonly scheduled = new SortedList<JobRow>((a, b) => a.runAt - b.runAt || compareText(a.id, b.id));
  /** By id. */
  readonly leases = new Map<number, LeaseRow>();
  /** By job: attempts that ended without ending their job. The latest attempt is recorded by the job row itself. */
  readonly executions = new Map<string, Execution[]>();
  /** Limits by the names of their gates. */
  readonly limits = new Map<string, Limit>();
  /** How gates stand, by name; what runs and who waits is counted from the jobs. */
  readonly gates = new Map<string, GateState>();
  /** By gate: those who wait there. */
  readonly parked = new Map<string, SortedList<JobRow>>();
  /** By gate: the attempts that have passed it, by job. */
  readonly holds = new Map<string, Map<string, number>>();
  /** By job: those that wait for its end, and whether it has failed, so that it matters again only if it is retried. */
  readonly children = new Map<string, Map<string, boolean>>();
  /** Ends of jobs that others wait for, which those have not been told of. */
  readonly ended: ParentEnd[] = [];
  /** By id; their counts are without the notes. */
  readonly batches = new Map<string, Batch>();
  /** What has become of members of batches and is not counted yet. */
  readonly batchNotes: MemberNote[] = [];
  /** By id. */
  readonly groups = new Map<number, GroupRecord>();
  /** By job. */
  readonly steps = new Map<string, Map<string, Json>>();
  /** By job: what its handler waits for, or has waited for, by name. */
  readonly waits = new Map<string, Map<string, JobWait>>();
  /** Waits at which jobs were parked, until they are over. */
  readonly dueWaits = new Set<JobWait>();
  /** By job, in order. */
  readonly logs = new Map<string, LogChunk[]>();
  /** By id. */
  readonly workers = new Map<string, WorkerRow>();
  /** By id. */
  readonly watchers = new Map<string, WatcherRow>();
  /** By namespace and name. */
  readonly schedules = new Map<string, Schedule>();
  /** By id. */
  readonly tokens = new Map<string, Token>();
  /** By schedule, oldest first. */
  readonly ticks = new Map<string, TickRecord[]>();
  /** In order. */
  events: JobdEvent[] = [];
  #lastSeq = 0;
  #lastLease = 0;
  #lastGroup = 0;

  /** The queue, created when it is unknown. */
  queue(namespace: string, name: string, at: number): QueueRow {
    const key = `${namespace}\n${name}`;
    const known = this.queues.get(key);
    if (known !== undefined) return known;
    const ready = new SortedList(compareDispatch);
    const queue = {
      id: this.queues.size + 1,
      namespace,
      name,
      pausedAt: null,
      createdAt: at,
      settings: {},
      ready,
      removed: false,
    };
    this.queues.set(key, queue);
    return queue;
  }

  /** The queue, created when it is unknown or removed. */
  openQueue(namespace: string, name: string, at: number): QueueRow {
    const queue = this.queue(namespace, name, at);
    if (queue.removed) Object.assign(queue, { removed: false, createdAt: at });
    return queue;
  }

  /** The queues that people see; an available job shows one, whenever it came. */
  get listed(): QueueRow[] {
    return [...this.queues.values()].filter(({ removed, ready }) => !removed || ready.first !== undefined);
  }

  /** The queue of a job. */
  queueOf(job: Job): QueueRow {
    return this.queue(job.namespace, job.queue, job.createdAt);
  }

  /** Opens a lease over jobs. */
  openLease(worker: string, expiresAt: number, jobs: string[]): LeaseRow {
    const lease = { id: ++this.#lastLease, worker, expiresAt, jobs };
    this.leases.set(lease.id, lease);
    return lease;
  }

  /** A new group, of which nothing is there yet. */
  openGroup(group: Omit<GroupRecord, "id">): GroupRecord {
    const made = { ...group, id: ++this.#lastGroup };
    this.groups.set(made.id, made);
    return made;
  }

  /** The jobs of a lease that still run under it, in the order in which they were claimed. */
  openJobs(lease: LeaseRow): JobRow[] {
    return lease.jobs.flatMap((id) => this.jobs.get(id) ?? []).filter((job) =>
      job.leaseId === String(lease.id)
    );
  }

  /** The job, if this attempt of it is the live one. */
  live(id: string, attempt: number): JobRow | undefined {
    const job = this.jobs.get(id);
    return job?.state === "running" && job.attempt === attempt ? job : undefined;
  }

  /** The job becomes available, as the last of its priority: this is when it arrives. */
  makeAvailable(job: JobRow): void {
    this.#leave(job);
    job.state = "available";
    job.seq = ++this.#lastSeq;
    this.queueOf(job).ready.add(job);
  }

  /** The job waits for a time. */
  makeScheduled(job: JobRow, runAt: number): void {
    this.#leave(job);
    job.state = "scheduled";
    job.runAt = runAt;
    this.scheduled.add(job);
  }

  /** A waiting job gets another place: the last of its queue and priority, or a time. */
  move(job: JobRow, { state, ...to }: WaitingPlace): void {
    this.#leave(job);
    job.state = "blocked";
    Object.assign(job, to);
    if (state === "scheduled") this.makeScheduled(job, to.runAt);
    else this.makeAvailable(job);
  }

  /** What is new about where a job waits, without its being moved. */
  stay(job: JobRow, { queue, priority, runAt }: WaitingPlace): void {
    const { parked } = job;
    if (parked !== undefined) this.#leave(job);
    Object.assign(job, { queue, priority, runAt });
    if (parked !== undefined) this.makeBlocked(job, parked.scope, parked.turn);
  }

  /** The job starts under a lease. */
  makeRunning(job: JobRow, lease: LeaseRow, at: number): void {
    this.#leave(job);
    job.state = "running";
    job.attempt += 1;
    job.startedAt = at;
    job.worker = lease.worker;
    job.leaseId = String(lease.id);
  }

  /** The job waits at a gate. */
  makeBlocked(job: JobRow, scope: string, turn: number): void {
    this.#leave(job);
    job.state = "blocked";
    job.parked = { scope, turn };
    const list = this.parked.get(scope) ?? new SortedList<JobRow>(compareParked);
    this.parked.set(scope, list);
    list.add(job);
  }

  /** The job ends and gives up what only unfinished jobs have: unique lock (most of them), deadline, request to cancel. */
  makeFinal(job: JobRow, state: FinalState, at: number): void {
    this.#leave(job);
    if (!keepsLock(job.options)) this.releaseLock(job);
    job.state = state;
    job.finishedAt = at;
    job.expireAt = null;
    job.cancelRequestedAt = null;
    this.#noteEnd(job.id, state === "completed");
    this.#noteMember(job, state, 1);
  }

  /** A final job goes on: what it has left is forgotten. */
  unfinish(job: JobRow): void {
    this.#noteMember(job, job.state as FinalState, -1);
    job.finishedAt = null;
  }

  /** The job is no more, nor is anything that belongs to it. */
  remove(job: JobRow): void {
    if (!isFinal(job.state)) {
      this.#noteEnd(job.id, false);
      this.#noteMember(job, "deleted", 1);
    }
    this.#leave(job);
    this.releaseLock(job);
    this.jobs.delete(job.id);
    this.executions.delete(job.id);
    this.steps.delete(job.id);
    for (const wait of this.waits.get(job.id)?.values() ?? []) this.dueWaits.delete(wait);
    this.waits.delete(job.id);
    this.logs.delete(job.id);
  }

  /** The job that has the unique lock of this one, whether its state still gives it the key or not. */
  lockHolder(job: Lockable): JobRow | undefined {
    const lock = uniqueLock(job);
    return lock === null ? undefined : this.jobs.get(this.locks.get(lock) ?? "");
  }

  /** Takes the unique lock, which must be free. */
  takeLock(job: JobRow): void {
    const lock = uniqueLock(job);
    if (lock !== null) this.locks.set(lock, job.id);
  }

  /** Notes an attempt that did not end its job, or whose job goes on after all. */
  noteExecution(execution: Execution): void {
    this.executions.set(execution.jobId, [...this.executions.get(execution.jobId) ?? [], execution]);
  }

  /** The attempts of a job, oldest first: those that are noted, then the one that the job row records. */
  executionsOf(job: JobRow): Execution[] {
    const noted = this.executions.get(job.id) ?? [];
    const latest = latestExecution(job);
    return latest === null || noted.at(-1)?.attempt === latest.attempt ? noted : [...noted, latest];
  }

  /** Gives up the unique lock, if it has it. */
  releaseLock(job: JobRow): void {
    const lock = uniqueLock(job);
    if (lock !== null && this.locks.get(lock) === job.id) this.locks.delete(lock);
  }

  /** A job waits for another one. */
  awaits(parent: string, child: string, held: boolean): void {
    this.children.set(parent, this.children.get(parent) ?? new Map());
    this.children.get(parent)?.set(child, held);
  }

  /** A job does not wait for others any more. */
  forgetChild(id: string): void {
    for (const parent of this.jobs.get(id)?.options.after?.jobs ?? []) this.children.get(parent)?.delete(id);
  }

  #noteEnd(id: string, completed: boolean): void {
    if (this.children.has(id)) this.ended.push({ id, completed });
  }

  #noteMember({ options: { batch } }: JobRow, state: MemberEnd, delta: 1 | -1): void {
    if (batch !== undefined) this.batchNotes.push({ batchId: batch, state, delta });
  }

  /** Removes the dispatch row of a waiting job, or the tie of a running one to its lease. */
  #leave(job: JobRow): void {
    if (job.state === "scheduled") this.scheduled.delete(job);
    if (job.state === "available") this.queueOf(job).ready.delete(job);
    if (job.parked !== undefined) this.parked.get(job.parked.scope)?.delete(job);
    delete job.parked;
    job.leaseId = null;
  }
}

/** Order by code units, as `order by ... collate "C"` of a database. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of dispatch: higher priority first, then arrival. */
export function compareDispatch(a: JobRow, b: JobRow): number {
  return b.priority - a.priority || a.seq - b.seq;
}

/** The order at a gate: higher priority first, then in turns. */
function compareParked(a: JobRow, b: JobRow): number {
  return b.priority - a.priority || (a.parked?.turn ?? 0) - (b.parked?.turn ?? 0) || compareText(a.id, b.id);
}

/** A job as it is handed out: a copy that the caller may change. */
export function toJob(row: JobRow): Job {
  const { seq: _, parked, groupId: __, ...job } = row;
  const waitingFor = row.state === "blocked" ? row.waitingFor : null;
  return { ...copy(job), waitingFor, gathering: isGroupScope(parked?.scope) };
}

/** A copy as a database would give it back: JSON and nothing else. */
export function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
