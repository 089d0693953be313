import {
  HISTORY_MAX,
  numbered,
  type Schedule,
  type ScheduleSpec,
  type ScheduleState,
  type TickRecord,
} from "../../domain/schedule.ts";
import type { JobState } from "../../domain/states.ts";
import type { DueQuery, DueSchedules, ScheduleName, ScheduleQuery, ScheduleSave } from "../schedule_store.ts";
import { among, type Dialect } from "./dialect.ts";
import { publish } from "./events.ts";
import { int, intOrNull, json, text, textOrNull } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";

const INSTANTS = ["paused_at", "created_at", "updated_at", "next_at"];

function columns(d: Dialect): string {
  const documents = ["spec", "declared", "state"].map((name) => `${d.text(name)} as ${name}`);
  const instants = INSTANTS.map((name) => `${d.ms(name)} as ${name}_ms`);
  const plain = "namespace, name, id, source, revision, version, pause_reason";
  return [plain, ...documents, ...instants].join(", ");
}

function toSchedule(row: Row): Schedule {
  return {
    id: text(row.id),
    namespace: text(row.namespace),
    name: text(row.name),
    spec: json(row.spec) as unknown as ScheduleSpec,
    source: text(row.source) as Schedule["source"],
    declared: row.declared === null ? null : json(row.declared) as unknown as ScheduleSpec,
    revision: int(row.revision),
    version: int(row.version),
    pausedAt: intOrNull(row.paused_at_ms),
    pauseReason: textOrNull(row.pause_reason),
    createdAt: int(row.created_at_ms),
    updatedAt: int(row.updated_at_ms),
    nextAt: intOrNull(row.next_at_ms),
    state: json(row.state) as unknown as ScheduleState,
  };
}

/** {@linkcode ScheduleStore.saveSchedule}. */
export function* saveSchedule(
  d: Dialect,
  { schedule, seen, records, events }: ScheduleSave,
): Script<boolean> {
  const entries = numbered(schedule.state, records);
  const written = { ...schedule, state: entries.state };
  const rows = yield* (seen === null ? insert(d, written) : update(d, written, seen));
  if (rows.length === 0) return false;
  yield* writeTicks(d, entries.records.map((record) => ({ scheduleId: schedule.id, record })));
  yield* publish(d, events);
  return true;
}

function* insert(d: Dialect, schedule: Schedule): Script<Row[]> {
  const params = new Params();
  const values = [
    ...[schedule.namespace, schedule.name, schedule.id, schedule.source].map((value) => params.add(value)),
    ...changing(d, params, schedule, 1),
    d.instant(params.add(schedule.createdAt)),
  ];
  return yield* run(
    `insert into ${d.table("schedule")} (namespace, name, id, source, ${CHANGING.join(", ")}, created_at) ` +
      `values (${values.join(", ")}) on conflict (namespace, name) do nothing returning id`,
    params.values,
  );
}

function* update(d: Dialect, schedule: Schedule, seen: number): Script<Row[]> {
  const params = new Params();
  const values = changing(d, params, schedule, seen + 1);
  const set = CHANGING.map((name, index) => `${name} = ${values[index]}`);
  return yield* run(
    `update ${d.table("schedule")} set source = ${params.add(schedule.source)}, ${set.join(", ")} ` +
      `where namespace = ${params.add(schedule.namespace)} and name = ${params.add(schedule.name)} ` +
      `and id = ${params.add(schedule.id)} and version = ${params.add(seen)} returning id`,
    params.values,
  );
}

const CHANGING = [
  "spec",
  "declared",
  "revision",
  "version",
  "paused_at",
  "pause_reason",
  "updated_at",
  "next_at",
  "state",
];

/** The values of {@linkcode CHANGING}. */
function changing(d: Dialect, params: Params, schedule: Schedule, version: number): string[] {
  const { spec, declared, revision, pausedAt, pauseReason, updatedAt, nextAt, state } = schedule;
  return [
    params.json(spec),
    params.add(declared === null ? null : JSON.stringify(declared)),
    params.add(revision),
    params.add(version),
    d.instant(params.add(pausedAt)),
    params.add(pauseReason),
    d.instant(params.add(updatedAt)),
    d.instant(params.add(nextAt)),
    params.json(state),
  ];
}

