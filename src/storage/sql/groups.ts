import type { Job } from "../../domain/job.ts";
import {
  type GroupJobsQuery,
  type GroupQuery,
  type GroupRow,
  RECHECK_MS,
  type Ripened,
} from "../group_store.ts";
import { among, type Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { int, intOrNull, jobColumns, jobTables, text, textOrNull, toJob } from "./row.ts";
import { Params, run, type Script } from "./script.ts";

const FINAL = "('completed', 'dead', 'cancelled', 'expired')";

/** When the next group is to be looked at. */
export function* nextGroupAt(d: Dialect): Script<number | null> {
  const [row] = yield* run(
    `select ${d.ms("min(g.due_at)")} as at from ${d.table("job_group")} g where g.due_at is not null`,
  );
  return intOrNull(row?.at);
}

/** {@linkcode GroupStore.ripen}, when some are due. */
export function* ripen(d: Dialect, now: number, limit: number): Script<Ripened> {
  const due = yield* run(
    `select g.id as id, g.leader_id as leader_id from ${d.table("job_group")} g ` +
      `where g.due_at is not null and g.due_at <= ${
        d.instant("$1")
      } order by g.due_at, g.id limit ${limit} ` +
      d.lockFree("g"),
    [now],
  );
  const busy = yield* withLiveLeaders(d, due.map((row) => text(row.id)));
  const free = due.map((row) => text(row.id)).filter((id) => !busy.has(id));
  const leaders = yield* lead(d, free);
  const waiting = new Set([...busy, ...leaders.keys()]);
  const changes = due.map((row) => ({
    id: text(row.id),
    leader_id: leaders.get(text(row.id)) ?? (row.leader_id === null ? null : text(row.leader_id)),
    due_at: waiting.has(text(row.id)) ? now + RECHECK_MS : null,
  }));
  const rows = d.rows("$1", "r", { id: "bigint", leader_id: "uuid", due_at: "instant" });
  yield* run(
    `update ${d.table("job_group")} as g set is_open = false, leader_id = r.leader_id, due_at = r.due_at ` +
      `from ${rows} where g.id = r.id`,
    [JSON.stringify(changes)],
  );
  return { ripened: leaders.size, nextDueAt: yield* nextGroupAt(d) };
}

/** Of groups, those whose first job still is on its way to a worker. */
function* withLiveLeaders(d: Dialect, ids: string[]): Script<Set<string>> {
  const rows = yield* run(
    `select g.id as id from ${d.table("job_group")} g join ${d.table("job")} j on j.id = g.leader_id ` +
      `join ${d.table("group_member")} m on m.job_id = j.id and m.group_id = g.id ` +
      `where g.id ${among(d, "$1", "bigint")} and j.state not in ${FINAL}`,
    [JSON.stringify(ids)],
  );
  return new Set(rows.map((row) => text(row.id)));
}

/** Makes the first job of each group available; groups that have none are left out. */
function* lead(d: Dialect, ids: string[]): Script<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = yield* run(
    `select v.value as id, (select p.job_id from ${
      d.table("parked")
    } p where p.scope = 'group:' || v.value ` +
      `order by p.rank, p.turn, p.job_id limit 1) as job_id from ${d.values("$1", "v", "bigint")}`,
    [JSON.stringify(ids)],
  );
  const first = new Map(
    rows.filter(({ job_id }) => job_id !== null).map((row) => [text(row.job_id), text(row.id)]),
  );
  const mine = yield* unpark(d, [...first.keys()]);
  yield* release(d, ids.flatMap((id) => mine.find((job) => first.get(job) === id) ?? []));
  return new Map(mine.map((job) => [first.get(job) ?? "", job]));
}

/** Removes jobs from those who wait; gives those that were still there. */
export function* unpark(d: Dialect, ids: string[]): Script<string[]> {
  if (ids.length === 0) return [];
  const rows = yield* run(
    `delete from ${d.table("parked")} where scope like 'group:%' and job_id ${among(d, "$1", "uuid")} ` +
      "returning job_id",
    [JSON.stringify(ids)],
  );
  return rows.map((row) => text(row.job_id));
}

export function* release(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  yield* run(`update ${d.table("job")} set state = 'available' where id ${among(d, "$1", "uuid")}`, [
    JSON.stringify(ids),
  ]);
  yield* dispatch(d, ids);
}

