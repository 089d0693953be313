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
  "job.released",
  "job.rescued",
  "job.requeued",
  "job.dead",
  "job.cancelled",
  "job.expired",
  "job.deleted",
] as const;
/** What may happen to a queue. */
export const QUEUE_EVENTS = ["queue.updated", "queue.paused", "queue.resumed"] as const;
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
/** The kind of an event. */
export type EventKind = JobEventKind | QueueEventKind;
/** A kind, or several: all about jobs, all about queues, all. */
export type EventPattern = EventKind | "job.*" | "queue.*" | "*";
/** The kinds that a pattern stands for. */
export type KindOf<P extends EventPattern> = P extends "*" ? EventKind
  : P extends "job.*" ? JobEventKind
  : P extends "queue.*" ? QueueEventKind
  : P & EventKind;

const ALL: readonly EventKind[] = [...JOB_EVENTS, ...QUEUE_EVENTS];
/** Everything that may stand for kinds. */
export const EVENT_PATTERNS: readonly EventPattern[] = [...ALL, "job.*", "queue.*", "*"];

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

/** The events of some kinds. */
export type EventOf<K extends EventKind> = K extends JobEventKind ? JobEvent<K>
  : K extends QueueEventKind ? QueueEvent<K>
  : never;
/** Any event. */
export type JobdEvent = EventOf<EventKind>;
/** An event that has no place yet. */
export type NewEvent = Omit<JobEvent, "id"> | Omit<QueueEvent, "id">;

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
}

/** Whether somebody wants an event. Events of queues are of no type and of no job. */
export function wants({ namespace, kinds, queues, types, jobs }: Interest, event: NewEvent): boolean {
  const job = "jobId" in event ? event : undefined;
  return event.namespace === namespace && kinds.includes(event.kind) &&
    (queues?.includes(event.queue) ?? true) &&
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
