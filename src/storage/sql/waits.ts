import type { Run } from "../../domain/transition.ts";
import type { JobWait, WaitKind, WaitOpening } from "../../domain/wait.ts";
import type { EndedWaits } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { goOn } from "./go_on.ts";
import { int, intOrNull, json, text, textOrNull } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

/** Where jobs wait whose handlers wait, among the gates; no gate has this name. */
export const WAIT = "wait";

const PLAIN = ["job_id", "name", "kind", "answer_key"];
const INSTANTS = ["opened_at", "asked_at", "until_at", "answered_at", "timed_out_at"];

/** The columns of a wait, read by {@linkcode toWait}. */
function waitColumns(d: Dialect): string {
  return [...PLAIN, ...INSTANTS.map((name) => `${d.ms(name)} as ${name}`), `${d.text("value")} as value`]
    .join(", ");
}

function toWait(row: Row): JobWait {
  return {
    jobId: text(row.job_id),
    name: text(row.name),
    kind: row.kind as WaitKind,
    openedAt: int(row.opened_at),
    askedAt: intOrNull(row.asked_at),
    until: intOrNull(row.until_at),
    answeredAt: intOrNull(row.answered_at),
    answerKey: textOrNull(row.answer_key),
    value: json(row.value),
    timedOutAt: intOrNull(row.timed_out_at),
  };
}

/** {@linkcode Driver.openWait}: one statement, so that an answer at the same moment comes before it or after it. */
export function* openWait(
  d: Dialect,
  { id, attempt }: Run,
  { name, kind, at, ask, until }: WaitOpening,
): Script<JobWait | undefined> {
  const now = d.instant("$4");
  const over = (until: string, asked: string): string => `${asked} is not null and ${until} <= ${now}`;
  const nextUntil = "case when w.asked_at is null then excluded.until_at else w.until_at end";
  const nextAsked = "coalesce(w.asked_at, excluded.asked_at)";
  const rows = yield* run(
    `insert into ${
      d.table("job_wait")
    } as w (job_id, name, kind, opened_at, asked_at, until_at, timed_out_at) ` +
      `select j.id, $2, $3, ${now}, ${d.instant("$5")}, ${d.instant("$6")}, ` +
      `case when ${over(d.instant("$6"), d.instant("$5"))} then ${now} end from ${d.table("job")} j ` +
      `where j.id = ${d.uuid("$1")} and j.attempt = $7 and j.state = 'running' ` +
      `on conflict (job_id, name) do update set asked_at = ${nextAsked}, until_at = ${nextUntil}, ` +
      `timed_out_at = case when w.answered_at is null and w.timed_out_at is null and ` +
      `${over(nextUntil, nextAsked)} then excluded.opened_at else w.timed_out_at end ` +
      `returning ${waitColumns(d)}`,
    [id, name, kind, at, ask ? at : null, ask ? until : null, attempt],
  );
  return rows[0] === undefined ? undefined : toWait(rows[0]);
}

/** {@linkcode Driver.forgetWait} */
export function* forgetWait(d: Dialect, { id, attempt }: Run, name: string): Script<boolean> {
  const live = `select j.id from ${d.table("job")} j ` +
    `where j.id = ${d.uuid("$1")} and j.attempt = $2 and j.state = 'running'`;
  const rows = yield* run(
    `delete from ${d.table("job_wait")} where name = $3 and job_id in (${live}) returning job_id`,
    [id, attempt, name],
  );
  return rows.length > 0;
}

/** {@linkcode Driver.waits} */
export function* waits(d: Dialect, jobId: string): Script<JobWait[]> {
  const rows = yield* run(
    `select ${waitColumns(d)} from ${d.table("job_wait")} where job_id = ${d.uuid("$1")} order by name`,
    [jobId],
  );
  return rows.map(toWait);
}

/** {@linkcode Driver.secret} */
export function* secret(d: Dialect): Script<string> {
  const [row] = yield* run(`select value from ${d.table("secret")} where name = 'waits'`);
  return text(row?.value);
}

/** A run that ends because its handler waits. */
export interface Parking {
  /** The job, which is blocked since this transaction and has no dispatch row yet. */
  id: string;
  /** The wait. */
  wait: string;
  /** When. */
  at: number;
}

/** What came of {@linkcode park}. */
export interface Parked {
  /** Whether some go on at once, because their answer had come. */
  released: boolean;
  /** Whether the time of some will be over. */
  timed: boolean;
}

/**
 * Parks jobs that became blocked in this transaction, which holds their rows: an answer is either there by now, and then
 * the job goes on, or whoever gives one finds the job parked.
 */
