import type { Backoff } from "./backoff.ts";
import type { FinalState } from "./states.ts";

/** Settings of a queue; what is absent comes from the program's defaults. */
export interface QueueSettings {
  /** Attempts of jobs that name none. */
  maxAttempts?: number;
  /** Backoff of jobs that name none. */
  backoff?: Backoff;
  /** Timeout of jobs that name none, in milliseconds. */
  timeoutMs?: number;
  /** How long final jobs are kept, in milliseconds. */
  retentionMs?: Partial<Retention>;
}

/** A lane of jobs. */
export interface Queue {
  /** The tenant it belongs to. */
  namespace: string;
  /** Its name inside the namespace. */
  name: string;
  /** Since when nothing is claimed from it; null when it is not paused. */
  pausedAt: number | null;
  /** When it was first used. */
  createdAt: number;
  /** Its settings. */
  settings: QueueSettings;
}

/** How long jobs are kept after their end, in milliseconds, by final state. */
export type Retention = Record<FinalState, number>;

const DAY = 86_400_000;
/** Retention of queues and jobs that say nothing: a week for what went as wished, a month and more for what did not. */
export const DEFAULT_RETENTION: Readonly<Retention> = {
  completed: 7 * DAY,
  cancelled: 7 * DAY,
  expired: 30 * DAY,
  dead: 90 * DAY,
};
