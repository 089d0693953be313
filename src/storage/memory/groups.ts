import { type Gathering, groupDueAt } from "../../domain/group.ts";
import type { Job, NewJob } from "../../domain/job.ts";
import { isFinal } from "../../domain/states.ts";
import type { Transition } from "../../domain/transition.ts";
import type { InsertResult } from "../driver.ts";
import { gatheredOf } from "../sql/join_groups.ts";
import {
  type Gathered,
  type GatherRequest,
  type GroupJobsQuery,
  type GroupQuery,
  type GroupRow,
  groupScope,
  RECHECK_MS,
  type Ripened,
} from "../group_store.ts";
import { compareDispatch, compareText, type GroupRecord, type JobRow, type Tables, toJob } from "./tables.ts";

/** Lets new jobs join the groups of their keys; gives the results with their states from now on. */
export function joinGroups(tables: Tables, jobs: NewJob[], results: InsertResult[]): InsertResult[] {
  const made = gatheredOf(jobs, results).map(({ job }) => job);
  const buckets = Map.groupBy(
    made,
    (job) => JSON.stringify([job.namespace, job.queue, job.type, keyOf(job)]),
  );
  // By the ids of the queues, as a database does it.
  const order = [...buckets].map(([name, list]) => ({ name: bucketName(tables, list[0]) ?? name, list }));
  order.sort((a, b) => compareText(a.name, b.name));
  for (let open = order.map(({ list }) => list); open.length > 0;) {
    open = open.map((list) => fill(tables, list)).filter(({ length }) => length > 0);
  }
  const blocked = new Set(made.map(({ id }) => id));
  return results.map((result) => blocked.has(result.id) ? { ...result, state: "blocked" } : result);
}

function bucketName(tables: Tables, job: NewJob | undefined): string | undefined {
  if (job === undefined) return undefined;
  const { id } = tables.queue(job.namespace, job.queue, job.createdAt);
  return JSON.stringify([String(id), job.type, keyOf(job)]);
}

function keyOf(job: NewJob): string {
  return (job.options.group as Gathering).key;
}

/** Fills the open group of these jobs' key; gives those who did not get in. */
function fill(tables: Tables, list: NewJob[]): NewJob[] {
  const [first] = list as [NewJob];
  const rules = (list.at(-1) as NewJob).options.group as Gathering;
  const now = Math.max(...list.map(({ createdAt }) => createdAt));
  const { namespace, queue, type } = first;
  const group = openGroupOf(tables, first) ?? tables.openGroup({
    namespace,
    queue,
    type,
    key: rules.key,
    open: true,
    size: rules.size,
    joined: 0,
    openedAt: now,
    dueAt: now,
    leaderId: null,
  });
  const inside = list.slice(0, Math.max(0, rules.size - group.joined));
  inside.forEach(({ id }, at) => join(tables, tables.jobs.get(id) as JobRow, group, group.joined + at));
  const joined = group.joined + inside.length;
  const dueAt = groupDueAt(rules, { joined, openedAt: group.openedAt, now });
  Object.assign(group, { size: rules.size, joined, dueAt, open: joined < rules.size });
  return list.slice(inside.length);
}

function openGroupOf(tables: Tables, job: NewJob): GroupRecord | undefined {
  const { namespace, queue, type } = job;
  return [...tables.groups.values()].find((group) =>
    group.open && group.namespace === namespace && group.queue === queue && group.type === type &&
    group.key === keyOf(job)
  );
}

function join(tables: Tables, job: JobRow, group: GroupRecord, turn: number): void {
  tables.makeBlocked(job, groupScope(group.id), turn);
  // What is left of an earlier wait means nothing.
  Object.assign(job, { groupId: group.id, waitingFor: null });
}

/** Those who wait in a group, in their order. */
function waiting(tables: Tables, { id }: GroupRecord): JobRow[] {
  return [...tables.parked.get(groupScope(id)) ?? []];
}

/** Jobs of one group that run again at the same time form a new one. */
export function regather(tables: Tables, transitions: Transition[]): void {
  const parts = Map.groupBy(
    transitions.filter(({ id }) => tables.groups.has(tables.jobs.get(id)?.groupId ?? 0)),
    (transition) => `${tables.jobs.get(transition.id)?.groupId} ${runAtOf(transition)}`,
  );
  for (const part of [...parts.values()].filter(({ length }) => length > 1)) {
    const [first] = part as [Transition];
    const before = tables.groups.get(tables.jobs.get(first.id)?.groupId ?? 0) as GroupRecord;
    const group = tables.openGroup({
      ...before,
      open: false,
      size: Math.max(before.size, part.length),
      joined: part.length,
      openedAt: first.at,
      dueAt: runAtOf(first),
      leaderId: null,
    });
    part.forEach(({ id }, at) => join(tables, tables.jobs.get(id) as JobRow, group, at));
  }
}

function runAtOf(transition: Transition): number {
  return transition.to === "scheduled" ? transition.runAt : transition.at;
}

