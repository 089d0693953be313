import type { Job, JobOptions } from "./job.ts";
import { joinedPaths } from "./redaction.ts";
import type { JobState } from "./states.ts";
import { blockedBy } from "./wait.ts";

/**
 * What is new about a waiting job; what is absent stays. With `runAt` it waits until then, or is available if that is not
 * after the change. One that gets another queue or priority is the last to arrive there.
 */
export type Replacement =
  & Partial<Pick<Job, "queue" | "payload" | "priority" | "maxAttempts" | "runAt" | "expireAt">>
  & { options?: OptionsPatch };

/** New values of options; null takes one away. */
export type OptionsPatch = { -readonly [K in keyof JobOptions]?: JobOptions[K] | null };

/**
 * The options of a changed job. What is redacted belongs to a payload: while that stays paths are only added, so that nobody
 * takes one away to see what is there.
 */
export function patchedOptions(
  options: JobOptions,
  { payload, options: patch = {} }: Replacement,
): JobOptions {
  const redact = payload === undefined && patch.redact !== undefined
    ? { redact: joinedPaths(options.redact, patch.redact ?? []) ?? null }
    : {};
  const entries = Object.entries({ ...options, ...patch, ...redact }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as JobOptions;
}

/** How a job was seen. */
type Seen = Pick<Job, "state" | "attempt"> & { waitingFor?: string | null };

/**
 * The state of a waiting job after a replacement: another start time moves it, and one that waits at a limit must pass its
 * limits again when what decides about that has changed. Else it stays, as one does that gathers, or waits for other jobs or an
 * answer.
 */
export function stateAfter(
  seen: Seen,
  { runAt, priority, queue, options }: Replacement,
  at: number,
): JobState {
  const { state } = seen;
  if (["jobs", "wait", "group"].includes(blockedBy(seen) ?? "")) return state;
  if (runAt !== undefined) return runAt > at ? "scheduled" : "available";
  const { limitKey, limitWeight } = options ?? {};
  const passes = [queue, priority, limitKey, limitWeight].some((value) => value !== undefined);
  return state === "blocked" && passes ? "available" : state;
}

/** Whether a job may be somewhere else afterwards: those who look for work should look anew. */
export function mayMove({ runAt, priority, queue, options }: Replacement): boolean {
  return [runAt, priority, queue, options?.limitKey, options?.limitWeight].some((value) =>
    value !== undefined
  );
}

/** Whether a job leaves its place among those that wait. */
export function moves(seen: Seen, set: Replacement, at: number): boolean {
  const to = stateAfter(seen, set, at);
  if (to === "blocked") return false;
  if (to !== seen.state) return true;
  return to === "scheduled" ? set.runAt !== undefined : (set.queue ?? set.priority) !== undefined;
}
