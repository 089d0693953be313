import { planContest } from "../../domain/contest.ts";
import {
  type Dependency,
  type ParentEnd,
  parentsFirst,
  type Review,
  review,
  unknownParent,
  whenNoneLeft,
} from "../../domain/dependency.ts";
import type { NewJob } from "../../domain/job.ts";
import { isFinal } from "../../domain/states.ts";
import type { InsertResult, TellRequest, Told } from "../driver.ts";
import { blockedBy } from "../../domain/wait.ts";
import { amendJob } from "./amend.ts";
import { compareText, type JobRow, type Tables } from "./tables.ts";

/** Where jobs wait for others, among the gates; no gate has this name. */
const AFTER = "after";

/** Refuses jobs that are to wait for others that do not exist, or for each other; nothing is inserted yet. */
export function refuseParents(tables: Tables, jobs: NewJob[]): void {
  const fresh = new Map<string, NewJob>();
  for (const job of jobs) {
    // Of jobs with the same id the first is inserted.
    if (!fresh.has(job.id) && !tables.jobs.has(job.id) && !givesWay(tables, job)) fresh.set(job.id, job);
  }
  for (const job of parentsFirst([...fresh.values()].filter(({ options }) => options.after !== undefined))) {
    for (const id of job.options.after?.jobs ?? []) {
      const namespace = tables.jobs.get(id)?.namespace ?? fresh.get(id)?.namespace;
      if (namespace !== job.namespace) throw unknownParent(job, id);
    }
  }
}

function givesWay(tables: Tables, job: NewJob): boolean {
  const holder = tables.lockHolder(job);
  return holder !== undefined && ["keep", "replace"].includes(planContest(holder, job).kind);
}

/** Makes jobs that were inserted just now wait for others; gives the results with their states from now on. */
export function awaitParents(tables: Tables, jobs: NewJob[], results: InsertResult[]): InsertResult[] {
  const made = jobs.filter((job, at) => results[at]?.id === job.id && results[at]?.outcome !== "existing");
  const waiting = made.filter(({ options }) => options.after !== undefined);
  for (const job of parentsFirst(waiting)) awaitOwn(tables, job);
  return results.map((result) => {
    const state = waiting.some(({ id }) => id === result.id) ? tables.jobs.get(result.id)?.state : undefined;
    return state === undefined ? result : { ...result, state };
  });
}

function awaitOwn(tables: Tables, { id, createdAt, options }: NewJob): void {
  const job = tables.jobs.get(id) as JobRow;
  const after = options.after as Dependency;
  const ends = after.jobs.flatMap((parent): ParentEnd[] => {
    const state = tables.jobs.get(parent)?.state;
    return state === undefined || !isFinal(state) ? [] : [{ id: parent, completed: state === "completed" }];
  });
  let verdict = review(after, ends);
  if (verdict.kind === "wait") {
    const settled = new Set(verdict.settled);
    const left = after.jobs.filter((parent) => !settled.has(parent));
    if (left.length > 0) {
      tables.makeBlocked(job, AFTER, 0);
      for (const parent of left) tables.awaits(parent, id, verdict.held.includes(parent));
      return;
    }
    verdict = whenNoneLeft(after);
  }
  if (verdict.kind === "cancel") cancel(tables, job, { reason: verdict.reason, at: createdAt });
}

/** Tells jobs that wait for others of ends. */
export function tellChildren(tables: Tables, { now, limit }: TellRequest): Told {
  const ends = tables.ended.splice(0, limit);
  const byParent = new Map(ends.map((end) => [end.id, end]));
  const byChild = Map.groupBy(
    [...byParent.values()].flatMap((end) =>
      [...tables.children.get(end.id) ?? []]
        .filter(([, held]) => end.completed || !held)
        .map(([child]) => ({ child, end }))
    ),
    ({ child }) => child,
  );
  const told: Told = { released: [], cancelled: [], more: tables.ended.length > 0 };
  const verdicts = [...byChild].map(([id, edges]) => ({
    id,
    verdict: settle(tables, id, edges.map(({ end }) => end)),
  }));
  for (const { id, verdict } of verdicts.sort((a, b) => compareText(a.id, b.id))) {
    const job = tables.jobs.get(id);
    if (verdict === undefined || verdict.kind === "wait" || job === undefined) continue;
    tables.forgetChild(id);
    if (verdict.kind === "go") {
      told.released.push(id);
      if (job.runAt > now) tables.makeScheduled(job, job.runAt);
      else tables.makeAvailable(job);
    } else {
      told.cancelled.push(id);
      cancel(tables, job, { reason: verdict.reason, at: now });
    }
  }
  return told;
}

/** What ends mean for one job; undefined when it does not wait for others any more. */
function settle(tables: Tables, id: string, ends: ParentEnd[]): Review | undefined {
  const job = tables.jobs.get(id);
  const after = job?.options.after;
  if (job === undefined || blockedBy(job) !== "jobs" || after === undefined) {
    tables.forgetChild(id);
    return undefined;
  }
  const verdict = review(after, ends);
  if (verdict.kind !== "wait") return verdict;
  for (const parent of verdict.settled) tables.children.get(parent)?.delete(id);
  for (const parent of verdict.held) tables.children.get(parent)?.set(id, true);
  const left = after.jobs.some((parent) => tables.children.get(parent)?.has(id));
  return left ? verdict : whenNoneLeft(after);
}

function cancel(tables: Tables, job: JobRow, { reason, at }: { reason: string; at: number }): void {
  const { id, state: from, attempt } = job;
  amendJob(tables, { id, from, attempt, at, change: { kind: "cancel", reason } });
}
