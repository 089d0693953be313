import type { FailureRecord, Job, LogChunk } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { JobRequest } from "../../domain/request.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { ScheduleSpec } from "../../domain/schedule.ts";
import type { WaitKind } from "../../domain/wait.ts";
import type { HandlerLimit } from "../handler.ts";
import type { Isolation } from "./isolation.ts";
import type { Thrown } from "./thrown.ts";

/** What a process that serves a module says about one of its definitions. */
export interface Described {
  /** The job type. */
  type: string;
  /** Former names of it. */
  aliases: readonly string[];
  /** Its own timeout. */
  timeoutMs?: number;
  /** Its backoff, when it is a rule. */
  backoff?: Json;
  /** Whether its backoff is a function, which only the process can call. */
  decidesBackoff: boolean;
  /** How many of its jobs may run. */
  limit?: HandlerLimit;
  /** Values that nobody sees. */
  redact?: readonly string[];
  /** Set when it asks for a process of its own. */
  isolation?: Isolation;
}

/** A schedule that a module defines. */
export interface DescribedSchedule {
  /** Its name. */
  name: string;
  /** What it says. */
  spec: ScheduleSpec;
}

/** What a module turned out to hold. */
export interface ModuleContents {
  /** Its definitions that can run jobs. */
  definitions: readonly Described[];
  /** Its schedules. */
  schedules: readonly DescribedSchedule[];
  /** How many exports it has in all. */
  exports: number;
}

/** From the worker to the process. */
export type ToChild =
  /** The first message: how this process marks what it says. */
  | { kind: "hello"; nonce: string }
  /** Run an attempt; the process runs one at a time. */
  | { kind: "run"; job: Job; now: number; deadline: number | null }
  /** The attempt must stop; the reason is a `StopReason`, or what a layer of the worker gave. */
  | { kind: "stop"; reason: string }
  /** The attempt must have ended by then. */
  | { kind: "deadline"; at: number | null }
  /** The answer to a call. */
  | { kind: "answer"; id: number; value?: Json; thrown?: Thrown }
  /** Do the work of this step now. */
  | { kind: "work"; id: number };

/** From the process to the worker. */
export type FromChild =
  /** The module is loaded. */
  | ({ kind: "ready" } & ModuleContents)
  /** The module cannot be loaded. */
  | { kind: "broken"; thrown: Thrown; refused?: FailureRecord }
  /** The handler calls one of the functions of its context. */
  | { kind: "call"; id: number; call: ContextCall }
  /** The work of a step is done, or was thrown out of. */
  | { kind: "worked"; id: number; value?: Json; failed?: true }
  /** A function that gives nothing back. */
  | { kind: "log"; text: string; stream: LogChunk["stream"] }
  | { kind: "progress"; note: Json }
  | { kind: "extend"; ms: number }
  /** All that was printed on stderr before this belongs to the attempt that ends. */
  | { kind: "flushed" }
  /** How the attempt ended; and how much memory the process takes now. */
  | { kind: "end"; end: AttemptEnd; rss: number };

/** Functions of the context that give something back. */
export type ContextCall =
  | { name: "checkpoint"; value?: Json }
  | { name: "step"; step: string }
  | { name: "ask"; kind: WaitKind; wait: string; ms: number | null }
  | { name: "waitToken"; wait: string }
  | { name: "forgetAnswer"; wait: string }
  | { name: "parents" }
  | { name: "enqueue"; request: JobRequest };

/** How an attempt ended in its process. */
export type AttemptEnd =
  | { kind: "returned"; result: Json }
  | { kind: "directive"; outcome: Outcome; backoffMs?: number }
  | { kind: "threw"; thrown: Thrown; backoffMs?: number }
  | { kind: "refused"; error: FailureRecord };
