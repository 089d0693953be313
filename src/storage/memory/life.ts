import { gainedByAge, mergeLanes } from "../../domain/ageing.ts";
import { amendmentOf } from "../../domain/amendment.ts";
import type { NewJob } from "../../domain/job.ts";
import { conflictError, planContest } from "../../domain/contest.ts";
import { isFinal } from "../../domain/states.ts";
import { failureLeft, type Transition } from "../../domain/transition.ts";
import { failsOnConflict } from "../../domain/unique.ts";
import type {
  ClaimRequest,
  ClaimResult,
  InsertResult,
  LogBatch,
  SettleBatch,
  SettleResult,
} from "../driver.ts";
import { regatherable } from "../sql/join_groups.ts";
import { refuseTwins } from "../twins.ts";
import { amendJob } from "./amend.ts";
import { countMembers, refuseMembers } from "./members.ts";
import { awaitParents, refuseParents } from "./dependencies.ts";
import { block, park } from "./waits.ts";
import { joinGroups, regather } from "./groups.ts";
import { compareDispatch, copy, type JobRow, type QueueRow, type Tables, toJob } from "./tables.ts";

/** Inserts jobs one after the other, or none when the key of one that must be the only one is held. */
export function insertJobs(tables: Tables, jobs: NewJob[]): InsertResult[] {
  refuseTwins(jobs);
  refuseMembers(tables, jobs);
  for (const job of jobs.filter(failsOnConflict)) {
    const holder = tables.jobs.has(job.id) ? undefined : tables.lockHolder(job);
    if (holder !== undefined && planContest(holder, job).kind === "fail") throw conflictError(job, holder);
  }
  refuseParents(tables, jobs);
  const results = awaitParents(tables, jobs, jobs.map((job) => insertJob(tables, job)));
  return joinGroups(tables, jobs, countMembers(tables, jobs, results));
}

/** Inserts one job, unless its id is known or its unique key is held: then that is decided. */
function insertJob(tables: Tables, job: NewJob): InsertResult {
  tables.queue(job.namespace, job.queue, job.createdAt);
  const existing = tables.jobs.get(job.id);
  if (existing !== undefined) return { id: existing.id, outcome: "existing", state: existing.state };
  const holder = tables.lockHolder(job);
  if (holder === undefined) return addJob(tables, job);
  const plan = planContest(holder, job);
  switch (plan.kind) {
    case "fail":
      throw conflictError(job, holder);
    case "keep":
      return { id: holder.id, outcome: "existing", state: holder.state };
    case "defer":
      return insertJob(tables, plan.job);
    case "replace": {
      amendJob(tables, amendmentOf(holder, job.createdAt, { kind: "replace", set: plan.set }));
      return { id: holder.id, outcome: "replaced", state: holder.state };
    }
    case "take": {
      for (const amendment of plan.amendments) amendJob(tables, amendment);
      const { id, state } = holder;
      const added = addJob(tables, job);
      return plan.displaced === undefined
        ? added
        : { ...added, outcome: "replaced", displaced: { id, state } };
    }
  }
}

function addJob(tables: Tables, job: NewJob): InsertResult {
  const row = newRow(job);
  tables.openQueue(job.namespace, job.queue, job.createdAt);
  tables.jobs.set(row.id, row);
  tables.takeLock(row);
  if (row.runAt > row.createdAt) tables.makeScheduled(row, row.runAt);
  else tables.makeAvailable(row);
  return { id: row.id, outcome: "created", state: row.state };
}

function newRow(job: NewJob): JobRow {
  return {
    ...job,
    state: "blocked",
    attempt: 0,
    failures: 0,
    releases: 0,
    seq: 0,
    startedAt: null,
    finishedAt: null,
    cancelRequestedAt: null,
    worker: null,
    leaseId: null,
    waitingFor: null,
    gathering: false,
    progress: null,
    result: null,
    error: null,
  };
}

/** Starts available jobs under one new lease. */
export function claimJobs(tables: Tables, request: ClaimRequest): ClaimResult {
  const jobs = pick(tables, request);
  if (jobs.length === 0) return { leaseId: null, jobs: [] };
  const lease = tables.openLease(request.worker, request.expiresAt, jobs.map((job) => job.id));
  for (const job of jobs) tables.makeRunning(job, lease, request.now);
  return { leaseId: String(lease.id), jobs: jobs.map(toJob) };
}

