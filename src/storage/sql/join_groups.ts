import type { Amendment } from "../../domain/amendment.ts";
import { type Gathering, groupDueAt } from "../../domain/group.ts";
import type { NewJob } from "../../domain/job.ts";
import { isFinal, type JobState } from "../../domain/states.ts";
import type { Transition } from "../../domain/transition.ts";
import type { InsertResult } from "../driver.ts";
import { groupScope } from "../group_store.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";
import { own } from "./seen.ts";

/** Jobs that go to one group. */
interface Bucket {
  queueId: string;
  type: string;
  rules: Gathering;
  now: number;
  ids: string[];
}

/** A group with the jobs that are new in it. */
interface Joined {
  groupId: number;
  /** How many were in it before. */
  before: number;
  ids: string[];
}

/** Of the jobs of an insert, those that are new and to be gathered; some were cancelled at once, with their batch. */
export function gatheredOf(jobs: NewJob[], results: InsertResult[]): { job: NewJob; state: JobState }[] {
  return jobs.flatMap((job, at) => {
    const { id, outcome, state } = results[at] as InsertResult;
    const isNew = id === job.id && outcome !== "existing" && !isFinal(state);
    return isNew && isGathered(job) ? [{ job, state }] : [];
  });
}

/** Whether a job is to be gathered with others. */
export function isGathered({ options }: Pick<NewJob, "options">): boolean {
  return options.group !== undefined;
}

/**
 * Lets jobs that were inserted just now, in this transaction, join the open groups of their keys, and opens new ones. Gives
 * their states from now on.
 */
