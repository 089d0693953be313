import type { Schedule } from "../../src/domain/schedule.ts";
import { newSchedule, paused, resumed, withSpec } from "../../src/domain/schedule_change.ts";
import { tickEvents } from "../../src/domain/schedule_events.ts";
import { planTicks } from "../../src/domain/tick_plan.ts";
import type { Driver, ScheduleSave, TickCommit } from "../../src/storage/driver.ts";
import { type Operation, SCHEDULES } from "./random_operations.ts";
import { by } from "./visible.ts";
import { newJob } from "./world.ts";

const namespace = "default";
/** Where a priority that no other queue has begins, for each queue. */
const PRIORITIES: Record<string, number> = { a: 0, b: 1, c: 2 };

type ScheduleOperation = Extract<
  Operation,
  { do: "saveSchedule" | "pauseSchedule" | "removeSchedule" | "schedule" }
>;

/** Does with schedules what the program does with them. */
export async function playSchedule(driver: Driver, operation: ScheduleOperation): Promise<unknown> {
  switch (operation.do) {
    case "saveSchedule":
      return await save(driver, operation);
    case "pauseSchedule":
      return await pause(driver, operation);
    case "removeSchedule":
      return await driver.removeSchedule({ namespace, name: operation.name });
    case "schedule":
      return await schedule(driver, operation);
  }
}

async function save(
  driver: Driver,
  { name, spec, now }: ScheduleOperation & { do: "saveSchedule" },
): Promise<unknown> {
  const known = await find(driver, name);
  const made = newSchedule({ id: `${name} ${now}`, namespace, name, spec, source: "operator" }, now);
  return await write(driver, known === undefined ? made : withSpec(known, spec, now), known);
}

async function pause(
  driver: Driver,
  operation: ScheduleOperation & { do: "pauseSchedule" },
): Promise<unknown> {
  const { name, now } = operation;
  const known = await find(driver, name);
  if (known === undefined || (known.pausedAt !== null) === operation.paused) return "nothing to do";
  if (!operation.paused) return await write(driver, resumed(known, now), known);
  const changed = paused(known, now);
  return await write(driver, changed.schedule, known, changed.records);
}

async function write(
  driver: Driver,
  changed: Schedule,
  known: Schedule | undefined,
  records: ScheduleSave["records"] = [],
): Promise<boolean> {
  const seen = known?.version ?? null;
  return await driver.saveSchedule({
    schedule: changed,
    seen,
    records,
    events: tickEvents(changed, records),
  });
}

async function find(driver: Driver, name: string): Promise<Schedule | undefined> {
  return (await driver.schedules({ namespace, names: [name], limit: 1 }))[0];
}

async function schedule(driver: Driver, operation: ScheduleOperation & { do: "schedule" }): Promise<unknown> {
  const { now, limit, stale, queue } = operation;
  const due = await driver.dueSchedules({ namespace, now, limit });
  const all = await driver.dueSchedules({ namespace, now, limit, names: SCHEDULES });
  const states = new Map(due.jobs.map(({ id, state }) => [id, state]));
  const commits = due.schedules.flatMap((one): TickCommit[] => {
    const plan = planTicks(one, { now, stateOf: (id) => states.get(id) });
    if (plan === null) return [];
    const { state, nextAt, pausedAt, pauseReason, starts } = plan;
    const { id, version, spec } = one;
    const type = spec.job?.type ?? "x";
    const priority = PRIORITIES[queue] ?? 0;
    const jobs = spec.job === undefined
      ? []
      : starts.map(({ jobId }) =>
        newJob(0, { id: jobId, createdAt: now, runAt: now, queue, type, priority })
      );
    const records = [
      ...plan.records,
      ...starts.map(({ tick, jobId }) => ({
        tick,
        at: now,
        ...(spec.job === undefined
          ? { outcome: "emitted" as const }
          : { outcome: "started" as const, jobId }),
      })),
    ];
    const events = tickEvents(one, records);
    return [{
      id,
      version: version + (stale ? 1 : 0),
      set: { state, nextAt, pausedAt, pauseReason },
      jobs,
      records,
      events,
    }];
  });
  const results = await driver.commitTicks(commits);
  const again = await driver.commitTicks(commits);
  return [due, all, results, again].map((answer) =>
    "jobs" in answer ? { ...answer, jobs: answer.jobs.sort(by(({ id }) => id)) } : answer
  );
}