function pick(tables: Tables, request: ClaimRequest): JobRow[] {
  const { namespace, queues, types, limit } = request;
  const wanted = (job: JobRow): boolean => types === "all" || types.includes(job.type);
  const open = [...tables.queues.values()].filter((queue) =>
    queue.namespace === namespace && queue.pausedAt === null
  );
  const groups = queues === "all"
    ? [open]
    : [...new Set(queues)].map((name) => open.filter((queue) => queue.name === name));
  return groups.flatMap((group) => firstOf(group, wanted, request)).slice(0, limit);
}

/** The first jobs of several queues, in the order of dispatch. */
function firstOf(queues: QueueRow[], wanted: (job: JobRow) => boolean, request: ClaimRequest): JobRow[] {
  const { limit, ageing, now } = request;
  if (!queues.some(({ name }) => ageing?.has(name))) {
    return queues.flatMap(({ ready }) => ready.firstWhere(limit, wanted)).sort(compareDispatch);
  }
  const lanes = queues.flatMap(({ ready }) => {
    return [...Map.groupBy(ready.firstWhere(Infinity, wanted), ({ priority }) => priority).values()];
  });
  const standing = (job: JobRow) => ({
    rank: -job.priority - gainedByAge(job, ageing?.get(job.queue), now),
    seq: job.seq,
  });
  return mergeLanes(lanes, standing, limit);
}

/** Writes the ends of runs. */
export function settleRuns(tables: Tables, batch: SettleBatch): SettleResult[] {
  const { transitions, close, rescue } = batch;
  if (rescue && tables.leases.get(Number(rescue.leaseId))?.expiresAt !== rescue.expiresAt) {
    return transitions.map(() => "stale");
  }
  const results = transitions.map((transition) => settleRun(tables, transition));
  for (const [at, transition] of transitions.entries()) {
    if (transition.to === "blocked" && results[at] === "applied") park(tables, transition);
  }
  regather(tables, regatherable(transitions, (at) => results[at] === "applied"));
  if (results.every((result) => result === "applied")) {
    for (const leaseId of close) tables.leases.delete(Number(leaseId));
  }
  return results;
}

function settleRun(tables: Tables, transition: Transition): SettleResult {
  const { to, at, failures, releases } = transition;
  const job = tables.live(transition.id, transition.attempt);
  if (job === undefined) return "stale";
  if (job.cancelRequestedAt !== null && to !== "cancelled") return "cancel_requested";
  if (!isFinal(to)) {
    const { id: jobId, attempt, worker, startedAt } = job;
    tables.noteExecution({
      jobId,
      attempt,
      worker,
      startedAt: startedAt ?? at,
      finishedAt: at,
      outcome: transition.outcome,
      error: copy(transition.error),
    });
  }
  Object.assign(job, { failures, releases, error: copy(failureLeft(transition)) ?? job.error });
  if (transition.to === "scheduled") tables.makeScheduled(job, transition.runAt);
  else if (transition.to === "available") tables.makeAvailable(job);
  else if (transition.to === "blocked") block(tables, job, transition.wait);
  else tables.makeFinal(job, transition.to, at);
  if (transition.to === "completed") job.result = copy(transition.result);
  return "applied";
}

/** Adds log chunks of one attempt while it is live. */
export function appendLog(tables: Tables, batch: LogBatch): void {
  const { id, attempt, chunks, drop } = batch;
  if (tables.live(id, attempt) === undefined) return;
  const kept = tables.logs.get(id) ?? [];
  const known = new Set(kept.filter((chunk) => chunk.attempt === attempt).map((chunk) => chunk.seq));
  const added = chunks.filter((chunk) => !known.has(chunk.seq)).map((chunk) => ({ attempt, ...copy(chunk) }));
  const dropped = (seq: number): boolean => drop !== undefined && drop.from <= seq && seq < drop.to;
  tables.logs.set(
    id,
    [...kept, ...added]
      .filter((chunk) => chunk.attempt !== attempt || !dropped(chunk.seq))
      .sort((a, b) => a.attempt - b.attempt || a.seq - b.seq),
  );
}
