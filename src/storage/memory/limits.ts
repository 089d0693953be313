import {
  Admission,
  cooled,
  freshGate,
  type GateState,
  gatesTried,
  nextTurn,
} from "../../domain/admission.ts";
import { gainedByAge, mayAge, mergeLanes } from "../../domain/ageing.ts";
import { type Gate, type Limit, type LimitName, Limits, readScope, scopeOf } from "../../domain/limit.ts";
import type { AcquireRequest, AcquireResult, ClaimRequest, ClaimResult } from "../driver.ts";
import { compareText, copy, type JobRow, type Tables, toJob } from "./tables.ts";

/** The limits of a namespace. */
export function listLimits(tables: Tables, namespace: string): Limit[] {
  const order = ({ target, name, key }: Limit): string => `${target}\n${name}\n${key}`;
  return [...tables.limits.values()].filter((limit) => limit.namespace === namespace)
    .sort((a, b) => compareText(order(a), order(b))).map(copy);
}

/** Creates or replaces a limit. */
export function saveLimit(tables: Tables, limit: Limit, at: number): Limit {
  const known = tables.limits.get(scopeOf(limit));
  if (known?.source === "operator" && limit.source === "code") return copy(known);
  tables.limits.set(scopeOf(limit), copy(limit));
  openGates(tables, limit, at);
  return copy(limit);
}

/** Removes a limit. */
export function removeLimit(tables: Tables, name: LimitName, at: number): boolean {
  const removed = tables.limits.delete(scopeOf(name));
  openGates(tables, name, at);
  return removed;
}

function openGates(tables: Tables, { namespace, target, name }: LimitName, at: number): void {
  for (const [scope, state] of tables.gates) {
    const gate = readScope(scope);
    const same = gate.namespace === namespace && gate.target === target && gate.name === name;
    if (same && waits(tables, scope)) state.openAt = at;
  }
}

function waits(tables: Tables, scope: string): boolean {
  return tables.parked.get(scope)?.first !== undefined;
}

/** Lets claimed jobs pass their limits, or parks them. */
export function acquire(tables: Tables, { leaseId, runs, now }: AcquireRequest): AcquireResult[] {
  const limits = new Limits(tables.limits.values());
  const claimed = runs.flatMap(({ id }) => tables.jobs.get(id) ?? []).filter((job) =>
    job.leaseId === leaseId
  );
  const all = claimed.flatMap((job) => limits.gatesOf(job));
  // Said again, it is the same: what these attempts hold already does not stand in their own way.
  const held = all.length === 0 ? [] : [...tables.holds.values()];
  for (const attempts of held) for (const { id } of claimed) attempts.delete(id);
  const admission = admissionTo(tables, all, now);
  const results = runs.map(({ id, attempt }): AcquireResult => {
    const job = tables.live(id, attempt);
    if (job === undefined || job.leaseId !== leaseId) return "stale";
    const gates = limits.gatesOf(job);
    const verdict = admission.pass(gates, { weight: job.options.limitWeight ?? 1 });
    if (verdict.granted) hold(tables, gates, job);
    else {
      admission.park(verdict.scope, verdict.openAt);
      if (job.cancelRequestedAt !== null) return "granted";
      job.waitingFor = null;
      park(tables, job, verdict.scope);
      return "parked";
    }
    return "granted";
  });
  save(tables, admission);
  const lease = tables.leases.get(Number(leaseId));
  if (results.includes("parked") && lease !== undefined && tables.openJobs(lease).length === 0) {
    tables.leases.delete(lease.id);
  }
  return results;
}

/** Starts jobs that wait at gates. */
export function claimParked(tables: Tables, request: ClaimRequest): ClaimResult {
  const { limit, now, worker, expiresAt } = request;
  const limits = new Limits(tables.limits.values());
  const started: JobRow[] = [];
  const candidates = openScopes(tables, request).map((scope) => ({
    scope,
    jobs: heads(tables, scope, request),
  }));
  const waiting = candidates.flatMap(({ jobs }) => jobs);
  const admission = admissionTo(
    tables,
    [...candidates, ...waiting.flatMap((job) => limits.gatesOf(job))],
    now,
  );
  for (const { scope } of candidates) admission.setOpenAt(scope, now);
  const shut = new Set<string>();
  const most = Math.max(0, ...candidates.map(({ jobs }) => jobs.length));
  for (let at = 0; at < most; at++) {
    for (const { scope, jobs } of candidates) {
      const job = jobs[at];
      if (job === undefined || shut.has(scope) || started.length === limit) continue;
      const gates = limits.gatesOf(job);
      const verdict = admission.pass(gates, { weight: job.options.limitWeight ?? 1, waited: true });
      if (verdict.granted) {
        admission.started(scope, job.parked?.turn ?? 0);
        started.push(job);
      } else if (verdict.scope === scope) {
        shut.add(scope);
        admission.setOpenAt(scope, verdict.openAt);
      } else {
        admission.park(verdict.scope, verdict.openAt);
        park(tables, job, verdict.scope, admission.state(verdict.scope).turn);
      }
    }
  }
  const lease = started.length === 0
    ? undefined
    : tables.openLease(worker, expiresAt, started.map(({ id }) => id));
  for (const job of started) {
    if (lease === undefined) break;
    tables.makeRunning(job, lease, now);
    hold(tables, limits.gatesOf(job), job);
  }
  save(tables, admission);
  const next = nextOpenAt(tables, request);
  return {
    leaseId: lease === undefined ? null : String(lease.id),
    jobs: started.map(toJob),
    ...(next === undefined ? {} : { nextOpenAt: next }),
  };
}