/** {@linkcode ScheduleStore.removeSchedule}. */
export function* removeSchedule(d: Dialect, { namespace, name }: ScheduleName): Script<boolean> {
  const rows = yield* run(
    `delete from ${d.table("schedule")} where namespace = $1 and name = $2 returning id`,
    [namespace, name],
  );
  for (const row of rows) yield* run(`delete from ${d.table("tick")} where schedule_id = $1`, [text(row.id)]);
  return rows.length > 0;
}

/** {@linkcode ScheduleStore.schedules}. */
export function* schedules(d: Dialect, query: ScheduleQuery): Script<Schedule[]> {
  const { namespace, names, after, limit } = query;
  const params = new Params();
  const where = [`namespace = ${params.add(namespace)}`];
  if (names !== undefined) where.push(`name ${among(d, params.json(names), "text")}`);
  if (after !== undefined) where.push(`name > ${params.add(after)}`);
  const rows = yield* run(
    `select ${columns(d)} from ${d.table("schedule")} where ${where.join(" and ")} order by name limit ${
      params.add(limit)
    }`,
    params.values,
  );
  return rows.map(toSchedule);
}

/** {@linkcode ScheduleStore.dueSchedules}. */
export function* dueSchedules(d: Dialect, query: DueQuery): Script<DueSchedules> {
  const { namespace, now, limit, names } = query;
  const found = names === undefined
    ? yield* due(d, query)
    : { schedules: yield* schedules(d, { namespace, names, limit }), nextAt: now };
  const ids = found.schedules.flatMap(({ state }) => state.open.map(({ id }) => id));
  const jobs = ids.length === 0
    ? []
    : yield* run(`select id, state from ${d.table("job")} where id ${among(d, "$1", "uuid")}`, [
      JSON.stringify(ids),
    ]);
  return { ...found, jobs: jobs.map((row) => ({ id: text(row.id), state: row.state as JobState })) };
}

/** An idle scheduler asks one small question. */
function* due(d: Dialect, { namespace, now, limit }: DueQuery): Script<Omit<DueSchedules, "jobs">> {
  const from = `from ${d.table("schedule")} where namespace = $1 and next_at is not null`;
  const [first] = yield* run(`select ${d.ms("next_at")} as ms ${from} order by next_at limit 1`, [namespace]);
  const nextAt = intOrNull(first?.ms ?? null);
  if (nextAt === null || nextAt > now) return { schedules: [], nextAt };
  const rows = yield* run(
    `select ${columns(d)} ${from} and next_at <= ${d.instant("$2")} order by next_at, name limit $3`,
    [namespace, now, limit],
  );
  return { schedules: rows.map(toSchedule), nextAt: rows.length === 0 ? null : now };
}

/** Writes entries of histories, and forgets those that are too many. */
export function* writeTicks(d: Dialect, entries: { scheduleId: string; record: TickRecord }[]): Script<void> {
  if (entries.length === 0) return;
  const last = new Map(entries.map(({ scheduleId, record }) => [scheduleId, record.number]));
  const kept = entries.filter(({ scheduleId, record }) =>
    record.number > (last.get(scheduleId) ?? 0) - HISTORY_MAX
  );
  const shape = { s: "text", n: "bigint", f: "json" } as const;
  yield* run(
    `insert into ${d.table("tick")} (schedule_id, number, facts) select s, n, f from ${
      d.rows("$1", "r", shape)
    } where true on conflict do nothing`,
    [JSON.stringify(kept.map(({ scheduleId, record: { number, ...facts } }) => ({
      s: scheduleId,
      n: number,
      f: facts,
    })))],
  );
  yield* run(
    `delete from ${d.table("tick")} where (schedule_id, number) in (select t.schedule_id, t.number from ${
      d.rows("$1", "r", { s: "text", n: "bigint" })
    } join ${d.table("tick")} t on t.schedule_id = r.s and t.number <= r.n)`,
    [JSON.stringify([...last].map(([s, n]) => ({ s, n: n - HISTORY_MAX })))],
  );
}

/** {@linkcode ScheduleStore.ticks}. */
export function* ticks(
  d: Dialect,
  { scheduleId, before = Number.MAX_SAFE_INTEGER, limit }: {
    scheduleId: string;
    before?: number;
    limit: number;
  },
): Script<TickRecord[]> {
  const rows = yield* run(
    `select number, ${d.text("facts")} as facts from ${d.table("tick")} ` +
      "where schedule_id = $1 and number < $2 order by number desc limit $3",
    [scheduleId, before, limit],
  );
  return rows.map((row) => ({ number: int(row.number), ...json(row.facts) as object }) as TickRecord);
}
