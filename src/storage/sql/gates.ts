import { cooled, freshGate, type GateState } from "../../domain/admission.ts";
import { type LimitName, readScope, scopeOf } from "../../domain/limit.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, intOrNull, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** A row that says which attempt has passed which gate. */
export interface Hold {
  scope: string;
  jobId: string;
  attempt: number;
}

/** A hold `h` whose attempt is not the live one. */
function isOver(d: Dialect): string {
  return `not exists (select 1 from ${d.table("job")} j where j.id = h.job_id and j.attempt = h.attempt ` +
    "and j.state = 'running')";
}

/** How the gates stand, for the one who has locked them. */
export function* gateStates(d: Dialect, scopes: string[]): Script<GateState[]> {
  const list = JSON.stringify(scopes);
  const over = yield* run(
    `delete from ${d.table("hold")} as h where scope ${among(d, "$1", "text")} and ${
      isOver(d)
    } returning scope`,
    [list],
  );
  const freed = new Set(over.map((row) => text(row.scope)));
  const counts = yield* run(
    `select scope, count(*) as running from ${d.table("hold")} where scope ${
      among(d, "$1", "text")
    } group by scope`,
    [list],
  );
  const running = new Map(counts.map((row) => [text(row.scope), int(row.running)]));
  const rows = yield* run(
    `select scope, tokens, ${d.ms("filled_at")} as filled_at, ${d.ms("cool_until")} as cool_until, ` +
      `${d.ms("open_at")} as open_at, turn, ${d.ms("idle_at")} as idle_at, case when exists (select 1 from ${
        d.table("parked")
      } p ` +
      `where p.scope = g.scope) then 1 else 0 end as parked from ${d.table("gate")} g ` +
      `where scope ${among(d, "$1", "text")}`,
    [list],
  );
  const known = new Map(rows.map((row) => [text(row.scope), {
    scope: text(row.scope),
    running: 0,
    parked: int(row.parked) === 1,
    tokens: intOrNull(row.tokens),
    filledAt: intOrNull(row.filled_at),
    coolUntil: intOrNull(row.cool_until),
    openAt: intOrNull(row.open_at),
    turn: int(row.turn),
    idleAt: int(row.idle_at),
  }]));
  return scopes.map((scope) => ({
    ...(known.get(scope) ?? freshGate(scope)),
    running: running.get(scope) ?? 0,
    freed: freed.has(scope),
  }));
}

/** Writes how gates stand now. A gate at which nobody waits is not to be tried again. */
export function* saveGates(d: Dialect, states: GateState[]): Script<void> {
  if (states.length === 0) return;
  const rows = states.map(({ scope, tokens, filledAt, coolUntil, openAt, turn, idleAt }) => {
    const { namespace, target, name } = readScope(scope);
    return {
      scope,
      namespace,
      target,
      name,
      tokens: tokens === null ? null : String(tokens),
      filled_at: filledAt,
      cool_until: coolUntil,
      open_at: openAt,
      turn,
      idle_at: idleAt,
    };
  });
  const item = d.rows("$1", "r", {
    scope: "text",
    namespace: "text",
    target: "text",
    name: "text",
    tokens: "text",
    filled_at: "instant",
    cool_until: "instant",
    open_at: "instant",
    turn: "bigint",
    idle_at: "instant",
  });
  const set = ["tokens", "filled_at", "cool_until", "open_at", "turn", "idle_at"].map((name) =>
    `${name} = excluded.${name}`
  );
  yield* run(
    `insert into ${
      d.table("gate")
    } (scope, namespace, target, name, tokens, filled_at, cool_until, open_at, turn, idle_at) ` +
      "select r.scope, r.namespace, r.target, r.name, cast(r.tokens as double precision), r.filled_at, r.cool_until, " +
      `case when exists (select 1 from ${
        d.table("parked")
      } p where p.scope = r.scope) then r.open_at end, r.turn, r.idle_at ` +
      `from ${item} where true on conflict (scope) do update set ${set.join(", ")}`,
    [JSON.stringify(rows)],
  );
}

/** Notes which attempts have passed which gates. */
export function* addHolds(d: Dialect, holds: Hold[]): Script<void> {
  if (holds.length === 0) return;
  const rows = holds.map(({ scope, jobId, attempt }) => ({ scope, job_id: jobId, attempt }));
  yield* run(
    `insert into ${d.table("hold")} (scope, job_id, attempt) select r.scope, r.job_id, r.attempt from ${
      d.rows("$1", "r", { scope: "text", job_id: "uuid", attempt: "integer" })
    } where true on conflict (scope, job_id) do update set attempt = excluded.attempt`,
    [JSON.stringify(rows)],
  );
}

/** Forgets what jobs hold. */
export function* forgetHolds(d: Dialect, jobIds: string[]): Script<void> {
  yield* run(`delete from ${d.table("hold")} where job_id ${among(d, "$1", "uuid")}`, [
    JSON.stringify(jobIds),
  ]);
}

/** {@linkcode Driver.release}. */
export function* release(d: Dialect, jobIds: string[], at: number): Script<boolean> {
  const over = `job_id ${among(d, "$1", "uuid")} and ${isOver(d)}`;
  const ids = JSON.stringify(jobIds);
  const rows = yield* run(`select distinct scope from ${d.table("hold")} h where ${over}`, [ids]);
  if (rows.length === 0) return false;
  const scopes = rows.map((row) => text(row.scope));
  // Somebody who has counted these jobs may be about to let others wait for them; he has to be heard of first.
  yield* d.lockGates(scopes);
  yield* run(`delete from ${d.table("hold")} as h where ${over}`, [ids]);
  const opened = yield* run(
    `update ${d.table("gate")} set open_at = ${d.instant("$2")} where scope ${among(d, "$1", "text")} ` +
      `and exists (select 1 from ${d.table("parked")} p where p.scope = gate.scope) returning scope`,
    [JSON.stringify(scopes), at],
  );
  return opened.length > 0;
}

/** {@linkcode Driver.coolDown}. */
export function* coolDown(d: Dialect, gate: LimitName, until: number): Script<void> {
  const scope = scopeOf(gate);
  yield* d.lockGates([scope]);
  const [state = freshGate(scope)] = yield* gateStates(d, [scope]);
  yield* saveGates(d, [cooled(state, until)]);
}

/** Removes gates at which it is as if nothing had ever happened. */
export function* pruneGates(d: Dialect, now: number, limit: number): Script<void> {
  const idle = `g.idle_at <= ${d.instant("$1")} ` +
    `and not exists (select 1 from ${d.table("parked")} p where p.scope = g.scope)`;
  const rows = yield* run(
    `select g.scope from ${d.table("gate")} g where ${idle} order by g.idle_at limit $2 ${d.lockFree("g")}`,
    [now, limit],
  );
  if (rows.length === 0) return;
  const scopes = rows.map((row) => text(row.scope));
  // Looked at again: somebody may have begun to wait there. Who does so from now on makes the gate anew.
  yield* run(`delete from ${d.table("gate")} as g where g.scope ${among(d, "$2", "text")} and ${idle}`, [
    now,
    JSON.stringify(scopes),
  ]);
}
