import {
  HISTORY_MAX,
  type NewTickRecord,
  numbered,
  recordOfJob,
  type Schedule,
  type TickRecord,
} from "../../domain/schedule.ts";
import type {
  DueQuery,
  DueSchedules,
  ScheduleName,
  ScheduleQuery,
  ScheduleSave,
  TickCommit,
  TickCommitResult,
} from "../schedule_store.ts";
import { publishEvents } from "./events.ts";
import { insertJobs } from "./life.ts";
import { compareText, type Tables } from "./tables.ts";

/** Writes a schedule if it is as it was seen. */
export function saveSchedule(tables: Tables, { schedule, seen, records, events }: ScheduleSave): boolean {
  const key = keyOf(schedule);
  const known = tables.schedules.get(key);
  if (seen === null ? known !== undefined : known?.id !== schedule.id || known.version !== seen) return false;
  const { createdAt = schedule.createdAt } = known ?? {};
  const written = { ...schedule, createdAt, version: (seen ?? 0) + 1 };
  tables.schedules.set(key, { ...written, state: note(tables, written, records) });
  publishEvents(tables, events);
  return true;
}

/** Removes a schedule and its history. */
export function removeSchedule(tables: Tables, name: ScheduleName): boolean {
  const known = tables.schedules.get(keyOf(name));
  if (known !== undefined) tables.ticks.delete(known.id);
  return tables.schedules.delete(keyOf(name));
}

/** Schedules by name. */
export function listSchedules(tables: Tables, { namespace, names, after, limit }: ScheduleQuery): Schedule[] {
  return [...tables.schedules.values()]
    .filter((schedule) => schedule.namespace === namespace)
    .filter(({ name }) => names?.includes(name) ?? true)
    .filter(({ name }) => after === undefined || name > after)
    .sort((a, b) => compareText(a.name, b.name))
    .slice(0, limit);
}

/** Schedules to be looked at. */
export function dueSchedules(tables: Tables, { namespace, now, limit, names }: DueQuery): DueSchedules {
  const found = names === undefined
    ? due(tables, namespace, now).slice(0, limit)
    : listSchedules(tables, { namespace, names, limit });
  const jobs = found.flatMap(({ state }) => state.open).flatMap(({ id }) => {
    const job = tables.jobs.get(id);
    return job === undefined ? [] : [{ id, state: job.state }];
  });
  const [first] = due(tables, namespace, Infinity);
  const nextAt = found.length > 0 || names !== undefined ? now : first?.nextAt ?? null;
  return { schedules: found, jobs, nextAt };
}

function due(tables: Tables, namespace: string, now: number): Schedule[] {
  const at = ({ nextAt }: Schedule): number => nextAt ?? Infinity;
  return [...tables.schedules.values()]
    .filter((schedule) => schedule.namespace === namespace && schedule.nextAt !== null && at(schedule) <= now)
    .sort((a, b) => at(a) - at(b) || compareText(a.name, b.name));
}

/** Writes what was decided about a schedule. */
export function commitTick(tables: Tables, commit: TickCommit): TickCommitResult {
  const known = [...tables.schedules.values()].find(({ id }) => id === commit.id);
  if (known === undefined || known.version !== commit.version) return { applied: false, jobs: [] };
  const jobs = insertJobs(tables, commit.jobs);
  const inserted = new Map(commit.jobs.flatMap(({ id }, at) => {
    const result = jobs[at];
    return result === undefined ? [] : [[id, result] as const];
  }));
  const records = commit.records.map((record) => recordOfJob(record, inserted));
  const written = { ...known, ...commit.set, version: known.version + 1 };
  tables.schedules.set(keyOf(known), { ...written, state: note(tables, written, records) });
  publishEvents(tables, commit.events);
  return { applied: true, jobs };
}

/** The history of a schedule, newest first. */
export function listTicks(
  tables: Tables,
  { scheduleId, before = Infinity, limit }: { scheduleId: string; before?: number; limit: number },
): TickRecord[] {
  return (tables.ticks.get(scheduleId) ?? []).filter(({ number }) => number < before).reverse().slice(
    0,
    limit,
  );
}

function note(tables: Tables, { id, state }: Schedule, records: NewTickRecord[]): Schedule["state"] {
  const entries = numbered(state, records);
  tables.ticks.set(id, [...tables.ticks.get(id) ?? [], ...entries.records].slice(-HISTORY_MAX));
  return entries.state;
}

function keyOf({ namespace, name }: ScheduleName): string {
  return `${namespace}\n${name}`;
}
