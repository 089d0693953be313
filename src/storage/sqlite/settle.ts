import { failureLeft, type Run, type Transition } from "../../domain/transition.ts";
import type { SettleBatch, SettleResult } from "../driver.ts";
import { lockAfterEnd } from "../sql/locks.ts";
import { int } from "../sql/row.ts";
import type { Row, SqlValue } from "../sql/script.ts";
import type { Connection } from "./connection.ts";
import { sqliteDialect, TAKE_SEQS } from "./dialect.ts";
import { manyRows, pieces } from "./rows.ts";
import { park, type Parking } from "../sql/waits.ts";

const LIVE = "where id = $1 and attempt = $2 and state = 'running'";
/** What every ending writes; an ending without an error leaves the job's latest failure. */
const COMMON = "update job set failures = $3, releases = $4, error = coalesce($5, error), lease_id = null";
const LOCK = lockAfterEnd(sqliteDialect, "job");
const FINAL =
  `${COMMON}, finished_at = $6, unique_lock = ${LOCK}, expire_at = null, cancel_requested_at = null`;

const COMPLETE = `${FINAL}, state = 'completed', result = $7 ${LIVE} and cancel_requested_at is null`;
/** The same for many jobs; gives those that it ended. */
const COMPLETE_MANY = manyRows(
  7,
  "update job set failures = v.failures, releases = v.releases, error = coalesce(v.error, job.error), lease_id = null, " +
    `finished_at = v.at, unique_lock = ${LOCK}, ` +
    "expire_at = null, state = 'completed', result = v.result from (select " +
    "column1 as id, column2 as attempt, column3 as failures, column4 as releases, column5 as error, column6 as at, " +
    "column7 as result from (values",
  ")) v where job.id = v.id and job.attempt = v.attempt and job.state = 'running' and job.cancel_requested_at is null " +
    "returning job.id, job.attempt",
);
const END = {
  dead: `${FINAL}, state = 'dead', dead_at = $6 ${LIVE} and cancel_requested_at is null`,
  expired: `${FINAL}, state = 'expired', expired_at = $6 ${LIVE} and cancel_requested_at is null`,
  cancelled: `${FINAL}, state = 'cancelled', cancelled_at = $6 ${LIVE}`,
};
const GO_ON =
  `${LIVE} and cancel_requested_at is null returning queue_id, priority, type, worker, started_at`;
const SCHEDULE = `${COMMON}, state = 'scheduled', run_at = $6 ${GO_ON}`;
const PARK = `${COMMON}, state = 'blocked', seq = null ${GO_ON}`;
const RELEASE = `${COMMON}, state = 'available', seq = $6 ${GO_ON}`;

const KEEP_EXECUTION =
  "insert into execution (job_id, attempt, worker, started_at, finished_at, outcome, error) values ($1, $2, $3, $4, $5, $6, $7)";

/** {@linkcode Driver.settle}, inside a transaction. */
export function settleRuns(c: Connection, { transitions, close, rescue }: SettleBatch): SettleResult[] {
  if (rescue !== undefined) {
    const lease = c.get("select expires_at from lease where id = $1", Number(rescue.leaseId));
    if (lease === undefined || int(lease.expires_at) !== rescue.expiresAt) {
      return transitions.map(() => "stale");
    }
  }
  const completed = completeRuns(c, transitions.filter(({ to }) => to === "completed"));
  const results = transitions.map((transition) => {
    if (completed.delete(keyOf(transition)) || apply(c, transition)) return "applied";
    const job = c.get(`select 1 from job ${LIVE}`, transition.id, transition.attempt);
    return job === undefined ? "stale" : "cancel_requested";
  });
  const parkings = transitions.flatMap((transition, at): Parking[] =>
    transition.to === "blocked" && results[at] === "applied" ? [transition] : []
  );
  c.drive(park(sqliteDialect, parkings));
  if (results.every((result) => result === "applied")) {
    for (const leaseId of close) c.run("delete from lease where id = $1", Number(leaseId));
  }
  return results;
}

/** Ends jobs that are done, as far as there are many; gives those that it ended. */
function completeRuns(c: Connection, transitions: Transition[]): Set<string> {
  const ended = new Set<string>();
  for (const piece of pieces(transitions)) {
    if (piece.length === 1) break;
    const rows = piece.flatMap((transition) => [
      ...commonParams(transition),
      transition.at,
      JSON.stringify(transition.to === "completed" ? transition.result : null),
    ]);
    for (const [id, attempt] of c.lists(COMPLETE_MANY.text(piece.length), ...rows)) {
      ended.add(keyOf({ id: id as string, attempt: attempt as number }));
    }
  }
  return ended;
}

function keyOf({ id, attempt }: Run): string {
  return `${id} ${attempt}`;
}

function apply(c: Connection, transition: Transition): boolean {
  const { at } = transition;
  const common = commonParams(transition);
  switch (transition.to) {
    case "completed":
      return c.run(COMPLETE, ...common, at, JSON.stringify(transition.result)) > 0;
    case "dead":
    case "cancelled":
    case "expired":
      return c.run(END[transition.to], ...common, at) > 0;
    case "scheduled": {
      const job = c.get(SCHEDULE, ...common, transition.runAt);
      if (job === undefined) return false;
      c.run("insert into scheduled (run_at, job_id) values ($1, $2)", transition.runAt, transition.id);
      keepExecution(c, transition, job);
      return true;
    }
    case "blocked": {
      const job = c.get(PARK, ...common);
      if (job === undefined) return false;
      keepExecution(c, transition, job);
      return true;
    }
    case "available": {
      const seq = int(c.get(TAKE_SEQS, 1)?.value);
      const job = c.get(RELEASE, ...common, seq);
      if (job === undefined) return false;
      c.run(
        "insert into ready (queue_id, rank, seq, job_id, type) values ($1, $2, $3, $4, $5)",
        int(job.queue_id),
        -int(job.priority),
        seq,
        transition.id,
        job.type as string,
      );
      keepExecution(c, transition, job);
      return true;
    }
  }
}

function commonParams(transition: Transition): SqlValue[] {
  const { id, attempt, failures, releases } = transition;
  return [id, attempt, failures, releases, errorText(failureLeft(transition))];
}

/** The attempt did not end its job, so the job row will speak for a later one. */
function keepExecution(c: Connection, { id, attempt, at, outcome, error }: Transition, job: Row): void {
  const { worker, started_at } = job as { worker: string | null; started_at: number };
  c.run(KEEP_EXECUTION, id, attempt, worker, started_at, at, outcome, errorText(error));
}

function errorText(error: Transition["error"]): string | null {
  return error === null ? null : JSON.stringify(error);
}
