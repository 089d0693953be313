import type { Job } from "../../domain/job.ts";
import { type Gathered, type GatherRequest, groupScope } from "../group_store.ts";
import { among, type Dialect } from "./dialect.ts";
import { read, release, unpark } from "./groups.ts";
import { int, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";
import { own } from "./seen.ts";

/** Ids of jobs by the group that they belong to. */
type ByGroup = Map<string, string[]>;

/** {@linkcode GroupStore.gather}: each statement is for all groups together. */
export function* gather(d: Dialect, request: GatherRequest): Script<Gathered[]> {
  const { leaseId, runs, apart, now } = request;
  const claimed = runs.map(({ id }) => id);
  const all = yield* lockGroups(d, claimed);
  const worker = all.length === 0 ? undefined : yield* lockLease(d, leaseId);
  if (worker === undefined) return [];
  const ids = all.map((row) => text(row.id));
  const leaders = inOrder(claimed, yield* groupsOf(d, claimed));
  const waiting = yield* waitingIn(d, ids);
  const single = new Set(all.filter(({ type }) => apart.includes(text(type))).map((row) => text(row.id)));
  yield* release(d, yield* unpark(d, [...single].flatMap((id) => waiting.get(id) ?? [])));
  const groups = all.filter((row) => !single.has(text(row.id)));
  const before = yield* startedBefore(d, ids, { leaseId, claimed });
  const rooms = new Map(groups.map((row) => {
    const id = text(row.id);
    return [id, int(row.size) - countOf(leaders, id) - countOf(before, id)];
  }));
  const taken = yield* take(d, rooms, waiting);
  const jobs = yield* start(d, [...taken.values()].flat(), { leaseId, worker, now });
  for (const job of yield* read(d, [...before.values()].flat())) jobs.set(job.id, job);
  yield* close(d, ids, now);
  return groups.map((row): Gathered => {
    const id = text(row.id);
    const others = [...before.get(id) ?? [], ...taken.get(id) ?? []];
    return { runs: leaders.get(id) ?? [], jobs: others.flatMap((job) => jobs.get(job) ?? []) };
  });
}

/** The groups of jobs. Until the transaction ends nobody joins them. */
function* lockGroups(d: Dialect, jobIds: string[]): Script<Row[]> {
  return yield* run(
    `select g.id as id, g.size as size, g.type as type from ${d.table("job_group")} g where g.id in (` +
      `select m.group_id from ${d.table("group_member")} m where m.job_id ${among(d, "$1", "uuid")}) ` +
      `order by g.id ${d.lock("g")}`,
    [JSON.stringify(jobIds)],
  );
}

/** The worker of the lease; undefined when that is lost: its jobs are somebody else's then. */
function* lockLease(d: Dialect, leaseId: string): Script<string | undefined> {
  const [row] = yield* run(
    `select l.worker as worker from ${d.table("lease")} l where l.id ${among(d, "$1", "bigint")} ${
      d.lock("l")
    }`,
    [JSON.stringify([leaseId])],
  );
  return row === undefined ? undefined : text(row.worker);
}

function* groupsOf(d: Dialect, jobIds: string[]): Script<Map<string, string>> {
  const rows = yield* run(
    `select m.job_id as job_id, m.group_id as group_id from ${d.table("group_member")} m ` +
      `where m.job_id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(jobIds)],
  );
  return new Map(rows.map((row) => [text(row.job_id), text(row.group_id)]));
}

function inOrder(jobIds: string[], groupOf: ReadonlyMap<string, string>): ByGroup {
  return Map.groupBy(jobIds.filter((id) => groupOf.has(id)), (id) => groupOf.get(id) ?? "");
}

/** Those who gather in groups, by priority and arrival. */
function* waitingIn(d: Dialect, groupIds: string[]): Script<ByGroup> {
  const scopes = new Map(groupIds.map((id) => [groupScope(id), id]));
  const rows = yield* run(
    `select p.scope as scope, p.job_id as job_id from ${d.table("parked")} p ` +
      `where p.scope ${among(d, "$1", "text")} order by p.scope, p.rank, p.turn, p.job_id`,
    [JSON.stringify([...scopes.keys()])],
  );
  return byGroup(rows, ({ scope }) => scopes.get(text(scope)) ?? "");
}

function byGroup(rows: Row[], groupOf: (row: Row) => string): ByGroup {
  return new Map(
    [...Map.groupBy(rows, groupOf)].map(([id, list]) => [id, list.map((row) => text(row.job_id))]),
  );
}

function countOf(ids: ByGroup, group: string): number {
  return ids.get(group)?.length ?? 0;
}

/** Those who run under the lease already: said again, it is the same. */
function* startedBefore(
  d: Dialect,
  groupIds: string[],
  { leaseId, claimed }: { leaseId: string; claimed: string[] },
): Script<ByGroup> {
  const rows = yield* run(
    `select m.group_id as group_id, j.id as job_id from ${d.table("group_member")} m join ${
      d.table("job")
    } j ` +
      `on j.id = m.job_id where m.group_id ${among(d, "$1", "bigint")} and j.state = 'running' ` +
      `and j.lease_id ${among(d, "$2", "bigint")} order by j.id`,
    [JSON.stringify(groupIds), JSON.stringify([leaseId])],
  );
  const others = rows.filter(({ job_id }) => !claimed.includes(text(job_id)));
  return byGroup(others, ({ group_id }) => text(group_id));
}

/** Takes jobs of groups out of dispatch: those who gather, then those that wait to be run again. */
function* take(d: Dialect, rooms: ReadonlyMap<string, number>, waiting: ByGroup): Script<ByGroup> {
  const wanted = [...rooms].flatMap(([id, room]) => (waiting.get(id) ?? []).slice(0, Math.max(0, room)));
  const parked = new Set(yield* unpark(d, wanted));
  const taken: ByGroup = new Map();
  for (const id of rooms.keys()) taken.set(id, (waiting.get(id) ?? []).filter((job) => parked.has(job)));
  const free = [...rooms].filter(([id, room]) => room > countOf(taken, id)).map(([id]) => id);
  if (free.length === 0) return taken;
  const rows = yield* run(
    `select m.group_id as group_id, j.id as job_id, j.attempt as attempt from ${d.table("group_member")} m ` +
      `join ${d.table("job")} j on j.id = m.job_id where m.group_id ${among(d, "$1", "bigint")} ` +
      `and j.state = 'available' order by -j.priority, j.seq`,
    [JSON.stringify(free)],
  );
  const seen = [...Map.groupBy(rows, ({ group_id }) => text(group_id))].flatMap(([id, list]) =>
    list.slice(0, (rooms.get(id) ?? 0) - countOf(taken, id))
  );
  const mine = new Set(
    (yield* own(
      d,
      seen.map((row) => ({
        id: text(row.job_id),
        from: "available" as const,
        attempt: int(row.attempt),
        at: 0,
        change: { kind: "makeAvailable" as const },
      })),
    )).map(({ id }) => id),
  );
  const again = byGroup(
    seen.filter(({ job_id }) => mine.has(text(job_id))),
    ({ group_id }) => text(group_id),
  );
  for (const [id, jobs] of again) taken.set(id, [...taken.get(id) ?? [], ...jobs]);
  return taken;
}

function* start(
  d: Dialect,
  ids: string[],
  { leaseId, worker, now }: { leaseId: string; worker: string; now: number },
): Script<Map<string, Job>> {
  if (ids.length === 0) return new Map();
  yield* d.growLease(leaseId, ids);
  yield* run(
    `update ${d.table("job")} set state = 'running', attempt = attempt + 1, seq = null, ` +
      `started_at = ${d.instant("$2")}, worker = $3, lease_id = $4 where id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids), now, worker, leaseId],
  );
  return new Map((yield* read(d, ids)).map((job) => [job.id, job]));
}

/** Nobody joins groups any more that were handed over; what is left in one is let go as another one. */
function* close(d: Dialect, groupIds: string[], now: number): Script<void> {
  yield* run(
    `update ${d.table("job_group")} as g set is_open = false, leader_id = null, due_at = case when exists (` +
      `select 1 from ${d.table("parked")} p where p.scope = 'group:' || g.id) then ${d.instant("$2")} end ` +
      `where g.id ${among(d, "$1", "bigint")}`,
    [JSON.stringify(groupIds), now],
  );
}
