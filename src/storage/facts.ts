import type { Json } from "../domain/json.ts";
import type { JobState } from "../domain/states.ts";

/** A running worker, as others see it. */
export interface WorkerRow {
  /** Unique for each start of a worker. */
  id: string;
  /** The tenant it works for. */
  namespace: string;
  /** Where it runs: host, process and how to recognise that process. */
  process: { [key: string]: Json };
  /** Queues, or all. */
  queues: string[] | "all";
  /** Types, or all. */
  types: string[] | "all";
  /** Slots. */
  concurrency: number;
  /** Jobs it runs. */
  running: number;
  /** When it started. */
  startedAt: number;
  /** Its last sign of life. */
  seenAt: number;
}

/** A namespace, as its queues tell of it. */
export interface NamespaceRow {
  /** Its name. */
  name: string;
  /** How many queues it has. */
  queues: number;
  /** When its first queue was made, epoch milliseconds. */
  createdAt: number;
}

/** How many jobs of a type are in a state. */
export interface TypeCount {
  /** The type. */
  type: string;
  /** The state. */
  state: Exclude<JobState, "completed">;
  /** How many, at most the cap. */
  count: number;
  /** Whether there may be more. */
  capped: boolean;
}

/** A kind of check that {@linkcode Driver.inspect} made. */
export interface StoreFact {
  /** What was looked at. */
  name: string;
  /** What was found. */
  value: string;
  /** Whether that is as it should be. */
  level: "ok" | "warning" | "error";
  /** What to do about it. */
  hint?: string;
}