export function* joinGroups(
  d: Dialect,
  made: { job: NewJob; state: JobState }[],
): Script<Map<string, JobState>> {
  const ids = made.map(({ job }) => job.id);
  yield* takeOut(d, made.map(({ job, state }) => ({ id: job.id, state, attempt: 0, at: job.createdAt })));
  const rows = yield* run(
    `select j.id as id, j.queue_id as queue_id from ${d.table("job")} j where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids)],
  );
  const queueIds = new Map(rows.map((row) => [text(row.id), String(row.queue_id)]));
  let open = bucketsOf(made.map(({ job }) => job), queueIds);
  const joined: Joined[] = [];
  while (open.length > 0) {
    const round = yield* joinOnce(d, open);
    joined.push(...round);
    open = open.filter(({ ids }) => ids.length > 0);
  }
  yield* park(d, joined);
  return new Map(ids.map((id) => [id, "blocked"]));
}

/** In one order, so that nobody waits for somebody who waits for him. */
function bucketsOf(jobs: NewJob[], queueIds: ReadonlyMap<string, string>): Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const { id, type, options, createdAt } of jobs) {
    const queueId = queueIds.get(id) ?? "";
    const rules = options.group as Gathering;
    const name = JSON.stringify([queueId, type, rules.key]);
    const bucket = buckets.get(name) ?? { queueId, type, rules, now: createdAt, ids: [] };
    buckets.set(name, { ...bucket, rules, now: Math.max(bucket.now, createdAt), ids: [...bucket.ids, id] });
  }
  return [...buckets].sort(([a], [b]) => a < b ? -1 : 1).map(([, bucket]) => bucket);
}

/** Fills the open group of each bucket, which is opened if there is none; takes those who got in out of the buckets. */
function* joinOnce(d: Dialect, buckets: Bucket[]): Script<Joined[]> {
  const known = yield* lockOpen(d, buckets);
  const missing = buckets.filter((bucket) => !known.has(nameOf(bucket)));
  const found = new Map([...known, ...yield* openGroups(d, missing)]);
  const joined: Joined[] = [];
  const changes: object[] = [];
  for (const bucket of buckets) {
    const { rules, now } = bucket;
    const row = found.get(nameOf(bucket));
    // Somebody else has opened it at the same moment: the next round finds it.
    if (row === undefined) continue;
    const before = int(row.joined);
    const ids = bucket.ids.splice(0, Math.max(0, rules.size - before));
    const sum = before + ids.length;
    const dueAt = groupDueAt(rules, { joined: sum, openedAt: int(row.opened_at), now });
    changes.push({
      id: int(row.id),
      size: rules.size,
      joined: sum,
      open: sum < rules.size ? 1 : 0,
      due_at: dueAt,
    });
    if (ids.length > 0) joined.push({ groupId: int(row.id), before, ids });
  }
  const change = d.rows("$1", "r", {
    id: "bigint",
    size: "integer",
    joined: "integer",
    open: "integer",
    due_at: "instant",
  });
  yield* run(
    `update ${
      d.table("job_group")
    } as g set size = r.size, joined = r.joined, is_open = (r.open = 1), due_at = r.due_at ` +
      `from ${change} where g.id = r.id`,
    [JSON.stringify(changes)],
  );
  return joined;
}

/** The open groups, by name. Until the transaction ends nobody else joins them or lets them go. */
function* lockOpen(d: Dialect, buckets: Bucket[]): Script<Map<string, Row>> {
  const rows = yield* run(
    `select ${columns(d, "g")} from ${d.rows("$1", "r", ROW)} join ${d.table("job_group")} g ` +
      "on g.queue_id = r.queue_id and g.type = r.type and g.key = r.key where g.is_open " +
      `order by r.pos ${d.lock("g")}`,
    [rowsOf(buckets)],
  );
  return new Map(rows.map((row) => [nameOf(row as NamedRow), row]));
}

/** New groups, by name; without those that others have opened meanwhile. */
function* openGroups(d: Dialect, buckets: Bucket[]): Script<Map<string, Row>> {
  if (buckets.length === 0) return new Map();
  const rows = yield* run(
    `insert into ${
      d.table("job_group")
    } as g (queue_id, type, key, is_open, size, joined, opened_at, due_at) ` +
      `select r.queue_id, r.type, r.key, true, r.size, 0, r.at, r.at from ${d.rows("$1", "r", ROW)} ` +
      `where true order by r.pos on conflict do nothing returning ${columns(d)}`,
    [rowsOf(buckets)],
  );
  return new Map(rows.map((row) => [nameOf(row as NamedRow), row]));
}

const ROW = {
  pos: "integer",
  queue_id: "bigint",
  type: "text",
  key: "text",
  size: "integer",
  at: "instant",
} as const;

interface NamedRow extends Row {
  queue_id: unknown;
  type: unknown;
  key: unknown;
}

function columns(d: Dialect, alias?: string): string {
  const of = (name: string): string => alias === undefined ? name : `${alias}.${name}`;
  const plain = ["id", "queue_id", "type", "key", "joined"].map((name) => `${of(name)} as ${name}`);
  return [...plain, `${d.ms(of("opened_at"))} as opened_at`].join(", ");
}

function rowsOf(buckets: Bucket[]): string {
  return JSON.stringify(buckets.map(({ queueId, type, rules: { key, size }, now }, pos) => ({
    pos,
    queue_id: queueId,
    type,
    key,
    size,
    at: now,
  })));
}

/** What tells groups apart. */
function nameOf(group: Bucket | NamedRow): string {
  const { queueId, key } = "rules" in group
    ? { queueId: group.queueId, key: (group as Bucket).rules.key }
    : { queueId: String(group.queue_id), key: group.key };
  return JSON.stringify([queueId, group.type, key]);
}

/** Removes the dispatch rows of jobs, which are blocked from now on. */
function* takeOut(
  d: Dialect,
  jobs: { id: string; state: JobState; attempt: number; at: number }[],
): Script<void> {
  const seen = jobs.map(({ id, state: from, attempt, at }): Amendment => ({
    id,
    from,
    attempt,
    at,
    change: { kind: "makeAvailable" },
  }));
  yield* own(d, seen);
  yield* run(
    `update ${d.table("job")} set state = 'blocked', seq = null, waiting_for = null where id ${
      among(d, "$1", "uuid")
    }`,
    [JSON.stringify(jobs.map(({ id }) => id))],
  );
}

/** Writes where jobs wait, and for good to which group they belong. */
function* park(d: Dialect, joined: Joined[]): Script<void> {
  const rows = joined.flatMap(({ groupId, before, ids }) =>
    ids.map((id, at) => ({ job_id: id, group_id: groupId, scope: groupScope(groupId), turn: before + at }))
  );
  if (rows.length === 0) return;
  const item = d.rows("$1", "r", { job_id: "uuid", group_id: "bigint", scope: "text", turn: "bigint" });
  yield* run(
    `insert into ${d.table("parked")} (scope, rank, turn, job_id, queue_id, type, key, weight) ` +
      `select r.scope, -j.priority, r.turn, j.id, j.queue_id, j.type, '', 1 from ${item} ` +
      `join ${d.table("job")} j on j.id = r.job_id`,
    [JSON.stringify(rows)],
  );
  yield* run(
    `insert into ${d.table("group_member")} (job_id, group_id) select r.job_id, r.group_id from ${item} ` +
      "where true on conflict (job_id) do update set group_id = excluded.group_id",
    [JSON.stringify(rows)],
  );
}

/** Of ends that were written, those whose jobs may be gathered again. */
export function regatherable(transitions: Transition[], applied: (at: number) => boolean): Transition[] {
  return transitions.filter(({ grouped, to }, at) =>
    grouped === true && (to === "scheduled" || to === "available") && applied(at)
  );
}

/** Whether some of these ends may bring jobs together again. */
export function mayRegather(transitions: Transition[]): boolean {
  return regatherable(transitions, () => true).length > 1;
}

/**
 * Jobs of one group that run again at the same time stay together: they form a new group, which nobody else joins. One that
 * is alone waits as any other job does. Gives whether there were any.
 */
export function* regather(d: Dialect, transitions: Transition[]): Script<boolean> {
  if (transitions.length < 2) return false;
  const rows = yield* run(
    `select m.job_id as id, m.group_id as group_id, g.queue_id as queue_id, g.type as type, g.key as key, ` +
      `g.size as size from ${d.table("group_member")} m join ${
        d.table("job_group")
      } g on g.id = m.group_id ` +
      `where m.job_id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(transitions.map(({ id }) => id))],
  );
  const members = new Map(rows.map((row) => [text(row.id), row]));
  const parts = Map.groupBy(
    transitions.filter(({ id }) => members.has(id)),
    (transition) => `${members.get(transition.id)?.group_id} ${runAtOf(transition)}`,
  );
  const joined: Joined[] = [];
  for (const part of [...parts.values()].filter(({ length }) => length > 1)) {
    const [first] = part as [Transition];
    const group = members.get(first.id);
    yield* takeOut(d, part.map(({ id, to, attempt, at }) => ({ id, state: to, attempt, at })));
    const [made] = yield* run(
      `insert into ${d.table("job_group")} (queue_id, type, key, is_open, size, joined, opened_at, due_at) ` +
        `values ($1, $2, $3, false, $4, $5, ${d.instant("$6")}, ${d.instant("$7")}) returning id`,
      [
        int(group?.queue_id),
        text(group?.type),
        text(group?.key),
        Math.max(int(group?.size), part.length),
        part.length,
        first.at,
        runAtOf(first),
      ],
    );
    joined.push({ groupId: int(made?.id), before: 0, ids: part.map(({ id }) => id) });
  }
  yield* park(d, joined);
  return joined.length > 0;
}

function runAtOf(transition: Transition): number {
  return transition.to === "scheduled" ? transition.runAt : transition.at;
}
