import type { BatchCounts, BatchState } from "./batch.ts";
import { invalid } from "./errors.ts";
import type { JobState } from "./states.ts";

/** What may happen to a job. */
export const JOB_EVENTS = [
  "job.enqueued",
  "job.started",
  "job.blocked",
  "job.progress",
  "job.completed",
  "job.retrying",
  "job.snoozed",
  "job.parked",
  "job.resumed",
  "job.released",
  "job.rescued",
  "job.requeued",
  "job.dead",
  "job.cancelled",
  "job.expired",
  "job.deleted",
] as const;
/** What may happen to a queue. */
export const QUEUE_EVENTS = ["queue.updated", "queue.paused", "queue.resumed", "queue.deleted"] as const;
/** What may happen to a schedule. */
export const SCHEDULE_EVENTS = [
  "schedule.tick",
  "schedule.skipped",
  "schedule.missed",
  "schedule.failed",
  "schedule.created",
  "schedule.updated",
  "schedule.paused",
  "schedule.resumed",
  "schedule.deleted",
] as const;
/** What may happen to a batch; `batch.dead`: the first of its members is dead. */
export const BATCH_EVENTS = [
  "batch.created",
  "batch.sealed",
  "batch.dead",
  "batch.completed",
  "batch.failed",
  "batch.cancelled",
  "batch.reopened",
] as const;
/** After these a batch does not go on, unless a member is retried. */
export const BATCH_ENDINGS = [
  "batch.completed",
  "batch.failed",
  "batch.cancelled",
] as const satisfies readonly BatchEventKind[];
/** After these a job does not go on by itself. */
export const ENDINGS = [
  "job.completed",
  "job.dead",
  "job.cancelled",
  "job.expired",
  "job.deleted",
] as const satisfies readonly JobEventKind[];

/** One of {@linkcode JOB_EVENTS}. */
export type JobEventKind = (typeof JOB_EVENTS)[number];
/** One of {@linkcode QUEUE_EVENTS}. */
export type QueueEventKind = (typeof QUEUE_EVENTS)[number];
/** One of {@linkcode SCHEDULE_EVENTS}. */
export type ScheduleEventKind = (typeof SCHEDULE_EVENTS)[number];
/** One of {@linkcode BATCH_EVENTS}. */
export type BatchEventKind = (typeof BATCH_EVENTS)[number];
/** The kind of an event. */
export type EventKind = JobEventKind | QueueEventKind | ScheduleEventKind | BatchEventKind;
/** A kind, or several: all about jobs, all about queues, all about schedules, all about batches, all. */
export type EventPattern = EventKind | "job.*" | "queue.*" | "schedule.*" | "batch.*" | "*";
/** The kinds that a pattern stands for. */
export type KindOf<P extends EventPattern> = P extends "*" ? EventKind
  : P extends "job.*" ? JobEventKind
  : P extends "queue.*" ? QueueEventKind
  : P extends "schedule.*" ? ScheduleEventKind
  : P extends "batch.*" ? BatchEventKind
  : P & EventKind;

const ALL: readonly EventKind[] = [...JOB_EVENTS, ...QUEUE_EVENTS, ...SCHEDULE_EVENTS, ...BATCH_EVENTS];
/** Everything that may stand for kinds. */
export const EVENT_PATTERNS: readonly EventPattern[] = [
  ...ALL,
  "job.*",
  "queue.*",
  "schedule.*",
  "batch.*",
  "*",
];

/** Something that happened to a job. It holds no payload and no result: look at the job for them. */
export interface JobEvent<K extends JobEventKind = JobEventKind> {
  /** Its place among all events of the store: later ones have higher numbers. Go on after it with `after`. */
  id: number;
  /** What happened. */
  kind: K;
  /** When, by the store's clock, epoch milliseconds. */
  at: number;
  /** The tenant. */
  namespace: string;
  /** The job's queue. */
  queue: string;
  /** The job. */
  jobId: string;
  /** Its type. */
  type: string;
  /** Who made it, if that was said. */
  origin?: string;
  /** Its claims so far. */
  attempt: number;
  /** Its state from then on; of a job that was deleted, the last one. */
  state: JobState;
  /** Why it did not succeed: the code, and the first line of the message. */
  error?: { code: string; message: string };
  /** When it runs (again), epoch milliseconds, if it waits for a time. */
  runAt?: number;
  /** The worker that started it. */
  worker?: string;
  /** What its handler waits for, by name. */
  waitingFor?: string;
}

