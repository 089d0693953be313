import { type Admission, gatesTried } from "../../domain/admission.ts";
import type { Job } from "../../domain/job.ts";
import type { Gate } from "../../domain/limit.ts";
import type { ClaimRequest, ClaimResult } from "../driver.ts";
import { admissionTo, holdsOf, insertParked, limitsFor } from "./acquire.ts";
import { among, type Dialect } from "./dialect.ts";
import { addHolds, type Hold, saveGates } from "./gates.ts";
import { type Candidate, heads } from "./heads.ts";
import { intOrNull, jobColumns, jobTables, text, toJob } from "./row.ts";
import { Params, run, type Script } from "./script.ts";

/** {@linkcode Driver.claimParked}. */
export function* claimParked(d: Dialect, request: ClaimRequest): Script<ClaimResult> {
  const { namespace, now } = request;
  const open = yield* openGates(d, request);
  const nothing = { leaseId: null, jobs: [] };
  if (open.length === 0) return { ...nothing, ...yield* nextOpenAt(d, request) };
  const candidates = yield* heads(d, open, request);
  const limits = yield* limitsFor(d, namespace, candidates.map(({ job }) => job));
  const gates = new Map(candidates.map(({ job }) => [job.id, limits.gatesOf(job)]));
  const own = open.map((scope) => ({ scope })) as Gate[];
  const admission = yield* admissionTo(d, [...own, ...[...gates.values()].flat()], { now });
  const chosen = yield* choose(d, { candidates, gates, admission, open, request });
  const jobs = yield* start(d, chosen, request);
  yield* addHolds(d, jobs.flatMap((job): Hold[] => holdsOf(gates.get(job.id) ?? [], job)));
  yield* saveGates(d, admission.changed);
  const next = yield* nextOpenAt(d, request);
  return { ...nothing, ...(jobs[0] === undefined ? {} : { leaseId: jobs[0].leaseId, jobs }), ...next };
}

/** Gates that may let somebody pass, those first that have been tried the longest time ago. */
function* openGates(d: Dialect, request: ClaimRequest): Script<string[]> {
  const params = new Params();
  const rows = yield* run(
    `select scope from ${d.table("gate")} g where ${served(d, request, params)} and g.open_at is not null ` +
      `and g.open_at <= ${d.instant(params.add(request.now))} order by g.open_at, g.scope limit ${
        gatesTried(request.limit)
      }`,
    params.values,
  );
  return rows.map((row) => text(row.scope));
}

function* nextOpenAt(d: Dialect, request: ClaimRequest): Script<{ nextOpenAt?: number }> {
  const params = new Params();
  const [row] = yield* run(
    `select ${d.ms("min(g.open_at)")} as at from ${d.table("gate")} g where ${served(d, request, params)} ` +
      "and g.open_at is not null",
    params.values,
  );
  const at = intOrNull(row?.at);
  return at === null ? {} : { nextOpenAt: at };
}

/** Gates at which there may be jobs for this worker. */
function served(d: Dialect, { namespace, queues, types }: ClaimRequest, params: Params): string {
  const isServed = (names: string[] | "all"): string =>
    names === "all" ? "true" : `g.name ${among(d, params.json(names), "text")}`;
  return `g.namespace = ${params.add(namespace)} and (` +
    `(g.target = 'queue' and ${isServed(queues)}) or (g.target = 'type' and ${isServed(types)}))`;
}

/** Decides who starts, and says of each gate when it should be tried again. */
function* choose(d: Dialect, { candidates, gates, admission, open, request }: {
  candidates: Candidate[];
  gates: Map<string, Gate[]>;
  admission: Admission;
  open: string[];
  request: ClaimRequest;
}): Script<Candidate[]> {
  const chosen: Candidate[] = [];
  const elsewhere: Candidate[] = [];
  const shut = new Set<string>();
  for (const scope of open) admission.setOpenAt(scope, request.now);
  for (const candidate of inTurns(candidates)) {
    if (chosen.length === request.limit) break;
    if (shut.has(candidate.scope)) continue;
    const { job, scope } = candidate;
    const weight = job.options.limitWeight ?? 1;
    const verdict = admission.pass(gates.get(job.id) ?? [], { weight, waited: true });
    if (verdict.granted) {
      chosen.push(candidate);
      admission.started(scope, candidate.turn);
    } else if (verdict.scope === scope) {
      shut.add(scope);
      admission.setOpenAt(scope, verdict.openAt);
    } else {
      admission.park(verdict.scope, verdict.openAt);
      elsewhere.push({ ...candidate, scope: verdict.scope });
    }
  }
  yield* move(d, elsewhere, admission);
  return chosen;
}

/** One of each gate, then the next of each. */
function inTurns(candidates: Candidate[]): Candidate[] {
  const byScope = [...Map.groupBy(candidates, ({ scope }) => scope).values()];
  const most = Math.max(0, ...byScope.map((list) => list.length));
  return Array.from({ length: most }, (_, at) => byScope.flatMap((list) => list[at] ?? [])).flat();
}

/** Another gate is in their way now: there they wait. */
function* move(d: Dialect, candidates: Candidate[], admission: Admission): Script<void> {
  const mine = yield* take(d, candidates.map(({ job }) => job.id));
  const moving = candidates.filter(({ job }) => mine.has(job.id));
  if (moving.length > 0) yield* insertParked(d, moving, admission);
}

/** Removes jobs from those who wait; gives the ids of those that were still there. */
function* take(d: Dialect, ids: string[]): Script<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = yield* run(
    `delete from ${d.table("parked")} where job_id ${among(d, "$1", "uuid")} returning job_id`,
    [JSON.stringify(ids)],
  );
  return new Set(rows.map((row) => text(row.job_id)));
}

function* start(d: Dialect, chosen: Candidate[], { worker, now, expiresAt }: ClaimRequest): Script<Job[]> {
  const mine = yield* take(d, chosen.map(({ job }) => job.id));
  const ids = chosen.map(({ job }) => job.id).filter((id) => mine.has(id));
  if (ids.length === 0) return [];
  const leaseId = yield* d.openLease({ worker, expiresAt, jobs: ids });
  const list = JSON.stringify(ids);
  yield* run(
    `update ${d.table("job")} set state = 'running', attempt = attempt + 1, started_at = ${
      d.instant("$2")
    }, ` +
      `worker = $3, lease_id = $4 where id ${among(d, "$1", "uuid")}`,
    [list, now, worker, leaseId],
  );
  const rows = yield* run(
    `select ${jobColumns(d)} from ${jobTables(d)} where j.id ${among(d, "$1", "uuid")}`,
    [list],
  );
  const jobs = new Map(rows.map(toJob).map((job) => [job.id, job]));
  return ids.flatMap((id) => jobs.get(id) ?? []);
}
