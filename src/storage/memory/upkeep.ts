import type { Job } from "../../domain/job.ts";
import { pruneGroups } from "./groups.ts";
import { pruneGates } from "./limits.ts";
import { isFinal, isWaiting } from "../../domain/states.ts";
import { keptUntil } from "../../domain/unique.ts";
import type { Orphan, OrphanRequest, PromoteResult, PruneRequest, PruneResult } from "../driver.ts";
import { compareText, type JobRow, type Tables, toJob } from "./tables.ts";

/** Makes due jobs available, soonest first. */
export function promoteDue(tables: Tables, now: number, limit: number): PromoteResult {
  const due = tables.scheduled.firstWhere(limit, (job) => job.runAt <= now);
  for (const job of due) tables.makeAvailable(job);
  return { promoted: due.length, nextDueAt: tables.scheduled.first?.runAt ?? null };
}

/** Leases that ended or whose worker is known to be dead. */
export function findOrphans(
  tables: Tables,
  { now, workers, leases = [], limit }: OrphanRequest,
): Orphan[] {
  return [...tables.leases.values()]
    .filter(({ id, worker, expiresAt }) =>
      expiresAt <= now || workers.includes(worker) || leases.includes(String(id))
    )
    .sort((a, b) => a.expiresAt - b.expiresAt || a.id - b.id)
    .slice(0, limit)
    .map((lease) => ({
      leaseId: String(lease.id),
      worker: lease.worker,
      expiresAt: lease.expiresAt,
      jobs: tables.openJobs(lease).map(toJob),
    }));
}

/** Waiting jobs past their deadline, longest overdue first. */
export function findOverdue(tables: Tables, now: number, limit: number): Job[] {
  return [...tables.jobs.values()]
    .filter((job) => isWaiting(job.state) && job.expireAt !== null && job.expireAt <= now)
    .sort((a, b) => (a.expireAt ?? 0) - (b.expireAt ?? 0) || compareText(a.id, b.id))
    .slice(0, limit)
    .map(toJob);
}

/** One step of a walk over all jobs by id. */
export function pruneStep(tables: Tables, request: PruneRequest): PruneResult {
  const { cursor = "", limit } = request;
  const rest = [...tables.jobs.values()].filter((job) => job.id > cursor).sort((a, b) =>
    compareText(a.id, b.id)
  );
  const looked = rest.slice(0, limit);
  const old = looked.filter((job) => outlived(tables, job, request));
  for (const job of old) tables.remove(job);
  const last = looked.at(-1);
  if (rest.length <= limit || last === undefined) {
    pruneGates(tables, request.now);
    pruneGroups(tables);
  }
  return rest.length > limit && last ? { deleted: old.length, cursor: last.id } : { deleted: old.length };
}

function outlived(tables: Tables, job: JobRow, { now, retention }: PruneRequest): boolean {
  if (!isFinal(job.state) || job.finishedAt === null) return false;
  const settings = tables.queueOf(job).settings;
  const keptMs = job.options.retentionMs ?? settings.retentionMs?.[job.state] ?? retention[job.state];
  const { state, finishedAt, options: { unique } } = job;
  return keptUntil({ state, finishedAt, unique }, keptMs) <= now;
}
