/**
 * The life of a job:
 *
 * ```text
 *            enqueue                 promote             claim
 *   (new) ───────────▶ scheduled ───────────▶ available ───────▶ running ──▶ completed
 *              │           ▲                     ▲                  │
 *              │           │   retry, snooze     │  release         ├──▶ dead
 *              │           └─────────────────────┼──────────────────┤
 *              ├──▶ blocked ─────────────────────┘                  ├──▶ cancelled, expired
 *              │       ▲                                            │
 *              │       └────────────────────────────────────────────┘ limit, wait
 *              └──────────────────────────────▶ available
 * ```
 *
 * Waiting jobs may also become `cancelled` or `expired`, and `dead` when an operator archives them; a final job becomes
 * `available` again only when an operator retries it.
 */
export const JOB_STATES = [
  "scheduled",
  "blocked",
  "available",
  "running",
  "completed",
  "dead",
  "cancelled",
  "expired",
] as const;

/** Where a job is in its life. */
export type JobState = (typeof JOB_STATES)[number];

/** States in which a job waits for its turn; each has one dispatch row that whoever moves the job must own. */
export const WAITING_STATES = ["scheduled", "blocked", "available"] as const satisfies readonly JobState[];
/** States from which a job does not move by itself. */
export const FINAL_STATES = [
  "completed",
  "dead",
  "cancelled",
  "expired",
] as const satisfies readonly JobState[];

/** A state that a job does not leave by itself. */
export type FinalState = (typeof FINAL_STATES)[number];
/** A state in which a job waits. */
export type WaitingState = (typeof WAITING_STATES)[number];

const MOVES: Record<JobState, readonly JobState[]> = {
  scheduled: ["available", "cancelled", "expired", "dead", "scheduled"],
  blocked: ["available", "scheduled", "completed", "cancelled", "expired", "dead"],
  available: ["running", "blocked", "cancelled", "expired", "dead", "available", "scheduled"],
  running: ["completed", "dead", "cancelled", "expired", "scheduled", "available", "blocked"],
  completed: ["available"],
  dead: ["available"],
  cancelled: ["available"],
  expired: ["available"],
};

/** Whether a job may go from one state to another. */
export function canMove(from: JobState, to: JobState): boolean {
  return MOVES[from].includes(to);
}

/** Whether the state is final. */
export function isFinal(state: JobState): state is FinalState {
  return (FINAL_STATES as readonly JobState[]).includes(state);
}

/** Whether the job waits for its turn. */
export function isWaiting(state: JobState): state is WaitingState {
  return (WAITING_STATES as readonly JobState[]).includes(state);
}