/** Something that happened to a queue. */
export interface QueueEvent<K extends QueueEventKind = QueueEventKind> {
  /** Its place among all events of the store: later ones have higher numbers. Go on after it with `after`. */
  id: number;
  /** What happened. */
  kind: K;
  /** When, by the store's clock, epoch milliseconds. */
  at: number;
  /** The tenant. */
  namespace: string;
  /** The queue. */
  queue: string;
}

/** Something that happened to a schedule. */
export interface ScheduleEvent<K extends ScheduleEventKind = ScheduleEventKind> {
  /** Its place among all events of the store: later ones have higher numbers. Go on after it with `after`. */
  id: number;
  /** What happened. */
  kind: K;
  /** When, by the store's clock, epoch milliseconds. */
  at: number;
  /** The tenant. */
  namespace: string;
  /** The schedule. */
  schedule: string;
  /** The tick, epoch milliseconds; of several that were missed the first. */
  tick?: number;
  /** Of several ticks that were missed the last one. */
  until?: number;
  /** Of several ticks how many. */
  count?: number;
  /** The job of the tick. */
  startedJob?: string;
  /** Why, where that is not plain. */
  reason?: string;
  /** A tick that was asked for by hand. */
  manual?: "run" | "backfill";
}

/** Something that happened to a batch: how it stands from then on. */
export interface BatchEvent<K extends BatchEventKind = BatchEventKind> {
  /** Its place among all events of the store: later ones have higher numbers. Go on after it with `after`. */
  id: number;
  /** What happened. */
  kind: K;
  /** When, by the store's clock, epoch milliseconds. */
  at: number;
  /** The tenant. */
  namespace: string;
  /** The batch. */
  batch: string;
  /** Its type. */
  batchType: string;
  /** Who made it, if that was said. */
  batchOrigin?: string;
  /** Its state. */
  batchState: BatchState;
  /** Its members. */
  counts: BatchCounts;
}

/** The events of some kinds. */
export type EventOf<K extends EventKind> = K extends JobEventKind ? JobEvent<K>
  : K extends QueueEventKind ? QueueEvent<K>
  : K extends ScheduleEventKind ? ScheduleEvent<K>
  : K extends BatchEventKind ? BatchEvent<K>
  : never;
/** Any event. */
export type JobdEvent = EventOf<EventKind>;
/** An event that has no place yet. */
export type NewEvent =
  | Omit<JobEvent, "id">
  | Omit<QueueEvent, "id">
  | Omit<ScheduleEvent, "id">
  | Omit<BatchEvent, "id">;

/** Which events somebody wants; what is not said does not matter. */
export interface Interest {
  /** Of this tenant. */
  namespace: string;
  /** Of these kinds. */
  kinds: readonly EventKind[];
  /** Of these queues. */
  queues?: readonly string[];
  /** Of jobs of these types. */
  types?: readonly string[];
  /** Of these jobs. */
  jobs?: readonly string[];
  /** Of these schedules. */
  schedules?: readonly string[];
  /** Of these batches. */
  batches?: readonly string[];
}

/** Whether somebody wants an event. Events of queues are of no type and of no job, those of schedules and batches of no queue. */
export function wants(interest: Interest, event: NewEvent): boolean {
  const { namespace, kinds, queues, types, jobs, schedules, batches } = interest;
  const job = "jobId" in event ? event : undefined;
  return event.namespace === namespace && kinds.includes(event.kind) &&
    (queues === undefined || ("queue" in event && queues.includes(event.queue))) &&
    (schedules === undefined || ("schedule" in event && schedules.includes(event.schedule))) &&
    (batches === undefined || ("batch" in event && batches.includes(event.batch))) &&
    (types === undefined || (job !== undefined && types.includes(job.type))) &&
    (jobs === undefined || (job !== undefined && jobs.includes(job.jobId)));
}

/**
 * The kinds that patterns stand for.
 * @throws {JobdError} `invalid_request` for a text that is no pattern, or for none at all
 */
export function kindsOf(patterns: readonly EventPattern[]): EventKind[] {
  if (patterns.length === 0) {
    throw invalid("kind of event", patterns, `one or more of ${EVENT_PATTERNS.join(", ")}`);
  }
  const unknown = patterns.find((pattern) => !EVENT_PATTERNS.includes(pattern));
  if (unknown !== undefined) throw invalid("kind of event", unknown, `one of ${EVENT_PATTERNS.join(", ")}`);
  return ALL.filter((kind) =>
    patterns.some((pattern) =>
      pattern === kind || (pattern.endsWith("*") && kind.startsWith(pattern.slice(0, -1)))
    )
  );
}
