import type { Amendment } from "../../domain/amendment.ts";
import {
  type Dependency,
  parentsFirst,
  type Review,
  review,
  unknownParent,
  whenNoneLeft,
} from "../../domain/dependency.ts";
import type { NewJob } from "../../domain/job.ts";
import { isFinal, type JobState } from "../../domain/states.ts";
import type { InsertResult } from "../driver.ts";
import { amend } from "./amend.ts";
import { among, type Dialect } from "./dialect.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";
import { own } from "./seen.ts";

/** Where jobs wait for others, among the gates; no gate has this name. */
export const AFTER = "after";

/** A job that was inserted just now, and its state since then. */
export interface Inserted {
  /** The job. */
  job: NewJob;
  /** Its state. */
  state: JobState;
}

/**
 * Makes jobs that were inserted just now, in this transaction, wait for those that they are to come after. Gives their
 * states from now on: one whose parents have all completed is as it was, one whose parent has failed is cancelled.
 *
 * @throws {JobdError} `invalid_request` for a parent that does not exist, and for jobs that wait for each other
 */
export function* awaitParents(d: Dialect, inserted: Inserted[]): Script<Map<string, JobState>> {
  const states = new Map<string, JobState>();
  for (const group of Map.groupBy(inserted, ({ job }) => job.namespace).values()) {
    for (const [id, state] of yield* awaitInNamespace(d, group)) states.set(id, state);
  }
  return states;
}

/** Of the jobs of an insert, those that are new and are to come after others. */
export function madeOf(jobs: NewJob[], results: InsertResult[]): Inserted[] {
  return jobs.flatMap((job, at) => {
    const { id, outcome, state } = results[at] as InsertResult;
    return job.options.after !== undefined && id === job.id && outcome !== "existing" ? [{ job, state }] : [];
  });
}

/** Results with the states that {@linkcode awaitParents} gave. */
export function withStates(results: InsertResult[], states: ReadonlyMap<string, JobState>): InsertResult[] {
  return results.map((result) => ({ ...result, state: states.get(result.id) ?? result.state }));
}

function* awaitInNamespace(d: Dialect, group: Inserted[]): Script<Map<string, JobState>> {
  const order = parentsFirst(group.map(({ job }) => job));
  const parents = yield* lockParents(d, order);
  const states = new Map(group.map(({ job, state }) => [job.id, state]));
  for (const [id, state] of states) if (parents.has(id)) parents.set(id, state);
  const edges: { parent_id: string; child_id: string; held: number }[] = [];
  const cancelled: Amendment[] = [];
  for (const job of order) {
    const verdict = decide(job, parents);
    if (verdict.kind === "go") continue;
    if (verdict.kind === "cancel") {
      const from = states.get(job.id) as JobState;
      const { id, createdAt: at } = job;
      cancelled.push({ id, from, attempt: 0, at, change: { kind: "cancel", reason: verdict.reason } });
    } else {
      const held = new Set(verdict.held);
      edges.push(
        ...verdict.left.map((id) => ({ parent_id: id, child_id: job.id, held: held.has(id) ? 1 : 0 })),
      );
    }
    const state = verdict.kind === "cancel" ? "cancelled" : "blocked";
    states.set(job.id, state);
    if (parents.has(job.id)) parents.set(job.id, state);
  }
  yield* block(d, group.filter(({ job }) => states.get(job.id) === "blocked"));
  yield* addEdges(d, edges);
  if (cancelled.length > 0) yield* amend(d, cancelled);
  return states;
}

/** What the states of its parents mean for a new job: with `left`, those that it waits for. */
function decide(
  job: NewJob,
  parents: ReadonlyMap<string, JobState>,
): Exclude<Review, { kind: "wait" }> | { kind: "wait"; left: string[]; held: string[] } {
  const after = job.options.after as Dependency;
  const ends = after.jobs.flatMap((id) => {
    const state = parents.get(id);
    if (state === undefined) throw unknownParent(job, id);
    return isFinal(state) ? [{ id, completed: state === "completed" }] : [];
  });
  const verdict = review(after, ends);
  if (verdict.kind !== "wait") return verdict;
  const settled = new Set(verdict.settled);
  const left = after.jobs.filter((id) => !settled.has(id));
  return left.length === 0 ? whenNoneLeft(after) : { kind: "wait", left, held: verdict.held };
}

/** The states of all parents; none of them ends before this transaction does. */
function* lockParents(d: Dialect, jobs: NewJob[]): Script<Map<string, JobState>> {
  const ids = new Set(jobs.flatMap(({ options }) => options.after?.jobs ?? []));
  const rows = yield* run(
    `select j.id as id, j.state as state from ${d.table("job")} j join ${
      d.table("queue")
    } q on q.id = j.queue_id ` +
      `where j.id ${among(d, "$1", "uuid")} and q.namespace = $2 order by j.id ${d.lock("j")}`,
    [JSON.stringify([...ids]), jobs[0]?.namespace ?? ""],
  );
  return new Map(rows.map((row) => [text(row.id), row.state as JobState]));
}

/** Takes new jobs out of dispatch. */
function* block(d: Dialect, jobs: Inserted[]): Script<void> {
  if (jobs.length === 0) return;
  yield* own(
    d,
    jobs.map(({ job: { id, createdAt: at }, state: from }): Amendment => ({
      id,
      from,
      attempt: 0,
      at,
      change: { kind: "makeAvailable" },
    })),
  );
  const ids = JSON.stringify(jobs.map(({ job }) => job.id));
  yield* run(
    `update ${d.table("job")} set state = 'blocked', seq = null where id ${among(d, "$1", "uuid")}`,
    [ids],
  );
  yield* run(
    `insert into ${d.table("parked")} (scope, rank, turn, job_id, queue_id, type, key, weight) ` +
      `select '${AFTER}', -j.priority, 0, j.id, j.queue_id, j.type, '', 1 from ${d.table("job")} j ` +
      `where j.id ${among(d, "$1", "uuid")}`,
    [ids],
  );
}

function* addEdges(
  d: Dialect,
  edges: { parent_id: string; child_id: string; held: number }[],
): Script<void> {
  if (edges.length === 0) return;
  const rows = d.rows("$1", "r", { parent_id: "uuid", child_id: "uuid", held: "integer" });
  yield* run(
    `insert into ${d.table("dependency")} (parent_id, child_id, held) ` +
      `select r.parent_id, r.child_id, r.held = 1 from ${rows}`,
    [JSON.stringify(edges)],
  );
  yield* run(
    `update ${d.table("job")} set awaited = true where id ${among(d, "$1", "uuid")} and not awaited`,
    [JSON.stringify([...new Set(edges.map(({ parent_id }) => parent_id))])],
  );
}
