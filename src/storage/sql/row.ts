import type { Execution, FailureRecord, Job, JobOptions } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { JobState } from "../../domain/states.ts";
import type { Dialect } from "./dialect.ts";
import type { Row } from "./script.ts";

/**
 * The columns of a job for a SELECT over `job` as `j` joined with `queue` as `q` (see {@linkcode jobTables}), read by
 * {@linkcode toJob}. JSON comes as text, instants as epoch milliseconds. Those in `without` are read as null.
 */
export function jobColumns(d: Dialect, without: string[] = []): string {
  const plain = [
    "id",
    "type",
    "priority",
    "state",
    "attempt",
    "failures",
    "releases",
    "max_attempts",
    "worker",
    "lease_id",
    "waiting_for",
  ];
  const json = ["payload", "options", "progress", "result", "error"];
  const instants = ["created_at", "run_at", "started_at", "finished_at", "expire_at", "cancel_requested_at"];
  return [
    "q.namespace as namespace",
    "q.name as queue",
    // Its place among those who wait tells groups and limits apart; only for the few that are blocked it is looked for.
    `case when j.state = 'blocked' and exists (select 1 from ${d.table("parked")} p ` +
    "where p.job_id = j.id and p.scope like 'group:%') then 1 else 0 end as gathering",
    ...plain.map((name) => `j.${name} as ${name}`),
    ...json.map((name) => `${without.includes(name) ? "null" : d.text(`j.${name}`)} as ${name}`),
    ...instants.map((name) => `${d.ms(`j.${name}`)} as ${name}`),
  ].join(", ");
}

/** `job j join queue q`: the FROM items that {@linkcode jobColumns} needs. */
export function jobTables(d: Dialect): string {
  return `${d.table("job")} j join ${d.table("queue")} q on q.id = j.queue_id`;
}

/** Reads a row with the columns of {@linkcode jobColumns}. */
export function toJob(row: Row): Job {
  return {
    id: text(row.id),
    namespace: text(row.namespace),
    queue: text(row.queue),
    type: text(row.type),
    priority: int(row.priority),
    state: row.state as JobState,
    payload: json(row.payload),
    attempt: int(row.attempt),
    failures: int(row.failures),
    releases: int(row.releases),
    maxAttempts: int(row.max_attempts),
    createdAt: int(row.created_at),
    runAt: int(row.run_at),
    startedAt: intOrNull(row.started_at),
    finishedAt: intOrNull(row.finished_at),
    expireAt: intOrNull(row.expire_at),
    cancelRequestedAt: intOrNull(row.cancel_requested_at),
    worker: textOrNull(row.worker),
    leaseId: textOrNull(row.lease_id),
    // What is left of an earlier wait means nothing.
    waitingFor: row.state === "blocked" ? textOrNull(row.waiting_for) : null,
    gathering: int(row.gathering) === 1,
    options: json(row.options) as JobOptions,
    progress: json(row.progress),
    result: json(row.result),
    error: json(row.error) as FailureRecord | null,
  };
}

/** Reads a row with the columns job_id, attempt, worker, started_at, finished_at, outcome, error. */
export function toExecution(row: Row): Execution {
  return {
    jobId: text(row.job_id),
    attempt: int(row.attempt),
    worker: textOrNull(row.worker),
    startedAt: int(row.started_at),
    finishedAt: intOrNull(row.finished_at),
    outcome: row.outcome as Execution["outcome"],
    error: json(row.error) as FailureRecord | null,
  };
}

/** A column that holds an integer, whatever the client makes of large ones. */
export function int(value: unknown): number {
  return Number(value);
}

/** {@linkcode int} for a column that may be null. */
export function intOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** A column that holds text or an id. */
export function text(value: unknown): string {
  return String(value);
}

/** {@linkcode text} for a column that may be null. */
export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** A column that holds JSON, selected as text. */
export function json(value: unknown): Json {
  return value === null || value === undefined ? null : JSON.parse(value as string) as Json;
}
