import type { Job } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Run } from "../../domain/transition.ts";
import type { Orphan, OrphanRequest } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, jobColumns, jobTables, text, toJob } from "./row.ts";
import { run, type Script } from "./script.ts";

/** {@linkcode Driver.overdue}. */
export function* overdue(d: Dialect, now: number, limit: number): Script<Job[]> {
  const rows = yield* run(
    `select ${jobColumns(d)} from ${jobTables(d)} where j.expire_at is not null ` +
      `and j.expire_at <= ${d.instant("$1")} ` +
      "and j.state in ('available', 'scheduled', 'blocked') order by j.expire_at, j.id limit $2",
    [now, limit],
  );
  return rows.map(toJob);
}

/** {@linkcode Driver.orphans}. */
export function* orphans(
  d: Dialect,
  { now, workers, leases: named = [], limit }: OrphanRequest,
): Script<Orphan[]> {
  const leases = yield* run(
    `select id, worker, ${d.ms("expires_at")} as expires_ms from ${d.table("lease")} ` +
      `where expires_at <= ${d.instant("$1")} or worker ${among(d, "$2", "text")} ` +
      `or id ${among(d, "$3", "bigint")} order by expires_at, id limit $4`,
    [now, JSON.stringify(workers), JSON.stringify(named), limit],
  );
  if (leases.length === 0) return [];
  const rows = yield* run(
    `select ${jobColumns(d)} from ${d.table("lease")} l cross join ${d.leaseJobs("l", "e")} ` +
      `join ${d.table("job")} j on j.id = e.value join ${d.table("queue")} q on q.id = j.queue_id ` +
      `where l.id ${among(d, "$1", "bigint")} and j.lease_id = l.id and j.state = 'running'`,
    [JSON.stringify(leases.map(({ id }) => text(id)))],
  );
  const jobs = Map.groupBy(rows.map(toJob), (job) => job.leaseId);
  return leases.map((lease) => ({
    leaseId: text(lease.id),
    worker: text(lease.worker),
    expiresAt: int(lease.expires_ms),
    jobs: jobs.get(text(lease.id)) ?? [],
  }));
}

/** {@linkcode Driver.cancelRequests}. */
export function* cancelRequests(d: Dialect, worker: string): Script<Run[]> {
  const rows = yield* run(
    `select id, attempt from ${d.table("job")} ` +
      "where cancel_requested_at is not null and state = 'running' and worker = $1 order by cancel_requested_at, id",
    [worker],
  );
  return rows.map((row) => ({ id: text(row.id), attempt: int(row.attempt) }));
}

/** {@linkcode Driver.progress}. */
export function* progress(d: Dialect, { id, attempt }: Run, note: Json): Script<boolean> {
  const rows = yield* run(
    `update ${d.table("job")} set progress = $3 where id = ${d.uuid("$1")} and attempt = $2 ` +
      "and state = 'running' returning id",
    [id, attempt, JSON.stringify(note)],
  );
  return rows.length > 0;
}
