import type { Schedule, TickRecord } from "../../domain/schedule.ts";
import type {
  DueQuery,
  DueSchedules,
  ScheduleName,
  ScheduleQuery,
  ScheduleSave,
  ScheduleStore,
  TickCommit,
  TickCommitResult,
} from "../schedule_store.ts";
import { MemoryGroups } from "./group_operations.ts";
import {
  commitTick,
  dueSchedules,
  listSchedules,
  listTicks,
  removeSchedule,
  saveSchedule,
} from "./schedules.ts";
import { copy } from "./tables.ts";

/** The operations about schedules. */
export abstract class MemorySchedules extends MemoryGroups implements ScheduleStore {
  saveSchedule(save: ScheduleSave): Promise<boolean> {
    return this.run(() => {
      const saved = saveSchedule(this.tables, copy(save));
      if (saved) this.wake("any");
      return saved;
    });
  }

  removeSchedule(name: ScheduleName): Promise<boolean> {
    return this.run(() => removeSchedule(this.tables, name));
  }

  schedules(query: ScheduleQuery): Promise<Schedule[]> {
    return this.run(() => copy(listSchedules(this.tables, query)));
  }

  dueSchedules(query: DueQuery): Promise<DueSchedules> {
    return this.run(() => copy(dueSchedules(this.tables, query)));
  }

  commitTicks(commits: TickCommit[]): Promise<TickCommitResult[]> {
    return this.run(() => {
      const results = copy(commits).map((commit) => commitTick(this.tables, commit));
      const inserted = results.flatMap(({ jobs }) => jobs);
      for (const state of ["available", "scheduled"] as const) {
        if (inserted.some((job) => job.state === state)) this.wake(state);
      }
      // Those that gather wait for a time, too.
      if (inserted.some(({ state }) => state === "blocked")) this.wake("scheduled");
      if (inserted.some(({ displaced }) => displaced?.state === "running")) this.wake("cancel");
      if (commits.some(({ events }) => events.length > 0)) this.wake("event");
      return results;
    });
  }

  ticks(query: { scheduleId: string; before?: number; limit: number }): Promise<TickRecord[]> {
    return this.run(() => copy(listTicks(this.tables, query)));
  }
}
