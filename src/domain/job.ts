import type { AgentOrigin } from "./agent.ts";
import type { Backoff } from "./backoff.ts";
import type { BatchReport } from "./batch.ts";
import type { Dependency } from "./dependency.ts";
import type { Encryption } from "./encryption.ts";
import type { Gathering } from "./group.ts";
import type { Headers } from "./headers.ts";
import type { Json } from "./json.ts";
import type { JobState } from "./states.ts";
import type { Uniqueness } from "./unique.ts";

/** Why an attempt did not succeed, kept with the job and its executions. */
export interface FailureRecord {
  /** What kind of failure: `"error"`, `"timeout"`, `"worker_lost"`, or a handler's own word. */
  code: string;
  /** One line for people. */
  message: string;
  /** The stack, when there is one. */
  stack?: string;
  /** The messages underneath, outermost first. */
  causes?: string[];
  /** What the handler wants to keep about it. */
  data?: Json;
  /** When the process died with the handler (`"process_died"`): how often in a row it has by now. */
  deaths?: number;
  /** The delay that followed, in milliseconds, when the job was retried. */
  retryInMs?: number;
}

/** Settings of one job that no index needs. */
export interface JobOptions {
  /** Longest run of one attempt, in milliseconds; without it the handler's or the program's default holds. */
  timeoutMs?: number;
  /** Delay after failures; without it the queue's or the program's default holds. */
  backoff?: Backoff;
  /** How long the job is kept after its end, in milliseconds; without it the queue's or the program's default holds. */
  retentionMs?: number;
  /** Time from enqueue to `expired`, in milliseconds. */
  ttlMs?: number;
  /** At most one unfinished job of a type has it. */
  uniqueKey?: string;
  /** What limits by key tell it apart by. */
  limitKey?: string;
  /** How much it counts in rates; 1 without it. */
  limitWeight?: number;
  /** What else makes the job unique; never together with `uniqueKey`. */
  unique?: Uniqueness;
  /** What it waits for before it may start. */
  after?: Dependency;
  /** The batch of which it is a member. */
  batch?: string;
  /** It is a callback of a batch: how that one stood. */
  callback?: BatchReport;
  /** What it is gathered by, to be handled together with others. */
  group?: Gathering;
  /** Who made the job; for filtering and tracing. */
  origin?: string;
  /** Labels for filtering. */
  tags?: string[];
  /** Free data beside the payload. */
  meta?: { [key: string]: Json };
  /** The schedule that made it, and for which tick; `watched` when the schedule waits for its end. */
  schedule?: { name: string; tick: number; watched?: true };
  /** What travels with the job, such as the trace it belongs to; names are in lower case. */
  headers?: Headers;
  /** Set when payload, result and steps are stored encrypted. */
  encrypted?: Encryption;
  /** Paths in payload and result whose values nobody sees. */
  redact?: string[];
  /** The agent that it comes from, when a program that people let act for them asked for it. */
  agent?: AgentOrigin;
}

/** A job as it is stored. Instants are epoch milliseconds by the store's clock. */
export interface Job<Payload = Json> {
  /** A UUID of version 7. */
  id: string;
  /** The tenant it belongs to. */
  namespace: string;
  /** The lane it waits in. */
  queue: string;
  /** Which handler runs it. */
  type: string;
  /** Higher runs first. */
  priority: number;
  /** Where it is in its life. */
  state: JobState;
  /** What the handler gets. */
  payload: Payload;
  /** Claims so far: the fence. Grows with each start, never goes down. */
  attempt: number;
  /** Failed and lost runs since it was enqueued or retried by hand; compared with `maxAttempts`. */
  failures: number;
  /** Graceful hand-backs since then. */
  releases: number;
  /** At this many failures the job is dead. */
  maxAttempts: number;
  /** When it was enqueued. */
  createdAt: number;
  /** The earliest start. */
  runAt: number;
  /** Start of the latest attempt. */
  startedAt: number | null;
  /** When it reached its final state. */
  finishedAt: number | null;
  /** When it expires unless it is finished. */
  expireAt: number | null;
  /** When somebody asked to cancel the running attempt. */
  cancelRequestedAt: number | null;
  /** The worker of the latest attempt. */
  worker: string | null;
  /** The lease of the running attempt. */
  leaseId: string | null;
  /** The name of what its handler waits for, while the job is `blocked` by that; else null. */
  waitingFor: string | null;
  /** Whether it is `blocked` because it waits in its group for others, or for the time of the group. */
  gathering: boolean;
  /** The rest of its settings. */
  options: JobOptions;
  /** The latest progress note of its handler. */
  progress: Json;
  /** What its handler returned. */
  result: Json;
  /** Its latest failure. */
  error: FailureRecord | null;
  /** Why payload and result cannot be read here, if they are encrypted and cannot; then `"[encrypted]"` stands for them. */
  sealed?: string;
}

/** A job to be inserted: complete, validated, with its id. */
export type NewJob = Pick<
  Job,
  | "id"
  | "namespace"
  | "queue"
  | "type"
  | "priority"
  | "payload"
  | "maxAttempts"
  | "createdAt"
  | "runAt"
  | "expireAt"
  | "options"
>;

/** One attempt as history. */
export interface Execution {
  /** The job. */
  jobId: string;
  /** Which claim. */
  attempt: number;
  /** Who ran it. */
  worker: string | null;
  /** When it was claimed. */
  startedAt: number;
  /** When it ended; null while it runs. */
  finishedAt: number | null;
  /** How it ended; `running` while it runs. */
  outcome: ExecutionOutcome;
  /** Why, unless it succeeded; of a snooze the reason it was given, if any. */
  error: FailureRecord | null;
}

/** How an attempt may end. */
export const EXECUTION_OUTCOMES = [
  "running",
  "completed",
  "failed",
  "snoozed",
  "parked",
  "released",
  "lost",
  "cancelled",
  "expired",
] as const;
/** How an attempt ended. */
export type ExecutionOutcome = (typeof EXECUTION_OUTCOMES)[number];

/** A piece of what a job printed or noted. */
export interface LogChunk {
  /** Which attempt. */
  attempt: number;
  /** Order inside the attempt, from 0. */
  seq: number;
  /** When it was written. */
  at: number;
  /** Where it came from: the program's pipes, or jobd itself. */
  stream: "stdout" | "stderr" | "system";
  /** Characters of this attempt's log before it, those left out by the cap included. */
  offset: number;
  /** The text. */
  text: string;
}
