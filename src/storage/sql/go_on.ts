import { among, type Dialect } from "./dialect.ts";
import { dispatch } from "./dispatch.ts";
import { text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** Blocked jobs whose dispatch rows are taken wait for nothing but their time from now on; available in the order given. */
export function* goOn(d: Dialect, ids: string[], now: number): Script<void> {
  if (ids.length === 0) return;
  const rows = yield* run(
    `update ${d.table("job")} as j set state = case when j.run_at > ${d.instant("$2")} then 'scheduled' ` +
      `else 'available' end where j.id ${among(d, "$1", "uuid")} returning id, state`,
    [JSON.stringify(ids), now],
  );
  const later = new Set(rows.filter(({ state }) => state === "scheduled").map((row) => text(row.id)));
  if (later.size > 0) {
    yield* run(
      `insert into ${d.table("scheduled")} (run_at, job_id) select j.run_at, j.id from ${d.table("job")} j ` +
        `where j.id ${among(d, "$1", "uuid")}`,
      [JSON.stringify([...later])],
    );
  }
  yield* dispatch(d, ids.filter((id) => !later.has(id)));
}
