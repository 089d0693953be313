import type { FailureRecord } from "./job.ts";
import type { Json } from "./json.ts";

/** How one attempt ended, before it is decided what follows. */
export type Outcome =
  /** The handler returned. */
  | { kind: "completed"; result: Json }
  /**
   * The handler threw, timed out or said so; `permanent` ends the job, `transient` costs none of its attempts, `retryInMs`
   * overrides the backoff.
   */
  | { kind: "failed"; error: FailureRecord; permanent?: boolean; transient?: boolean; retryInMs?: number }
  /** The process that ran it ended before the handler did: it crashed, ran out of memory or was killed. */
  | { kind: "died"; error: FailureRecord }
  /**
   * Run again later; not a failure. The reason is kept with the attempt. With `coolDown` nothing else of the job's limit key
   * (or of its type, without a key) starts before that time either.
   */
  | { kind: "snoozed"; delayMs: number; until?: undefined; reason?: string; coolDown?: boolean }
  | { kind: "snoozed"; delayMs?: undefined; until: number; reason?: string; coolDown?: boolean }
  /** The handler waits for something from outside, or for a time: see {@linkcode JobWait}. Not a failure. */
  | { kind: "parked"; wait: string }
  /** Handed back unfinished by a worker that stops. */
  | { kind: "released" }
  /** Its worker is gone, or lost its lease. */
  | { kind: "lost"; message: string }
  /** Stopped because somebody asked for it. */
  | { kind: "cancelled"; reason?: string }
  /** Its deadline passed. */
  | { kind: "expired" };