export function* park(d: Dialect, parkings: Parking[]): Script<Parked> {
  if (parkings.length === 0) return { released: false, timed: false };
  const rows = d.rows("$1", "r", { parked_id: "uuid", wait: "text" });
  const given = [JSON.stringify(parkings.map(({ id, wait }) => ({ parked_id: id, wait })))];
  yield* run(
    `update ${d.table("job")} as j set waiting_for = r.wait from ${rows} where j.id = r.parked_id`,
    given,
  );
  const open = yield* run(
    `update ${d.table("job_wait")} as w set due_at = w.until_at from ${rows} where w.job_id = r.parked_id ` +
      `and w.name = r.wait and w.answered_at is null and w.timed_out_at is null ` +
      `returning job_id, ${d.ms("due_at")} as due_at`,
    given,
  );
  const parked = new Set(open.map((row) => text(row.job_id)));
  yield* run(
    `insert into ${d.table("parked")} (scope, rank, turn, job_id, queue_id, type, key, weight) ` +
      `select '${WAIT}', -j.priority, 0, j.id, j.queue_id, j.type, '', 1 from ${d.table("job")} j ` +
      `where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify([...parked])],
  );
  const rest = parkings.filter(({ id }) => !parked.has(id));
  for (const { id, at } of rest) yield* goOn(d, [id], at);
  return { released: rest.length > 0, timed: open.some(({ due_at }) => due_at !== null) };
}

/** When the time of the next wait is over. */
export function* nextWaitDue(d: Dialect): Script<number | null> {
  const [row] = yield* run(
    `select ${d.ms("min(due_at)")} as at from ${d.table("job_wait")} where due_at is not null`,
  );
  return intOrNull(row?.at);
}

/**
 * {@linkcode Driver.endWaits}. Rows are taken in the order parked, job, wait, as by whoever gives an answer, so that the two
 * cannot wait for each other. A wait whose job is not parked any more is only passed over, once.
 */
export function* endWaits(d: Dialect, now: number, limit: number): Script<EndedWaits> {
  const due = yield* run(
    "select w.job_id as job_id, w.name as name, case when j.state = 'blocked' and j.waiting_for = w.name " +
      `then 1 else 0 end as here from ${d.table("job_wait")} w left join ${
        d.table("job")
      } j on j.id = w.job_id ` +
      `where w.due_at <= ${d.instant("$1")} order by w.due_at, w.job_id, w.name limit $2`,
    [now, limit],
  );
  const places = due.map((row) => ({
    job_id: text(row.job_id),
    wait: text(row.name),
    here: int(row.here) === 1,
  }));
  const parked = places.filter(({ here }) => here);
  const rows = d.rows("$1", "r", { job_id: "uuid", wait: "text" });
  const owned = new Set(
    (yield* run(
      `delete from ${d.table("parked")} where scope = '${WAIT}' and job_id in (select j.id from ${rows} ` +
        `join ${d.table("job")} j on j.id = r.job_id and j.waiting_for = r.wait) returning job_id`,
      [JSON.stringify(parked)],
    )).map((row) => text(row.job_id)),
  );
  const released = parked.map(({ job_id }) => job_id).filter((id) => owned.has(id));
  yield* goOn(d, released, now);
  yield* run(
    `update ${d.table("job_wait")} as w set due_at = null, timed_out_at = case when r.mine = 1 ` +
      `then ${d.instant("$2")} else w.timed_out_at end ` +
      `from ${d.rows("$1", "r", { job_id: "uuid", wait: "text", mine: "integer" })} ` +
      `where w.job_id = r.job_id and w.name = r.wait and w.due_at <= ${d.instant("$2")}`,
    [
      JSON.stringify(places.map(({ job_id, wait, here }) => {
        return { job_id, wait, mine: here && owned.has(job_id) ? 1 : 0 };
      })),
      now,
    ],
  );
  return { released, nextDueAt: yield* nextWaitDue(d) };
}

/** Forgets waits of some jobs: all of them, those without an answer, or those that are over. */
export function* forgetWaits(d: Dialect, ids: string[], which: "all" | "unanswered" | "over"): Script<void> {
  if (ids.length === 0) return;
  const filter = {
    all: "true",
    unanswered: "answered_at is null",
    over: "(answered_at is not null or timed_out_at is not null)",
  }[which];
  yield* run(
    `delete from ${d.table("job_wait")} where job_id ${among(d, "$1", "uuid")} and ${filter}`,
    [JSON.stringify(ids)],
  );
}