/** Jobs in the order of their ids. */
export function* read(d: Dialect, ids: string[]): Script<Job[]> {
  if (ids.length === 0) return [];
  const rows = yield* run(
    `select ${jobColumns(d)} from ${jobTables(d)} where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids)],
  );
  const jobs = new Map(rows.map(toJob).map((job) => [job.id, job]));
  return ids.flatMap((id) => jobs.get(id) ?? []);
}

/** {@linkcode GroupStore.groups}. */
export function* groups(
  d: Dialect,
  { namespace, key, type, after, limit }: GroupQuery,
): Script<GroupRow[]> {
  const params = new Params();
  const rows = yield* run(
    `select g.id as id, q.name as queue, g.type as type, g.key as key, g.is_open as is_open, g.leader_id as leader_id, g.size as size, ` +
      `${d.ms("g.opened_at")} as opened_at, ${d.ms("g.due_at")} as due_at, ` +
      `(select count(*) from ${d.table("parked")} p where p.scope = 'group:' || g.id) as jobs ` +
      `from ${d.table("job_group")} g join ${d.table("queue")} q on q.id = g.queue_id ` +
      `where g.due_at is not null and q.namespace = ${params.add(namespace)}` +
      (key === undefined ? "" : ` and g.key = ${params.add(key)}`) +
      (type === undefined ? "" : ` and g.type = ${params.add(type)}`) +
      (after === undefined
        ? ""
        : ` and g.id > (select value from ${d.values(params.add(JSON.stringify([after])), "v", "bigint")})`) +
      ` and exists (select 1 from ${d.table("parked")} p where p.scope = 'group:' || g.id) ` +
      `order by g.id limit ${limit}`,
    params.values,
  );
  return rows.map((row): GroupRow => ({
    id: text(row.id),
    queue: text(row.queue),
    type: text(row.type),
    key: text(row.key),
    open: row.is_open === true || row.is_open === 1,
    jobs: int(row.jobs),
    size: int(row.size),
    openedAt: int(row.opened_at),
    dueAt: int(row.due_at),
    leader: textOrNull(row.leader_id),
  }));
}

/** The condition that a group `g` of a queue `q` is meant. */
function isMeant(
  d: Dialect,
  { namespace, type, id, key }: Omit<GroupJobsQuery, "limit">,
  params: Params,
): string {
  const which = id === undefined
    ? `g.key = ${params.add(key ?? "")}`
    : `g.id ${among(d, params.add(JSON.stringify([id])), "bigint")}`;
  const ofType = type === undefined ? "" : ` and g.type = ${params.add(type)}`;
  return `${which}${ofType} and g.queue_id in (select q.id from ${d.table("queue")} q ` +
    `where q.namespace = ${params.add(namespace)})`;
}

/** {@linkcode GroupStore.groupJobs}. */
export function* groupJobs(d: Dialect, query: GroupJobsQuery): Script<Job[]> {
  const params = new Params();
  const rows = yield* run(
    `select m.job_id as id from ${d.table("job_group")} g join ${d.table("group_member")} m ` +
      `on m.group_id = g.id join ${d.table("job")} j on j.id = m.job_id where ${isMeant(d, query, params)} ` +
      `order by g.id, m.job_id limit ${query.limit}`,
    params.values,
  );
  return yield* read(d, rows.map((row) => text(row.id)));
}

/** {@linkcode GroupStore.flushGroups}. */
export function* flushGroups(
  d: Dialect,
  query: Omit<GroupJobsQuery, "limit">,
  now: number,
): Script<number> {
  const params = new Params();
  const rows = yield* run(
    `update ${d.table("job_group")} as g set is_open = false, due_at = ${d.instant(params.add(now))} ` +
      `where g.due_at is not null and g.leader_id is null and ${isMeant(d, query, params)} ` +
      `and exists (select 1 from ${d.table("parked")} p where p.scope = 'group:' || g.id) returning id`,
    params.values,
  );
  return rows.length;
}

/** Removes groups of which nothing is left; bounded, and those that are left out are found the next time. */
export function* pruneGroups(d: Dialect, limit: number): Script<void> {
  yield* run(
    `delete from ${d.table("job_group")} where id in (select g.id from ${d.table("job_group")} g ` +
      "where g.due_at is null and not exists (select 1 from " +
      `${d.table("group_member")} m where m.group_id = g.id) order by g.id limit ${limit})`,
  );
}
