import type { NewEvent, ScheduleEvent, ScheduleEventKind } from "./event.ts";
import type { NewTickRecord, Schedule, TickOutcome } from "./schedule.ts";

const KIND_OF = {
  started: "schedule.tick",
  emitted: "schedule.tick",
  skipped: "schedule.skipped",
  missed: "schedule.missed",
  failed: "schedule.failed",
} as const satisfies Record<TickOutcome, ScheduleEventKind>;

/** What became of ticks. */
export function tickEvents(
  { namespace, name: schedule }: Pick<Schedule, "namespace" | "name">,
  records: readonly NewTickRecord[],
): NewEvent[] {
  return records.map(({ outcome, jobId, ...facts }): Omit<ScheduleEvent, "id"> => ({
    kind: KIND_OF[outcome],
    namespace,
    schedule,
    ...facts,
    ...(jobId === undefined ? {} : { startedJob: jobId }),
  }));
}

/** A schedule was changed. */
export function changeEvent(
  kind: Exclude<ScheduleEventKind, (typeof KIND_OF)[TickOutcome]>,
  { namespace, name: schedule }: Pick<Schedule, "namespace" | "name">,
  { at, reason }: { at: number; reason?: string | null },
): NewEvent {
  return { kind, at, namespace, schedule, ...(reason === undefined || reason === null ? {} : { reason }) };
}
