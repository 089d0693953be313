import type { Amendment } from "../../domain/amendment.ts";
import { MAX_INSTANT_MS } from "../../domain/instant.ts";
import { isFinal, isWaiting } from "../../domain/states.ts";
import type { AmendResult } from "../driver.ts";
import type { JobRow, Tables } from "./tables.ts";

/** Changes one job, if it still is as it was seen. */
export function amendJob(tables: Tables, amendment: Amendment): AmendResult {
  const { id, from, attempt, at, change } = amendment;
  const job = tables.jobs.get(id);
  if (job?.state !== from || job.attempt !== attempt) return "stale";
  switch (change.kind) {
    case "cancel":
      return end(tables, job, { state: "cancelled", at, message: change.reason });
    case "expire":
      return end(tables, job, {
        state: "expired",
        at,
        message: "The job was not finished before its deadline",
      });
    case "requestCancel":
      if (job.state !== "running") return "stale";
      job.cancelRequestedAt ??= at;
      return "applied";
    case "makeAvailable":
      return isFinal(job.state) ? revive(tables, job, at) : runNow(tables, job, at);
    case "delete":
      if (job.state === "running") return "stale";
      tables.remove(job);
      return "applied";
  }
}

function end(
  tables: Tables,
  job: JobRow,
  how: { state: "cancelled" | "expired"; at: number; message: string },
): AmendResult {
  if (!isWaiting(job.state)) return "stale";
  tables.makeFinal(job, how.state, how.at);
  job.error = { code: how.state, message: how.message };
  return "applied";
}

function runNow(tables: Tables, job: JobRow, at: number): AmendResult {
  if (job.state !== "scheduled" && job.state !== "blocked") return "stale";
  tables.makeAvailable(job);
  job.runAt = at;
  return "applied";
}

/** A new life: the attempts before it stay as history, what it left is forgotten, its time to live starts again. */
function revive(tables: Tables, job: JobRow, at: number): AmendResult {
  if (tables.lockHolder(job) !== undefined) return "conflict";
  tables.takeLock(job);
  tables.executions.set(job.id, tables.executionsOf(job));
  if (job.state === "completed") tables.steps.delete(job.id);
  const { ttlMs } = job.options;
  Object.assign(job, {
    failures: 0,
    releases: 0,
    runAt: at,
    finishedAt: null,
    expireAt: ttlMs === undefined ? null : Math.min(at + ttlMs, MAX_INSTANT_MS),
    progress: null,
    result: null,
    error: null,
  });
  tables.makeAvailable(job);
  return "applied";
}
