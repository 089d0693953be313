import { Admission, nextTurn } from "../../domain/admission.ts";
import type { Job } from "../../domain/job.ts";
import { type Gate, type Limited, Limits } from "../../domain/limit.ts";
import type { Run } from "../../domain/transition.ts";
import type { AcquireRequest, AcquireResult } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { addHolds, forgetHolds, gateStates, type Hold, saveGates } from "./gates.ts";
import { limitsOf } from "./limits.ts";
import { int, jobColumns, jobTables, text, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";

/** What must be known of a job that is to wait. */
export type Parking = Pick<Job, "id" | "priority" | "options">;

/** A job that must wait. */
interface Waiting {
  job: Job;
  scope: string;
  openAt: number | null;
}

/** {@linkcode Driver.acquire}. */
export function* acquire(
  d: Dialect,
  { namespace, leaseId, runs, now }: AcquireRequest,
): Script<AcquireResult[]> {
  const jobs = yield* claimed(d, leaseId, runs.map(({ id }) => id));
  const limits = yield* limitsFor(d, namespace, [...jobs.values()]);
  const gates = new Map([...jobs.values()].map((job) => [job.id, limits.gatesOf(job)]));
  // Said again, it is the same: what these attempts hold already does not stand in their own way.
  const again = [...jobs.keys()];
  const admission = yield* admissionTo(d, [...gates.values()].flat(), { now, again });
  const waiting: Waiting[] = [];
  const passed: Hold[] = [];
  for (const { id, attempt } of runs) {
    const job = jobs.get(id);
    if (job === undefined || job.attempt !== attempt) continue;
    const own = gates.get(id) ?? [];
    const verdict = admission.pass(own, { weight: job.options.limitWeight ?? 1 });
    if (verdict.granted) passed.push(...holdsOf(own, job));
    else {
      admission.park(verdict.scope, verdict.openAt);
      waiting.push({ job, ...verdict });
    }
  }
  const parked = yield* park(d, waiting, admission);
  yield* addHolds(d, passed);
  yield* saveGates(d, admission.changed);
  if (parked.size > 0) yield* closeEmptyLease(d, leaseId);
  return runs.map(({ id, attempt }) => {
    if (jobs.get(id)?.attempt !== attempt) return "stale";
    return parked.has(id) ? "parked" : "granted";
  });
}

/** The limits that may concern these jobs. They stay so until the transaction ends, and with it all that follows from them. */
export function* limitsFor(d: Dialect, namespace: string, jobs: Limited[]): Script<Limits> {
  yield* d.lockLimits("read");
  const names = new Set(jobs.flatMap(({ queue, type }) => [queue, type]));
  return new Limits(yield* limitsOf(d, namespace, [...names]));
}

/** Locks gates and sees how they stand without what the jobs `again` hold. */
export function* admissionTo(
  d: Dialect,
  gates: Gate[],
  { now, again = [] }: { now: number; again?: string[] },
): Script<Admission> {
  const scopes = [...new Set(gates.map(({ scope }) => scope))].sort();
  if (scopes.length === 0) return new Admission([], now);
  yield* d.lockGates(scopes);
  if (again.length > 0) yield* forgetHolds(d, again);
  return new Admission(yield* gateStates(d, scopes), now);
}

/** What a job that has passed holds: a place at each gate that counts what runs. */
export function holdsOf(gates: Gate[], { id, attempt }: Run): Hold[] {
  return gates.filter(({ limit }) => limit.settings.concurrency !== undefined)
    .map(({ scope }) => ({ scope, jobId: id, attempt }));
}

function* claimed(d: Dialect, leaseId: string, ids: string[]): Script<Map<string, Job>> {
  const rows = yield* run(
    `select ${jobColumns(d, ["payload", "progress", "result", "error"])} from ${jobTables(d)} ` +
      `where j.id ${among(d, "$1", "uuid")} and j.state = 'running' order by j.id ${d.lock("j")}`,
    [JSON.stringify(ids)],
  );
  const jobs = rows.map(toJob).filter((job) => job.leaseId === leaseId);
  return new Map(jobs.map((job) => [job.id, job]));
}

/** Gives the ids of those that wait now: one that is to be cancelled starts, so that it ends. */
function* park(d: Dialect, waiting: Waiting[], admission: Admission): Script<Set<string>> {
  if (waiting.length === 0) return new Set();
  const ids = JSON.stringify(waiting.map(({ job }) => job.id));
  const rows = yield* run(
    `update ${d.table("job")} set state = 'blocked', lease_id = null, waiting_for = null where id ${
      among(d, "$1", "uuid")
    } ` +
      "and state = 'running' and cancel_requested_at is null returning id",
    [ids],
  );
  const parked = new Set(rows.map((row) => text(row.id)));
  yield* insertParked(d, waiting.filter(({ job }) => parked.has(job.id)), admission);
  return parked;
}

/** Gives jobs their turns at the gates at which they wait. */
export function* insertParked(
  d: Dialect,
  waiting: { job: Parking; scope: string }[],
  admission: Admission,
): Script<void> {
  const turns = yield* latestTurns(d, waiting);
  const rows = waiting.map(({ job, scope }) => {
    const key = job.options.limitKey ?? "";
    const place = `${scope}\n${key}`;
    const turn = nextTurn(admission.state(scope).turn, turns.get(place));
    turns.set(place, turn);
    return { scope, rank: -job.priority, turn, job_id: job.id, key, weight: job.options.limitWeight ?? 1 };
  });
  const item = d.rows("$1", "r", {
    scope: "text",
    rank: "integer",
    turn: "bigint",
    job_id: "uuid",
    key: "text",
    weight: "integer",
  });
  yield* run(
    `insert into ${d.table("parked")} (scope, rank, turn, job_id, queue_id, type, key, weight) ` +
      `select r.scope, r.rank, r.turn, j.id, j.queue_id, j.type, r.key, r.weight from ${item} ` +
      `join ${d.table("job")} j on j.id = r.job_id`,
    [JSON.stringify(rows)],
  );
}

function* latestTurns(d: Dialect, waiting: { job: Parking; scope: string }[]): Script<Map<string, number>> {
  const places = new Map(
    waiting.map(({ job, scope }) => {
      const key = job.options.limitKey ?? "";
      return [`${scope}\n${key}`, { scope, key }];
    }),
  );
  const rows = yield* run(
    `select r.scope as scope, r.key as key, (select max(p.turn) from ${d.table("parked")} p ` +
      `where p.scope = r.scope and p.key = r.key) as turn from ${
        d.rows("$1", "r", { scope: "text", key: "text" })
      }`,
    [JSON.stringify([...places.values()])],
  );
  return new Map(
    rows.filter((row) => row.turn !== null).map((
      row,
    ) => [`${text(row.scope)}\n${text(row.key)}`, int(row.turn)]),
  );
}

function* closeEmptyLease(d: Dialect, leaseId: string): Script<void> {
  yield* run(
    `delete from ${d.table("lease")} as l where id ${among(d, "$1", "bigint")} and not exists (` +
      `select 1 from ${d.leaseJobs("l", "e")} join ${d.table("job")} j on j.id = e.value ` +
      "where j.lease_id = l.id and j.state = 'running')",
    [JSON.stringify([leaseId])],
  );
}
