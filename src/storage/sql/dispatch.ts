import type { Dialect } from "./dialect.ts";
import { run, type Script } from "./script.ts";

/** Gives available jobs that have no dispatch row their places in `ready`, in the order of the ids given. */
export function* dispatch(d: Dialect, ids: string[]): Script<void> {
  if (ids.length === 0) return;
  const seqs = yield* d.seqs(ids.length);
  const places = JSON.stringify(ids.map((id, at) => ({ job_id: id, new_seq: seqs[at] })));
  const rows = d.rows("$1", "r", { job_id: "uuid", new_seq: "bigint" });
  yield* run(`update ${d.table("job")} as j set seq = r.new_seq from ${rows} where j.id = r.job_id`, [
    places,
  ]);
  yield* run(
    `insert into ${d.table("ready")} (queue_id, rank, seq, job_id, type) ` +
      `select j.queue_id, -j.priority, r.new_seq, j.id, j.type from ${rows} ` +
      `join ${d.table("job")} j on j.id = r.job_id`,
    [places],
  );
}
