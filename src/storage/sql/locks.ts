import { holdsKey, type Uniqueness } from "../../domain/unique.ts";
import type { JobState } from "../../domain/states.ts";
import { among, type Dialect } from "./dialect.ts";
import { json, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/**
 * The unique lock that the end of a job leaves to it: an expression over the job's row. None, unless some final state
 * holds its key. Only then is JSON read, so that the ends of other jobs cost nothing more.
 */
export function lockAfterEnd(d: Dialect, job: string): string {
  const kept = d.jsonHas(`${job}.options`, "unique", "afterwards");
  return `case when ${job}.unique_lock is null then null when ${kept} then ${job}.unique_lock end`;
}

/** The column `unique_options` of a job, read by {@linkcode uniquenessOf}. */
export function uniqueColumn(d: Dialect): string {
  return `${d.jsonText("j.options", "unique")} as unique_options`;
}

/** How a job is unique, of a row with {@linkcode uniqueColumn}. */
export function uniquenessOf(row: Record<string, unknown>): Uniqueness | undefined {
  return (json(row.unique_options) ?? undefined) as Uniqueness | undefined;
}

/** Of some jobs with their locks, the locks that others hold. One that its job does not hold any more is taken from it. */
export function* takenLocks(
  d: Dialect,
  wanted: readonly { id: string; lock: string | null }[],
): Script<Set<string>> {
  const locks = wanted.flatMap(({ lock }) => lock ?? []);
  if (locks.length === 0) return new Set();
  const rows = yield* run(
    `select j.id as id, j.state as state, j.unique_lock as unique_lock, ${uniqueColumn(d)} from ${
      d.table("job")
    } j ` +
      `where j.unique_lock ${among(d, "$1", "text")}`,
    [JSON.stringify(locks)],
  );
  const own = new Set(wanted.map(({ id, lock }) => `${id} ${lock}`));
  const others = rows.filter((row) => !own.has(`${text(row.id)} ${text(row.unique_lock)}`));
  const held = others.filter((row) => holdsKey(row.state as JobState, uniquenessOf(row)));
  const left = others.filter((row) => !held.includes(row));
  if (left.length > 0) {
    const rows = d.rows("$1", "r", { job_id: "uuid", seen_state: "text" });
    yield* run(
      `update ${d.table("job")} as j set unique_lock = null from ${rows} ` +
        "where j.id = r.job_id and j.state = r.seen_state",
      [JSON.stringify(left.map((row) => ({ job_id: text(row.id), seen_state: text(row.state) })))],
    );
  }
  return new Set(held.map((row) => text(row.unique_lock)));
}
