import { formatInstant } from "../domain/instant.ts";
import type { JobdEvent } from "../domain/event.ts";
import type { Execution, Job, LogChunk } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { Queue } from "../domain/queue.ts";
import { type Schedule, statusOf, type TickRecord } from "../domain/schedule.ts";
import { isOverridden } from "../domain/schedule_change.ts";
import type { BatchInfo } from "../runtime/batch_options.ts";
import { blockedBy, type JobWait, waitStatus } from "../domain/wait.ts";
import type { ActionPreview } from "../runtime/action_preview.ts";
import type { DeadGroup } from "../runtime/dead_letters.ts";
import type { NamespaceInfo } from "../runtime/namespaces.ts";
import type { GroupRow, QueueCount, WorkerRow } from "../storage/driver.ts";

/** A document for `--json`: stable camelCase keys, instants in ISO 8601, durations in milliseconds. */
export type View = Record<string, unknown>;

/** An instant for JSON: ISO 8601, or null. */
export function iso(at: number | null): string | null {
  return at === null ? null : formatInstant(at);
}

/** A job. */
export function jobView(job: Job): View {
  const {
    createdAt,
    runAt,
    startedAt,
    finishedAt,
    expireAt,
    cancelRequestedAt,
    leaseId: _,
    gathering: __,
    ...rest
  } = job;
  return {
    ...rest,
    blockedBy: blockedBy(job),
    createdAt: iso(createdAt),
    runAt: iso(runAt),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    expireAt: iso(expireAt),
    cancelRequestedAt: iso(cancelRequestedAt),
  };
}

/** What a handler waits for, or has waited for. */
export function waitView(wait: JobWait, now: number): View {
  const { jobId: _, openedAt, askedAt, until, answeredAt, timedOutAt, ...rest } = wait;
  return {
    ...rest,
    status: waitStatus(wait, now),
    openedAt: iso(openedAt),
    askedAt: iso(askedAt),
    until: iso(until),
    answeredAt: iso(answeredAt),
    timedOutAt: iso(timedOutAt),
  };
}

/** Dead letters that failed for the same reason. */
export function errorGroupView({ firstAt, lastAt, ...rest }: DeadGroup): View {
  return { ...rest, firstAt: iso(firstAt), lastAt: iso(lastAt) };
}

/** What an action would do. */
export function previewView({ until, items, ...rest }: ActionPreview): View {
  return { ...rest, items: items.map(jobView), until: iso(until) };
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
  const instants = (["runAt", "tick", "until"] as const).flatMap((key) => {
    const at = (event as Partial<Record<typeof key, number>>)[key];
    return at === undefined ? [] : [[key, iso(at)]];
  });
  return { ...event, at: iso(event.at), ...Object.fromEntries(instants) };
}

/** A schedule. */
export function scheduleView(schedule: Schedule): View {
  const { createdAt, updatedAt, pausedAt, nextAt: _, version: __, declared: ___, spec, state, ...rest } =
    schedule;
  const { startAt, endAt, anchorAt, ...rule } = spec;
  const instants = { startAt, endAt, anchorAt };
  return {
    ...rest,
    status: statusOf(schedule),
    overridden: isOverridden(schedule),
    spec: {
      ...rule,
      ...Object.fromEntries(
        Object.entries(instants).flatMap(([key, at]) => at === undefined ? [] : [[key, iso(at)]]),
      ),
    },
    nextTick: iso(state.nextTick),
    lastTick: iso(state.lastTick),
    waitingTick: iso(state.waiting),
    lastJobId: state.lastJobId,
    failures: state.failures,
    pausedAt: iso(pausedAt),
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
  };
}

/** A batch. */
export function batchView(batch: BatchInfo): View {
  const { createdAt, sealedAt, cancelRequestedAt, finishedAt, ...rest } = batch;
  return {
    ...rest,
    createdAt: iso(createdAt),
    sealedAt: iso(sealedAt),
    cancelRequestedAt: iso(cancelRequestedAt),
    finishedAt: iso(finishedAt),
  };
}

/** A group in which jobs wait. */
export function groupView({ openedAt, dueAt, ...group }: GroupRow): View {
  return { ...group, openedAt: iso(openedAt), dueAt: iso(dueAt) };
}

/** An entry of a schedule's history. */
export function tickView({ tick, until, at, ...rest }: TickRecord): View {
  return { ...rest, tick: iso(tick), ...(until === undefined ? {} : { until: iso(until) }), at: iso(at) };
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

/** A namespace. */
export function namespaceView({ createdAt, ...rest }: NamespaceInfo): View {
  return { ...rest, createdAt: iso(createdAt) };
}
