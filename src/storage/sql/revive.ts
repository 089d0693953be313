import type { Amendment } from "../../domain/amendment.ts";
import { MAX_INSTANT_MS } from "../../domain/instant.ts";
import type { JobOptions } from "../../domain/job.ts";
import { uniqueLock } from "../../domain/request.ts";
import type { AmendResult } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { latestAttempts } from "./history.ts";
import { int, json, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** A final job that may start a new life. */
interface Candidate {
  id: string;
  at: number;
  lock: string | null;
  expireAt: number | null;
}

/**
 * Makes final jobs available again: failures forgotten, the latest attempt kept as history, unique key and deadline
 * taken anew. A job whose key an unfinished job holds stays as it is.
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

/** Locks the jobs that still are as they were seen, in the order of the amendments. */
function* lockCandidates(d: Dialect, final: Amendment[]): Script<Candidate[]> {
  const rows = yield* run(
    `select j.id as id, j.state as state, j.attempt as attempt, j.type as type, q.namespace as namespace, ` +
      `${d.text("j.options")} as options from ${d.table("job")} j join ${
        d.table("queue")
      } q on q.id = j.queue_id ` +
      `where j.id in (select value from ${d.values("$1", "v", "uuid")}) order by j.id ${d.lock("j")}`,
    [JSON.stringify(final.map(({ id }) => id))],
  );
  const found = new Map(rows.map((row) => [text(row.id), row]));
  return final.flatMap(({ id, from, attempt, at }) => {
    const row = found.get(id);
    if (row === undefined || row.state !== from || int(row.attempt) !== attempt) return [];
    const options = json(row.options) as JobOptions;
    const lock = uniqueLock({ namespace: text(row.namespace), type: text(row.type), options });
    const expireAt = options.ttlMs === undefined ? null : Math.min(at + options.ttlMs, MAX_INSTANT_MS);
    return [{ id, at, lock, expireAt }];
  });
}

function* takenLocks(d: Dialect, candidates: Candidate[]): Script<Set<string>> {
  const locks = candidates.flatMap(({ lock }) => lock ?? []);
  if (locks.length === 0) return new Set();
  const rows = yield* run(
    `select unique_lock from ${d.table("job")} where unique_lock in (select value from ${
      d.values("$1", "v", "text")
    })`,
    [JSON.stringify(locks)],
  );
  return new Set(rows.map((row) => text(row.unique_lock)));
}

function* revive(d: Dialect, chosen: Candidate[]): Script<void> {
  const ids = chosen.map(({ id }) => id);
  yield* run(
    `insert into ${
      d.table("execution")
    } (job_id, attempt, worker, started_at, finished_at, outcome, error) ` +
      `${latestAttempts(d)} and j.id in (select value from ${d.values("$1", "v", "uuid")})`,
    [JSON.stringify(ids)],
  );
  const rows = d.rows("$1", "r", {
    job_id: "uuid",
    revived_at: "instant",
    new_lock: "text",
    new_expire_at: "instant",
  });
  yield* run(
    `update ${
      d.table("job")
    } as j set state = 'available', failures = 0, releases = 0, run_at = r.revived_at, ` +
      "finished_at = null, dead_at = null, cancelled_at = null, expired_at = null, result = null, " +
      `unique_lock = r.new_lock, expire_at = r.new_expire_at from ${rows} where j.id = r.job_id`,
    [JSON.stringify(chosen.map(({ id, at, lock, expireAt }) => ({
      job_id: id,
      revived_at: at,
      new_lock: lock,
      new_expire_at: expireAt,
    })))],
  );
  yield* dispatch(d, ids);
}
