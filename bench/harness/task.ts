import type { About, SubjectOptions } from "./subject.ts";

/** What a measured process is asked to do, as its only argument (JSON). */
export interface Task {
  /** The store. */
  url: string;
  /** Settings of the queue. */
  options: SubjectOptions;
  /** What to do. */
  measure: Measure;
  /** Jobs that count. */
  jobs?: number;
  /** Jobs enqueued before the clock starts, so that the compiler has seen the code. */
  warm?: number;
  /** Callers that each wait for their own answer. */
  callers?: number;
  /** Jobs at once. */
  concurrency?: number;
  /** What a job does: it waits so long, in milliseconds; 0 is nothing. */
  jobMs?: number;
  /** Pause between two jobs of a latency measurement, in milliseconds: at least this, at most twice this. */
  pauseMs?: number;
  /** Jobs kept waiting by `soak`. */
  depth?: number;
}

/**
 * `single`, `bulk`: enqueue. `fill`: the same, unmeasured. `drain`: fill, then run. `stretch`: fill, then run until `jobs` after
 * the `warm` first ones, and leave the rest. `latency`: enqueue one, wait for its start. `send`, `receive`: the same in two processes.
 * `work`: run what others enqueued. `soak`: enqueue and run without end.
 */
export type Measure =
  | "single"
  | "bulk"
  | "fill"
  | "drain"
  | "stretch"
  | "latency"
  | "send"
  | "receive"
  | "work"
  | "soak";

/** What a measured process says, one JSON object a line. It begins when told `go`, and ends when told `stop`. */
export type Report =
  | { kind: "ready"; about: About }
  /** Jobs run so far, and when the last one was, epoch milliseconds. */
  | { kind: "count"; count: number; at: number }
  | { kind: "done"; figures: Figures };

/** Figures by name: `rate` in jobs a second; `p50`, `p99`, `max` in milliseconds; `count`; `at` in epoch milliseconds. */
export type Figures = Record<string, number>;
