import type { Change, Plan } from "./amendment.ts";
import { invalid } from "./errors.ts";
import type { Job } from "./job.ts";
import type { Json } from "./json.ts";
import { isFinal } from "./states.ts";

const NAME_MAX = 256;

/** What a job waits for: an answer from outside, or only for its time to come. */
export type WaitKind = "answer" | "sleep";

/** Something that an attempt of a job waits for, or has waited for; kept for the attempts after it. */
export interface JobWait {
  /** The job. */
  jobId: string;
  /** Its name within the job. */
  name: string;
  /** Whether an answer is wanted. */
  kind: WaitKind;
  /** When it was first heard of: its token was made, the handler asked, or an answer came ahead of that. */
  openedAt: number;
  /** When the handler asked first; null when it has not yet. */
  askedAt: number | null;
  /** When it times out, or the sleep is over; null for never. */
  until: number | null;
  /** When the answer came; null while there is none. */
  answeredAt: number | null;
  /** The key of the answer, made up if none was given: the same answer given again is no conflict. */
  answerKey: string | null;
  /** What was answered; null while there is no answer. */
  value: Json;
  /** When it was over without an answer; null when it is not. */
  timedOutAt: number | null;
}

/** An attempt that asks for a wait. */
export interface WaitOpening {
  /** Its name within the job. */
  name: string;
  /** Whether an answer is wanted. */
  kind: WaitKind;
  /** Now. */
  at: number;
  /** Whether the handler waits from now on; else only its token is wanted. */
  ask: boolean;
  /** When it is over, if this is the first time that the handler asks; null for never. */
  until: number | null;
}

/**
 * Why a job is `blocked`: by other jobs that have not ended, by a limit, by something that its handler waits for, or because
 * it gathers with others in its group.
 */
export type BlockedBy = "jobs" | "limit" | "wait" | "group";

/** Why a job is `blocked`; null when it is not. The only place where that is decided. */
export function blockedBy(
  { state, attempt, waitingFor = null, gathering = false }:
    & Pick<Job, "state" | "attempt">
    & Partial<Pick<Job, "waitingFor" | "gathering">>,
): BlockedBy | null {
  if (state !== "blocked") return null;
  if (gathering) return "group";
  if (waitingFor !== null) return "wait";
  // Jobs wait for others only before their first claim, and at a limit only after one.
  return attempt === 0 ? "jobs" : "limit";
}

/** How a wait stands; a sleep that has lasted its time is `over`. */
export type WaitStatus = "open" | "answered" | "timed_out" | "over";

/** How a wait stands. */
export function waitStatus(wait: JobWait, now: number): WaitStatus {
  if (wait.answeredAt !== null) return "answered";
  if (isOpen(wait, now)) return "open";
  return wait.kind === "sleep" ? "over" : "timed_out";
}

/** Whether an answer can still be given. */
export function isOpen({ answeredAt, timedOutAt, until }: JobWait, now: number): boolean {
  return answeredAt === null && timedOutAt === null && (until === null || until > now);
}

/**
 * A name that is kept with a job, such as that of a step or a wait.
 * @throws {JobdError} `invalid_request`
 */
export function checkKeptName(what: string, name: unknown): string {
  if (typeof name !== "string" || name === "" || name.length > NAME_MAX || !name.isWellFormed()) {
    throw invalid(what, name, `a text of 1 to ${NAME_MAX} characters`);
  }
  return name;
}

/** An answer from outside. */
export interface Answer {
  /** The wait, within the job. */
  name: string;
  /** What is answered. */
  value: Json;
  /** Given again with the same key, it is the same answer. */
  key?: string;
}

/**
 * What an answer means for a job, as it and the wait of that name are now. The only place where that is decided. One that
 * comes before the handler has asked is kept for it.
 */
export function planAnswer(job: Job, wait: JobWait | undefined, answer: Answer, now: number): Plan {
  if (isFinal(job.state)) return { kind: "refused", reason: `it is already ${job.state}` };
  const name = JSON.stringify(answer.name);
  if (wait !== undefined && wait.answeredAt !== null) {
    if (answer.key !== undefined && answer.key === wait.answerKey) return { kind: "done" };
    return { kind: "refused", reason: `${name} was answered already, at ${iso(wait.answeredAt)}` };
  }
  if (wait !== undefined && !isOpen(wait, now)) {
    return wait.kind === "sleep"
      ? { kind: "done" }
      : { kind: "refused", reason: `${name} timed out at ${iso(wait.timedOutAt ?? wait.until ?? now)}` };
  }
  return { kind: "change", change: { kind: "answer", answer } };
}

/** What it means to end a job from outside with a result or an error: only one whose handler waits can be ended so. */
export function planEnd(job: Job, change: Extract<Change, { kind: "complete" | "fail" }>): Plan {
  if (blockedBy(job) === "wait") return { kind: "change", change };
  const why = isFinal(job.state)
    ? `it is already ${job.state}`
    : `it is ${job.state} and waits for no answer`;
  return { kind: "refused", reason: why };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
