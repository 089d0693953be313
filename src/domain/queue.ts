import { type Backoff, JITTERS } from "./backoff.ts";
import { MAX_DURATION_MS } from "./duration.ts";
import { invalid } from "./errors.ts";
import { PRIORITY_MAX, PRIORITY_MIN } from "./priority.ts";
import { FINAL_STATES, type FinalState } from "./states.ts";

/** Settings of a queue; what is absent comes from the program's defaults. */
export interface QueueSettings {
  /** Priority of jobs that name none; a change holds for jobs enqueued after it. */
  priority?: number;
  /** Attempts of jobs that name none. */
  maxAttempts?: number;
  /** Backoff of jobs that name none. */
  backoff?: Backoff;
  /** Timeout of jobs that name none, in milliseconds. */
  timeoutMs?: number;
  /** Time from enqueue to `expired` of jobs that name none, in milliseconds; a change holds for jobs enqueued after it. */
  ttlMs?: number;
  /** How long final jobs are kept, in milliseconds. */
  retentionMs?: Partial<Retention>;
  /**
   * A waiting job counts for one priority more each time that it has waited for so long, in milliseconds: however many jobs
   * of higher priorities come, it has its turn. Absent: priorities stay as they are.
   */
  ageingMs?: number;
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

type Check = (what: string, value: unknown) => void;

const whole = (min: number, max: number): Check => (what, value) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(what, value, `an integer from ${min} to ${max}`);
  }
};

/** An object with these fields and no others; each may be left out. */
const fields = (checks: Record<string, Check>): Check => (what, value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(what, value, "an object");
  }
  for (const [key, item] of Object.entries(value)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) throw invalid(`field of ${what}`, key, Object.keys(checks).join(", "));
    if (item !== undefined) check(`${what} ${key}`, item);
  }
};

const SETTINGS: Record<keyof QueueSettings, Check> = {
  priority: whole(PRIORITY_MIN, PRIORITY_MAX),
  maxAttempts: whole(1, 1_000),
  timeoutMs: whole(1, MAX_DURATION_MS),
  ttlMs: whole(1, MAX_DURATION_MS),
  ageingMs: whole(1, MAX_DURATION_MS),
  retentionMs: fields(Object.fromEntries(FINAL_STATES.map((state) => [state, whole(0, MAX_DURATION_MS)]))),
  backoff(what, value) {
    const ms = whole(0, MAX_DURATION_MS);
    fields({ baseMs: ms, maxMs: ms, jitter: () => {} })(what, value);
    const { baseMs, maxMs, jitter } = value as Partial<Backoff>;
    if (jitter === undefined || !JITTERS.includes(jitter)) {
      throw invalid(`${what} jitter`, jitter, `one of ${JITTERS.join(", ")}`);
    }
    if (baseMs === undefined || maxMs === undefined || baseMs > maxMs) {
      throw invalid(`${what} baseMs`, baseMs, `a number up to maxMs (${maxMs})`);
    }
  },
};

/** Checks settings of a queue. @throws {JobdError} `invalid_request` naming the field, its value and what is allowed */
export function checkQueueSettings(settings: QueueSettings): QueueSettings {
  fields(SETTINGS)("queue settings", settings);
  return settings;
}
