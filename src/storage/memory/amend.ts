import { type Amendment, ARCHIVED } from "../../domain/amendment.ts";
import { MAX_INSTANT_MS } from "../../domain/instant.ts";
import type { FailureRecord } from "../../domain/job.ts";
import { isSame } from "../../domain/encryption.ts";
import { type FinalState, isFinal, isWaiting } from "../../domain/states.ts";
import { moves, patchedOptions, type Replacement, stateAfter } from "../../domain/replacement.ts";
import { holdsKey } from "../../domain/unique.ts";
import type { AmendResult } from "../driver.ts";
import type { Json } from "../../domain/json.ts";
import { blockedBy } from "../../domain/wait.ts";
import { copy, type JobRow, type Tables } from "./tables.ts";
import { answerWait, forgetWaits } from "./waits.ts";

const OVERDUE: FailureRecord = { code: "expired", message: "The job was not finished before its deadline" };

/** Changes one job, if it still is as it was seen. */
export function amendJob(tables: Tables, amendment: Amendment): AmendResult {
  const { id, from, attempt, at, change } = amendment;
  const job = tables.jobs.get(id);
  if (job?.state !== from || job.attempt !== attempt) return "stale";
  switch (change.kind) {
    case "cancel":
      return end(tables, job, {
        at,
        state: "cancelled",
        error: { code: "cancelled", message: change.reason },
      });
    case "expire":
      return end(tables, job, { at, state: "expired", error: OVERDUE });
    case "archive":
      return end(tables, job, { at, state: "dead", error: { ...ARCHIVED } });
    case "answer":
      return isFinal(job.state) ? "stale" : answerWait(tables, job, copy(amendment));
    case "complete":
      return blockedBy(job) === "wait" ? complete(tables, job, { at, result: copy(change.result) }) : "stale";
    case "fail":
      return blockedBy(job) === "wait"
        ? end(tables, job, { at, state: "dead", error: copy(change.error) })
        : "stale";
    case "requestCancel":
      if (job.state !== "running") return "stale";
      job.cancelRequestedAt ??= at;
      return "applied";
    case "makeAvailable":
      return isFinal(job.state) ? revive(tables, job, at) : runNow(tables, job, at);
    case "reviveWith": {
      if (!isFinal(job.state)) return "stale";
      const revived = revive(tables, job, at);
      return revived === "applied" ? replace(tables, job, { set: change.set, at }) : revived;
    }
    case "replace":
      return isWaiting(job.state) ? replace(tables, job, { set: change.set, at }) : "stale";
    case "rekey":
      if (!isSame(job.options.encrypted, change.was)) return "stale";
      job.options = { ...job.options, encrypted: copy(change.encrypted) };
      return "applied";
    case "releaseKey":
      tables.releaseLock(job);
      return "applied";
    case "delete":
      if (job.state === "running") return "stale";
      tables.remove(job);
      return "applied";
  }
}

function complete(tables: Tables, job: JobRow, { at, result }: { at: number; result: Json }): AmendResult {
  tables.makeFinal(job, "completed", at);
  job.result = result;
  return "applied";
}

function end(
  tables: Tables,
  job: JobRow,
  { at, state, error }: { at: number; state: FinalState; error: FailureRecord },
): AmendResult {
  if (!isWaiting(job.state)) return "stale";
  tables.makeFinal(job, state, at);
  job.error = error;
  return "applied";
}

function runNow(tables: Tables, job: JobRow, at: number): AmendResult {
  if (job.state !== "scheduled" && job.state !== "blocked") return "stale";
  tables.makeAvailable(job);
  job.runAt = at;
  return "applied";
}

/** What stays as it was keeps its place among those that wait. */
function replace(tables: Tables, job: JobRow, given: { set: Replacement; at: number }): AmendResult {
  const { at } = given;
  const set = copy(given.set);
  const { runAt = job.runAt, priority = job.priority, queue = job.queue, ...rest } = set;
  const place = { state: stateAfter(job, set, at), queue, priority, runAt };
  if (set.queue !== undefined) tables.openQueue(job.namespace, queue, at);
  if (moves(job, set, at)) tables.move(job, place);
  else tables.stay(job, place);
  Object.assign(job, { ...rest, options: patchedOptions(job.options, set) });
  if (set.payload === undefined || job.attempt === 0) return "applied";
  tables.steps.delete(job.id);
  forgetWaits(tables, job, "over");
  return "applied";
}

/** A new life: the attempts before it stay as history, what it left is forgotten, its time to live starts again. */
function revive(tables: Tables, job: JobRow, at: number): AmendResult {
  const holder = tables.lockHolder(job);
  if (holder !== undefined && holder !== job) {
    if (holdsKey(holder.state, holder.options.unique)) return "conflict";
    tables.releaseLock(holder);
  }
  tables.takeLock(job);
  tables.executions.set(job.id, tables.executionsOf(job));
  if (job.state === "completed") tables.steps.delete(job.id);
  forgetWaits(tables, job, job.state === "completed" ? "all" : "unanswered");
  const { ttlMs } = job.options;
  tables.unfinish(job);
  Object.assign(job, {
    failures: 0,
    releases: 0,
    runAt: at,
    expireAt: ttlMs === undefined ? null : Math.min(at + ttlMs, MAX_INSTANT_MS),
    progress: null,
    result: null,
    error: null,
  });
  tables.makeAvailable(job);
  return "applied";
}
