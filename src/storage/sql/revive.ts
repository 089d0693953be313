import type { Amendment } from "../../domain/amendment.ts";
import { latestExecution } from "../../domain/execution.ts";
import { MAX_INSTANT_MS } from "../../domain/instant.ts";
import type { Execution } from "../../domain/job.ts";
import { moves } from "../../domain/replacement.ts";
import { uniqueLock } from "../../domain/unique.ts";
import type { AmendResult } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { keepExecutions } from "./history.ts";
import { takenLocks } from "./locks.ts";
import { replace } from "./replace.ts";
import { jobColumns, jobTables, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";
import { forgetSteps } from "./steps.ts";
import { forgetWaits } from "./waits.ts";

/** A final job that may start a new life. */
interface Candidate {
  id: string;
  at: number;
  latest: Execution | null;
  lock: string | null;
  expireAt: number | null;
  /** Whether it had done all that it was to do. */
  completed: boolean;
}

/**
 * Makes final jobs available again: failures forgotten, the latest attempt kept as history, unique key and deadline
 * taken anew. One that had completed forgets its steps and answers too; others go on where they stopped, and wait anew for
 * what they were not answered. A job whose key another
 * one holds stays as it is.
 */
export function* reviveFinal(d: Dialect, final: Amendment[]): Script<Map<string, AmendResult>> {
  const results = new Map<string, AmendResult>();
  if (final.length === 0) return results;
  const candidates = yield* lockCandidates(d, final);
  const taken = yield* takenLocks(d, candidates);
  const chosen: Candidate[] = [];
  for (const candidate of candidates) {
    const free = candidate.lock === null || !taken.has(candidate.lock);
    results.set(candidate.id, free ? "applied" : "conflict");
    if (!free) continue;
    chosen.push(candidate);
    if (candidate.lock !== null) taken.add(candidate.lock);
  }
  if (chosen.length > 0) yield* revive(d, chosen);
  return results;
}

/** The same, with what is new about them: nobody claims them in between, because all of it is one transaction. */
export function* reviveEdited(d: Dialect, final: Amendment[]): Script<Map<string, AmendResult>> {
  const results = yield* reviveFinal(d, final);
  const revived = final.filter(({ id }) => results.get(id) === "applied");
  yield* replace(d, revived.map(asRevived));
  return results;
}

/** Whether a job that comes to life leaves the place to which it would come without what is new. */
export function comesElsewhere({ attempt, at, change }: Amendment): boolean {
  return change.kind === "reviveWith" && moves({ state: "available", attempt }, change.set, at);
}

function asRevived(amendment: Amendment): Amendment {
  const { change } = amendment;
  return change.kind === "reviveWith"
    ? { ...amendment, from: "available", change: { kind: "replace", set: change.set } }
    : amendment;
}

/** Locks the jobs that still are as they were seen, in the order of the amendments. */
function* lockCandidates(d: Dialect, final: Amendment[]): Script<Candidate[]> {
  const rows = yield* run(
    `select ${jobColumns(d, ["payload", "result", "progress"])} from ${jobTables(d)} ` +
      `where j.id ${among(d, "$1", "uuid")} order by j.id ${d.lock("j")}`,
    [JSON.stringify(final.map(({ id }) => id))],
  );
  const found = new Map(rows.map(toJob).map((job) => [job.id, job]));
  return final.flatMap(({ id, from, attempt, at }) => {
    const job = found.get(id);
    if (job === undefined || job.state !== from || job.attempt !== attempt) return [];
    const { ttlMs } = job.options;
    const expireAt = ttlMs === undefined ? null : Math.min(at + ttlMs, MAX_INSTANT_MS);
    const completed = job.state === "completed";
    return [{ id, at, latest: latestExecution(job), lock: uniqueLock(job), expireAt, completed }];
  });
}

function* revive(d: Dialect, chosen: Candidate[]): Script<void> {
  const ids = chosen.map(({ id }) => id);
  yield* keepExecutions(d, chosen.flatMap(({ latest }) => latest ?? []));
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    revived_at: "instant",
    new_lock: "text",
    new_expire_at: "instant",
  });
  yield* run(
    `update ${d.table("job")} as j set state = 'available', failures = 0, releases = 0, ` +
      "run_at = r.revived_at, finished_at = null, dead_at = null, cancelled_at = null, expired_at = null, progress = null, " +
      "result = null, error = null, " +
      `unique_lock = r.new_lock, expire_at = r.new_expire_at from ${rows} where j.id = r.job_id`,
    [JSON.stringify(chosen.map(({ id, at, lock, expireAt }) => ({
      job_id: id,
      revived_at: at,
      new_lock: lock,
      new_expire_at: expireAt,
    })))],
  );
  const completed = chosen.filter(({ completed }) => completed).map(({ id }) => id);
  yield* forgetSteps(d, completed);
  yield* forgetWaits(d, completed, "all");
  yield* forgetWaits(d, ids, "unanswered");
  yield* dispatch(d, ids);
}