/** Lets groups go whose time has come. */
export function ripen(tables: Tables, now: number, limit: number): Ripened {
  const due = [...tables.groups.values()]
    .filter(({ dueAt }) => dueAt !== null && dueAt <= now)
    .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || a.id - b.id)
    .slice(0, limit);
  let ripened = 0;
  for (const group of due) {
    group.open = false;
    const leader = tables.jobs.get(group.leaderId ?? "");
    const busy = leader !== undefined && leader.groupId === group.id && !isFinal(leader.state);
    const [next] = busy ? [] : waiting(tables, group);
    group.dueAt = busy || next !== undefined ? now + RECHECK_MS : null;
    if (next === undefined) continue;
    tables.makeAvailable(next);
    group.leaderId = next.id;
    ripened++;
  }
  return { ripened, nextDueAt: nextGroupAt(tables) };
}

function nextGroupAt(tables: Tables): number | null {
  const times = [...tables.groups.values()].flatMap(({ dueAt }) => dueAt ?? []);
  return times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b));
}

/** Starts those who wait in the groups of jobs that were claimed. */
export function gather(tables: Tables, { leaseId, runs, apart, now }: GatherRequest): Gathered[] {
  const lease = tables.leases.get(Number(leaseId));
  if (lease === undefined) return [];
  const ids = new Set(runs.flatMap(({ id }) => tables.jobs.get(id)?.groupId ?? []));
  const gathered: Gathered[] = [];
  for (const group of [...ids].sort((a, b) => a - b).flatMap((id) => tables.groups.get(id) ?? [])) {
    const own = runs.map(({ id }) => id).filter((id) => tables.jobs.get(id)?.groupId === group.id);
    if (apart.includes(group.type)) { for (const job of waiting(tables, group)) tables.makeAvailable(job); }
    else {
      const before = startedBefore(tables, group, { leaseId, own });
      const taken = take(tables, group, Math.max(0, group.size - own.length - before.length));
      for (const job of taken) tables.makeRunning(job, lease, now);
      lease.jobs.push(...taken.map(({ id }) => id).filter((id) => !lease.jobs.includes(id)));
      gathered.push({ runs: own, jobs: [...before, ...taken].map(toJob) });
    }
    const left = waiting(tables, group).length > 0;
    Object.assign(group, { open: false, leaderId: null, dueAt: left ? now : null });
  }
  return gathered;
}

/** Those who run under the lease already: said again, it is the same. */
function startedBefore(
  tables: Tables,
  group: GroupRecord,
  { leaseId, own }: { leaseId: string; own: string[] },
): JobRow[] {
  return [...tables.jobs.values()].filter((job) =>
    job.groupId === group.id && job.leaseId === leaseId && !own.includes(job.id)
  ).sort((a, b) => compareText(a.id, b.id));
}

/** Those who gather, then those that wait to be run again. */
function take(tables: Tables, group: GroupRecord, room: number): JobRow[] {
  const again = [...tables.jobs.values()]
    .filter(({ groupId, state }) => groupId === group.id && state === "available")
    .sort(compareDispatch);
  return [...waiting(tables, group), ...again].slice(0, room);
}

/** Groups that wait. */
export function listGroups(tables: Tables, { namespace, key, type, after, limit }: GroupQuery): GroupRow[] {
  return [...tables.groups.values()].filter((group) =>
    group.namespace === namespace && (key === undefined || group.key === key) &&
    (type === undefined || group.type === type) && group.id > Number(after ?? 0)
  ).flatMap((group): GroupRow[] => {
    const jobs = waiting(tables, group).length;
    const { id, queue, type, key, open, size, openedAt, dueAt, leaderId: leader } = group;
    return jobs === 0 || dueAt === null
      ? []
      : [{ id: String(id), queue, type, key, open, jobs, size, openedAt, dueAt, leader }];
  }).slice(0, limit);
}

function meant(tables: Tables, { namespace, type, id, key }: Omit<GroupJobsQuery, "limit">): GroupRecord[] {
  return [...tables.groups.values()].filter((group) =>
    group.namespace === namespace && (type === undefined || group.type === type) &&
    (id === undefined ? group.key === key : group.id === Number(id))
  );
}

/** The jobs of groups. */
export function groupJobs(tables: Tables, query: GroupJobsQuery): Job[] {
  return meant(tables, query).flatMap((group) =>
    [...tables.jobs.values()].filter(({ groupId }) => groupId === group.id).sort((a, b) =>
      compareText(a.id, b.id)
    )
  ).slice(0, query.limit).map(toJob);
}

/** Lets groups go that still wait. */
export function flushGroups(tables: Tables, query: Omit<GroupJobsQuery, "limit">, now: number): number {
  const waits = meant(tables, query).filter((group) =>
    group.dueAt !== null && group.leaderId === null && waiting(tables, group).length > 0
  );
  for (const group of waits) Object.assign(group, { open: false, dueAt: now });
  return waits.length;
}

/** Removes groups of which nothing is left. */
export function pruneGroups(tables: Tables): void {
  const used = new Set([...tables.jobs.values()].map(({ groupId }) => groupId));
  for (const { id, dueAt } of [...tables.groups.values()]) {
    if (dueAt === null && !used.has(id)) tables.groups.delete(id);
  }
}
