import type { JobdEvent } from "../../../domain/event.ts";
import type { Execution, Job, LogChunk } from "../../../domain/job.ts";
import type { Json } from "../../../domain/json.ts";
import type { Queue } from "../../../domain/queue.ts";
import type { QueueCount, WorkerRow } from "../../../storage/driver.ts";
import { iso } from "../format.ts";

/** A document for `--json`: stable camelCase keys, instants in ISO 8601, durations in milliseconds. */
export type View = Record<string, unknown>;

/** A job. */
export function jobView(job: Job): View {
  const { createdAt, runAt, startedAt, finishedAt, expireAt, cancelRequestedAt, leaseId: _, ...rest } = job;
  return {
    ...rest,
    createdAt: iso(createdAt),
    runAt: iso(runAt),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    expireAt: iso(expireAt),
    cancelRequestedAt: iso(cancelRequestedAt),
  };
}

/** An attempt. */
export function executionView(execution: Execution): View {
  const { startedAt, finishedAt, ...rest } = execution;
  const durationMs = finishedAt === null ? null : finishedAt - startedAt;
  return { ...rest, startedAt: iso(startedAt), finishedAt: iso(finishedAt), durationMs };
}

/** A piece of a job's log. */
export function logView({ at, ...rest }: LogChunk): View {
  return { ...rest, at: iso(at) };
}

/** An event. */
export function eventView(event: JobdEvent): View {
  const runAt = "runAt" in event && event.runAt !== undefined ? { runAt: iso(event.runAt) } : {};
  return { ...event, at: iso(event.at), ...runAt };
}

/** A queue with its counts. */
export function queueView(queue: Queue, counts: readonly QueueCount[]): View {
  const { createdAt, pausedAt, ...rest } = queue;
  return {
    ...rest,
    createdAt: iso(createdAt),
    pausedAt: iso(pausedAt),
    counts: countsView(queue.name, counts),
  };
}

/** Counts of one queue by state; `capped` names those that may be higher. */
export function countsView(queue: string, counts: readonly QueueCount[]): View {
  const own = counts.filter((count) => count.queue === queue);
  const result: Record<string, Json> = {};
  for (const { state, count } of own) result[state] = count;
  return { ...result, capped: own.filter(({ capped }) => capped).map(({ state }) => state) };
}

/** A worker. */
export function workerView({ startedAt, seenAt, ...rest }: WorkerRow): View {
  return { ...rest, startedAt: iso(startedAt), seenAt: iso(seenAt) };
}
