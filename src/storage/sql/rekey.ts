import type { Amendment } from "../../domain/amendment.ts";
import { isSame } from "../../domain/encryption.ts";
import { among, type Dialect } from "./dialect.ts";
import { jobColumns, jobTables, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";

/** Encrypted jobs get their keys stored anew, if they still are as they were seen; gives their ids. Their places stay. */
export function* rekey(d: Dialect, amendments: Amendment[]): Script<string[]> {
  const rows = yield* run(
    `select ${jobColumns(d, ["payload", "result", "progress", "error"])} from ${jobTables(d)} ` +
      `where j.id ${among(d, "$1", "uuid")} order by j.id ${d.lock("j")}`,
    [JSON.stringify(amendments.map(({ id }) => id))],
  );
  const found = new Map(rows.map(toJob).map((job) => [job.id, job]));
  const owned = amendments.flatMap(({ id, from, attempt, change }) => {
    const job = found.get(id);
    if (job?.state !== from || job.attempt !== attempt || change.kind !== "rekey") return [];
    if (!isSame(job.options.encrypted, change.was)) return [];
    return [{ job_id: id, new_options: { ...job.options, encrypted: change.encrypted } }];
  });
  if (owned.length === 0) return [];
  yield* run(
    `update ${d.table("job")} as j set options = r.new_options ` +
      `from ${d.rows("$1", "r", { job_id: "uuid", new_options: "json" })} where j.id = r.job_id`,
    [JSON.stringify(owned)],
  );
  return owned.map(({ job_id }) => job_id);
}
