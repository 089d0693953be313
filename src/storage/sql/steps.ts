import type { Json } from "../../domain/json.ts";
import type { Run } from "../../domain/transition.ts";
import type { Step } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { json } from "./row.ts";
import { run, type Script } from "./script.ts";

/** {@linkcode Driver.saveStep}. */
export function* saveStep(d: Dialect, { id, attempt }: Run, { name, value, at }: Step): Script<boolean> {
  const rows = yield* run(
    `insert into ${d.table("step")} (job_id, name, value, saved_at) ` +
      `select id, $2, $3, ${d.instant("$4")} from ${d.table("job")} ` +
      `where id = ${d.uuid("$1")} and attempt = $5 and state = 'running' ` +
      "on conflict (job_id, name) do update set value = excluded.value, saved_at = excluded.saved_at returning name",
    [id, name, JSON.stringify(value), at, attempt],
  );
  return rows.length > 0;
}

/** {@linkcode Driver.step}. */
export function* step(d: Dialect, jobId: string, name: string): Script<Json | undefined> {
  const [row] = yield* run(
    `select value from ${d.table("step")} where job_id = ${d.uuid("$1")} and name = $2`,
    [jobId, name],
  );
  return row === undefined ? undefined : json(row.value);
}

/** Forgets all steps of some jobs. */
export function* forgetSteps(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  yield* run(`delete from ${d.table("step")} where job_id ${among(d, "$1", "uuid")}`, [JSON.stringify(ids)]);
}
