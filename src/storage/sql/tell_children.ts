import { type Dependency, type ParentEnd, review, whenNoneLeft } from "../../domain/dependency.ts";
import type { TellRequest, Told } from "../driver.ts";
import { amend } from "./amend.ts";
import { AFTER } from "./await_parents.ts";
import { among, type Dialect } from "./dialect.ts";
import { goOn } from "./go_on.ts";
import { int, json, text } from "./row.ts";
import { run, type Script } from "./script.ts";

interface End extends ParentEnd {
  /** Its place among the ends. */
  seq: number;
}

interface Edge {
  parent: string;
  child: string;
}

/** A job that waits for others. */
interface Child {
  id: string;
  after: Dependency;
}

/** What is to be written. */
interface Verdicts {
  go: string[];
  cancel: Map<string, string>;
  /** Edges that do not matter any more. */
  settled: Edge[];
  /** Edges that matter again only if the parent is retried. */
  held: Edge[];
}

/** {@linkcode Driver.tellChildren}: a parent with many children takes several calls. */
export function* tellChildren(d: Dialect, { now, limit }: TellRequest): Script<Told> {
  const ends = yield* takeEnds(d, limit);
  if (ends.length === 0) return { released: [], cancelled: [], more: false };
  // The latest end of a job counts.
  const byParent = new Map(ends.map((end): [string, End] => [end.id, end]));
  const edges = yield* edgesOf(d, [...byParent.values()], limit);
  const children = yield* lockChildren(d, edges);
  const verdicts = reviewAll(edges, byParent, children);
  yield* removeEdges(d, verdicts.settled);
  yield* holdEdges(d, verdicts.held);
  yield* seeWhoHasNoneLeft(d, verdicts, children);
  const { go, cancel } = verdicts;
  yield* forgetChildren(d, [...go, ...cancel.keys()]);
  const released = yield* release(d, go.sort(), now);
  const cancelled = yield* cancelAll(d, cancel, now);
  const all = edges.length < limit;
  if (all) yield* forgetEnds(d, ends);
  return { released, cancelled, more: !all || ends.length === limit };
}

/** Whether there are ends to tell of. */
export function* someEnded(d: Dialect): Script<boolean> {
  return (yield* run(`select 1 as one from ${d.table("ended")} limit 1`)).length > 0;
}

/** The oldest ends that nobody else is telling of. */
function* takeEnds(d: Dialect, limit: number): Script<End[]> {
  const rows = yield* run(
    `select e.seq as seq, e.job_id as job_id, e.state as state from ${d.table("ended")} e order by e.seq ` +
      `limit ${limit} ${d.lockFree("e")}`,
  );
  return rows.map((row) => ({
    seq: int(row.seq),
    id: text(row.job_id),
    completed: row.state === "completed",
  }));
}

function* edgesOf(d: Dialect, ends: End[], limit: number): Script<Edge[]> {
  const rows = yield* run(
    `select e.parent_id as parent, e.child_id as child from ${
      d.rows("$1", "r", { job_id: "uuid", completed: "integer" })
    } join ${d.table("dependency")} e on e.parent_id = r.job_id ` +
      `where r.completed = 1 or not e.held limit ${limit}`,
    [JSON.stringify(ends.map(({ id, completed }) => ({ job_id: id, completed: completed ? 1 : 0 })))],
  );
  return rows.map((row) => ({ parent: text(row.parent), child: text(row.child) }));
}

/** Those that still wait for others, as `blockedBy` in domain/wait.ts says: one that was claimed waits for something else. */
function* lockChildren(d: Dialect, edges: Edge[]): Script<Map<string, Child>> {
  if (edges.length === 0) return new Map();
  const rows = yield* run(
    `select j.id as id, ${d.jsonPart("j.options", "after")} as after from ${d.table("job")} j ` +
      `where j.id ${among(d, "$1", "uuid")} and j.state = 'blocked' and j.attempt = 0 ` +
      `order by j.id ${d.lock("j")}`,
    [JSON.stringify([...new Set(edges.map(({ child }) => child))])],
  );
  return new Map(rows.map((row): [string, Child] => {
    const id = text(row.id);
    return [id, { id, after: json(row.after) as unknown as Dependency }];
  }));
}

