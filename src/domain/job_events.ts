import { type Amendment, ARCHIVED } from "./amendment.ts";
import type { JobEvent, JobEventKind, NewEvent } from "./event.ts";
import type { FailureRecord, Job, NewJob } from "./job.ts";
import type { JobState } from "./states.ts";
import { stateAfter } from "./replacement.ts";
import { blockedBy } from "./wait.ts";
import { originOf, type Transition } from "./transition.ts";

/** Characters of an error message in an event at most. */
const LINE_MAX = 200;

type NewJobEvent = Omit<JobEvent, "id">;

/** The job exists, in this state. */
export function enqueuedEvent(job: NewJob, state: JobState): NewEvent {
  const { id, namespace, queue, type, createdAt, runAt } = job;
  return {
    kind: "job.enqueued",
    at: createdAt,
    namespace,
    queue,
    jobId: id,
    type,
    ...originOf(job),
    attempt: 0,
    state,
    ...(state === "scheduled" ? { runAt } : {}),
  };
}

/** An attempt begins: the job as it was claimed. */
export function startedEvent(job: Job, at: number): NewEvent {
  return { ...about(job, "job.started", at), ...(job.worker === null ? {} : { worker: job.worker }) };
}

/** A job that was claimed waits at a limit; no handler has seen it. */
export function blockedEvent(job: Job, at: number): NewEvent {
  return { ...about(job, "job.blocked", at), state: "blocked" };
}

/** A job that has been cancelled: as it is now. */
export function cancelledEvent(job: Job): NewEvent {
  const { error, finishedAt, createdAt } = job;
  return {
    ...about(job, "job.cancelled", finishedAt ?? createdAt),
    ...(error === null ? {} : { error: brief(error) }),
  };
}

/** A job whose handler waited goes on: it has its answer, or the time is over. */
export function resumedEvent(job: Job, at: number): NewEvent {
  return { ...about(job, "job.resumed", at), state: job.runAt > at ? "scheduled" : "available" };
}

/** An attempt has said how far it is. */
export function progressEvent(job: Job, at: number): NewEvent {
  return about(job, "job.progress", at);
}

/** An attempt has ended; `rescued` when not by its own worker. */
export function endedEvent(transition: Transition, rescued: boolean): NewEvent {
  const { id, namespace, queue, type, origin, attempt, at, to, error } = transition;
  return {
    kind: kindOf(transition, rescued),
    at,
    namespace,
    queue,
    jobId: id,
    type,
    ...(origin === undefined ? {} : { origin }),
    attempt,
    state: to,
    ...(error === null ? {} : { error: brief(error) }),
    ...(to === "scheduled" ? { runAt: transition.runAt } : {}),
    ...(to === "blocked" ? { waitingFor: transition.wait } : {}),
  };
}

/** A job was changed from outside: the job as it was; undefined when that is nothing to be told. */
export function amendedEvent(job: Job, { change, at }: Amendment): NewEvent | undefined {
  switch (change.kind) {
    case "cancel":
      return {
        ...about(job, "job.cancelled", at),
        state: "cancelled",
        error: brief({ code: "cancelled", message: change.reason }),
      };
    case "expire":
      return { ...about(job, "job.expired", at), state: "expired" };
    case "archive":
      return { ...about(job, "job.dead", at), state: "dead", error: brief(ARCHIVED) };
    case "complete":
      return { ...about(job, "job.completed", at), state: "completed" };
    case "fail":
      return { ...about(job, "job.dead", at), state: "dead", error: brief(change.error) };
    case "answer":
      // One that comes before the handler waits for it changes nothing yet.
      return blockedBy(job) === "wait" && job.waitingFor === change.answer.name
        ? resumedEvent(job, at)
        : undefined;
    case "makeAvailable":
      return { ...about(job, "job.requeued", at), state: "available" };
    case "reviveWith": {
      const { queue = job.queue } = change.set;
      const state = stateAfter({ state: "available", attempt: job.attempt }, change.set, at);
      return { ...about({ ...job, queue }, "job.requeued", at), state };
    }
    case "delete":
      return about(job, "job.deleted", at);
    case "replace":
    case "rekey":
    case "releaseKey":
      return undefined;
    case "requestCancel":
      // Its end is told when the attempt has stopped.
      return undefined;
  }
}

function kindOf({ to, outcome }: Transition, rescued: boolean): JobEventKind {
  if (to === "available") return "job.released";
  if (to === "blocked") return "job.parked";
  if (to !== "scheduled") return `job.${to}`;
  if (outcome === "snoozed") return "job.snoozed";
  return rescued ? "job.rescued" : "job.retrying";
}

function about(job: Job, kind: JobEventKind, at: number): NewJobEvent {
  const { id: jobId, namespace, queue, type, attempt, state } = job;
  return { kind, at, namespace, queue, jobId, type, ...originOf(job), attempt, state };
}

/** The first line, cut to size. */
function brief({ code, message }: FailureRecord): { code: string; message: string } {
  const [line = ""] = message.trimStart().split(/[\r\n]/, 1);
  return { code, message: line.length > LINE_MAX ? `${line.slice(0, LINE_MAX - 1).toWellFormed()}…` : line };
}