/** The first of those who wait at a gate. */
function heads(tables: Tables, scope: string, request: ClaimRequest): JobRow[] {
  const { limit, ageing, now } = request;
  const wanted = (job: JobRow): boolean => isWanted(tables, job, request);
  const list = tables.parked.get(scope);
  if (!mayAge(readScope(scope), ageing)) return list?.firstWhere(limit, wanted) ?? [];
  const lanes = Map.groupBy(list?.firstWhere(Infinity, wanted) ?? [], ({ priority }) => priority);
  const standing = (job: JobRow) => ({
    rank: -job.priority - gainedByAge(job, ageing?.get(job.queue), now),
    seq: job.parked?.turn ?? 0,
  });
  return mergeLanes(lanes.values(), standing, limit);
}

/** Those who wait where these jobs had passed are tried again. */
export function release(tables: Tables, jobIds: string[], at: number): boolean {
  let waiting = false;
  for (const [scope, attempts] of tables.holds) {
    const over = jobIds.filter((id) =>
      attempts.has(id) && tables.live(id, attempts.get(id) ?? 0) === undefined
    );
    for (const id of over) attempts.delete(id);
    const state = tables.gates.get(scope);
    if (over.length === 0 || state === undefined || !waits(tables, scope)) continue;
    state.openAt = at;
    waiting = true;
  }
  return waiting;
}

/** Nothing passes a gate before then. */
export function coolDown(tables: Tables, gate: LimitName, until: number): void {
  const scope = scopeOf(gate);
  const state = tables.gates.get(scope) ?? freshGate(scope);
  const cool = cooled(state, until);
  tables.gates.set(scope, waits(tables, scope) ? cool : { ...cool, openAt: null });
}

/** Forgets gates at which it is as if nothing had ever happened. */
export function pruneGates(tables: Tables, now: number): void {
  for (const [scope, { idleAt }] of tables.gates) {
    if (idleAt <= now && !waits(tables, scope)) tables.gates.delete(scope);
  }
}

/** Sees how gates stand; what is over is forgotten. */
function admissionTo(tables: Tables, gates: { scope: string }[], now: number): Admission {
  const scopes = new Set(gates.map(({ scope }) => scope));
  const freed = new Set<string>();
  for (const scope of scopes) {
    const attempts = tables.holds.get(scope) ?? new Map<string, number>();
    for (const [id, attempt] of attempts) {
      if (tables.live(id, attempt) === undefined && attempts.delete(id)) freed.add(scope);
    }
  }
  const states = [...scopes].map((scope): GateState => ({
    ...(tables.gates.get(scope) ?? freshGate(scope)),
    running: tables.holds.get(scope)?.size ?? 0,
    parked: waits(tables, scope),
    freed: freed.has(scope),
  }));
  return new Admission(states, now);
}

function save(tables: Tables, admission: Admission): void {
  for (const state of admission.changed) {
    const openAt = waits(tables, state.scope) ? state.openAt : null;
    tables.gates.set(state.scope, { ...state, openAt });
  }
}

function hold(tables: Tables, gates: Gate[], { id, attempt }: JobRow): void {
  for (const { scope, limit } of gates) {
    if (limit.settings.concurrency === undefined) continue;
    const attempts = tables.holds.get(scope) ?? new Map<string, number>();
    tables.holds.set(scope, attempts.set(id, attempt));
  }
}

function park(
  tables: Tables,
  job: JobRow,
  scope: string,
  current = tables.gates.get(scope)?.turn ?? 0,
): void {
  const key = job.options.limitKey ?? "";
  const turns = [...tables.parked.get(scope) ?? []].filter((other) => (other.options.limitKey ?? "") === key)
    .map(({ parked }) => parked?.turn ?? 0);
  tables.makeBlocked(job, scope, nextTurn(current, turns.length === 0 ? undefined : Math.max(...turns)));
}

function openScopes(tables: Tables, request: ClaimRequest): string[] {
  const openAt = (scope: string): number => tables.gates.get(scope)?.openAt ?? Infinity;
  return [...tables.gates.keys()].filter((scope) => isServed(scope, request) && openAt(scope) <= request.now)
    .sort((a, b) => openAt(a) - openAt(b) || compareText(a, b)).slice(0, gatesTried(request.limit));
}

function nextOpenAt(tables: Tables, request: ClaimRequest): number | undefined {
  const times = [...tables.gates].flatMap(([scope, { openAt }]) =>
    openAt !== null && isServed(scope, request) ? [openAt] : []
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

function isServed(scope: string, { namespace, queues, types }: ClaimRequest): boolean {
  const gate = readScope(scope);
  const names = gate.target === "queue" ? queues : types;
  return gate.namespace === namespace && (names === "all" || names.includes(gate.name));
}

function isWanted(tables: Tables, job: JobRow, { queues, types }: ClaimRequest): boolean {
  return tables.queueOf(job).pausedAt === null && (queues === "all" || queues.includes(job.queue)) &&
    (types === "all" || types.includes(job.type));
}