function reviewAll(
  edges: Edge[],
  ends: ReadonlyMap<string, ParentEnd>,
  children: ReadonlyMap<string, Child>,
): Verdicts {
  const verdicts: Verdicts = { go: [], cancel: new Map(), settled: [], held: [] };
  for (const [id, own] of Map.groupBy(edges, ({ child }) => child)) {
    const child = children.get(id);
    if (child === undefined) {
      verdicts.settled.push(...own);
      continue;
    }
    const verdict = review(child.after, own.flatMap(({ parent }) => ends.get(parent) ?? []));
    if (verdict.kind === "go") verdicts.go.push(id);
    else if (verdict.kind === "cancel") verdicts.cancel.set(id, verdict.reason);
    else {
      const edge = (parent: string): Edge => ({ parent, child: id });
      verdicts.settled.push(...verdict.settled.map(edge));
      verdicts.held.push(...verdict.held.map(edge));
    }
  }
  return verdicts;
}

/** Of the children that lost edges, those that have none any more. */
function* seeWhoHasNoneLeft(
  d: Dialect,
  { go, cancel, settled }: Verdicts,
  children: ReadonlyMap<string, Child>,
): Script<void> {
  const ids = [...new Set(settled.map(({ child }) => child))].filter((id) => children.has(id));
  if (ids.length === 0) return;
  const rows = yield* run(
    `select v.value as id from ${d.values("$1", "v", "uuid")} ` +
      `where not exists (select 1 from ${d.table("dependency")} e where e.child_id = v.value)`,
    [JSON.stringify(ids)],
  );
  for (const row of rows) {
    const id = text(row.id);
    const verdict = whenNoneLeft((children.get(id) as Child).after);
    if (verdict.kind === "go") go.push(id);
    else cancel.set(id, verdict.reason);
  }
}

function* removeEdges(d: Dialect, edges: Edge[]): Script<void> {
  if (edges.length === 0) return;
  yield* run(`delete from ${d.table("dependency")} where ${isEdge(d)}`, [JSON.stringify(edges)]);
}

function* holdEdges(d: Dialect, edges: Edge[]): Script<void> {
  if (edges.length === 0) return;
  yield* run(`update ${d.table("dependency")} set held = true where ${isEdge(d)}`, [JSON.stringify(edges)]);
}

function isEdge(d: Dialect): string {
  return `(parent_id, child_id) in (select r.parent, r.child from ${
    d.rows("$1", "r", { parent: "uuid", child: "uuid" })
  })`;
}

function* forgetChildren(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  yield* run(`delete from ${d.table("dependency")} where child_id ${among(d, "$1", "uuid")}`, [
    JSON.stringify(ids),
  ]);
}

function* forgetEnds(d: Dialect, ends: End[]): Script<void> {
  yield* run(`delete from ${d.table("ended")} where seq ${among(d, "$1", "bigint")}`, [
    JSON.stringify(ends.map(({ seq }) => String(seq))),
  ]);
}

/** Jobs that wait for nothing but their time from now on. */
function* release(d: Dialect, ids: string[], now: number): Script<string[]> {
  if (ids.length === 0) return [];
  const list = JSON.stringify(ids);
  yield* run(
    `delete from ${d.table("parked")} where scope = '${AFTER}' and job_id ${among(d, "$1", "uuid")}`,
    [list],
  );
  yield* goOn(d, ids, now);
  return ids;
}

function* cancelAll(d: Dialect, cancel: ReadonlyMap<string, string>, at: number): Script<string[]> {
  if (cancel.size === 0) return [];
  const sorted = [...cancel].sort(([a], [b]) => a < b ? -1 : 1);
  yield* amend(
    d,
    sorted.map(([id, reason]) => ({
      id,
      from: "blocked",
      attempt: 0,
      at,
      change: { kind: "cancel", reason },
    })),
  );
  return sorted.map(([id]) => id);
}
