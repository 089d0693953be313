import { type Backoff, DEFAULT_BACKOFF } from "../../domain/backoff.ts";
import { type Duration, parseDuration } from "../../domain/duration.ts";
import { invalid } from "../../domain/errors.ts";
import type { FailureRecord, Job } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import { checkName } from "../../domain/names.ts";

/** What holds for jobs of remote workers when neither they nor their queue says so. */
export interface RemoteWorkerDefaults {
  /** How long a lease lasts without renewal, in milliseconds. @default 30000 */
  leaseMs?: number;
  /** Longest run of an attempt, in milliseconds. @default 300000 */
  timeoutMs?: number;
  /** How long to wait after failures. @default 10 s doubled up to 1 h, equal jitter */
  backoff?: Backoff;
  /** Longest wait before the store is asked for work without a hint, in milliseconds. @default 1000 */
  pollIntervalMs?: number;
}

/** {@linkcode RemoteWorkerDefaults} with all that is not given. */
export function remoteDefaults(given: RemoteWorkerDefaults = {}): Required<RemoteWorkerDefaults> {
  return { leaseMs: 30_000, timeoutMs: 300_000, backoff: DEFAULT_BACKOFF, pollIntervalMs: 1_000, ...given };
}

/** The only queues and types that a caller may work on. */
export interface LeaseScope {
  /** The queues; null for all. */
  queues: readonly string[] | null;
  /** The types; null for all. */
  types: readonly string[] | null;
}

/** Somebody who may work on everything. */
export const WHOLE: LeaseScope = { queues: null, types: null };

/** Whether somebody may work on a job. */
export function covers({ queues, types }: LeaseScope, job: Pick<Job, "queue" | "type">): boolean {
  return (queues?.includes(job.queue) ?? true) && (types?.includes(job.type) ?? true);
}

/** What a remote worker asks for. */
export interface LeaseRequest {
  /** Its name, which operators know it by. */
  worker: string;
  /** Queues, in order of preference. @default all, highest priority of any queue first */
  queues?: readonly string[];
  /** Types of jobs that it can run. @default all */
  types?: readonly string[];
  /** At most so many jobs, 1 to 100. @default 1 */
  limit?: number;
  /** How long to wait when there is nothing to do, at most 50 seconds. @default not at all */
  wait?: Duration;
  /** How long the lease lasts without renewal: 1 second to 1 hour. @default 30 seconds */
  lease?: Duration;
}

/** An attempt under a lease, as its worker names it in reports. */
export interface LeasedRun {
  /** The lease. */
  lease: string;
  /** The job. */
  job: string;
  /** Which attempt of it: the fence. */
  attempt: number;
}

/** A job that a remote worker is to run. */
export interface LeasedJob {
  /** The job, its payload in the open. */
  job: Job;
  /** When the attempt must have ended, epoch milliseconds by the store's clock. */
  deadline: number;
}

/** Jobs that a remote worker holds from now on, until the lease ends. */
export interface Lease {
  /** Its id. */
  id: string;
  /** Whose it is, as `jobd workers` and executions name it. */
  worker: string;
  /** When it ends unless it is renewed, epoch milliseconds by the store's clock. */
  expiresAt: number;
  /** How long it lasts after each renewal, in milliseconds. */
  leaseMs: number;
  /** The jobs, in the order in which they should start. */
  jobs: LeasedJob[];
}

/** What a worker is to do with an attempt: go on, stop it and report how it ended, or stop it and forget it. */
export type LeasedStatus = "running" | "cancel" | "lost";

/** A lease that was renewed. */
export interface RenewedLease {
  /** Its id. */
  id: string;
  /** When it ends now, epoch milliseconds by the store's clock. */
  expiresAt: number;
  /** How long it lasts after each renewal, in milliseconds. */
  leaseMs: number;
  /** Its jobs, or those of them that were asked for. */
  jobs: {
    /** The job. */
    id: string;
    /** What to do with it. */
    status: LeasedStatus;
  }[];
}

/** How a remote worker says that an attempt failed. */
export interface RemoteFailure {
  /** What went wrong: a message, or more about it. */
  error: string | (Omit<FailureRecord, "code" | "deaths" | "retryInMs"> & { code?: string });
  /** Retrying cannot help: the job becomes a dead letter at once. @default false */
  permanent?: boolean;
  /** Not held against the job: it costs none of `maxAttempts`. @default false */
  transient?: boolean;
  /** Wait this long before the next attempt, instead of the backoff. */
  retryIn?: Duration;
}

/** How a remote worker puts a job off. */
export interface RemoteSnooze {
  /** For so long; or else `until`. */
  delay?: Duration;
  /** Until this time by the store's clock; or else `delay`. */
  until?: Date | number | string;
  /** Why; kept with the attempt. */
  reason?: string;
  /** Nothing else of the job's limit key, or of its type when it has none, starts before that either. @default false */
  coolDown?: boolean;
}

/** A piece of the log of a remote attempt. */
export interface RemoteLog {
  /** Which piece of this attempt, from 0 on: sent again, it is the same piece. */
  seq: number;
  /** The text, up to 65,536 characters. */
  text: string;
  /** Where it came from. @default "stdout" */
  stream?: "stdout" | "stderr";
}

/** An answer to what a remote attempt waits for. */
export type RemoteAnswer =
  /** It has come. */
  | { status: "answered"; value: Json }
  /** Nobody has answered in time. */
  | { status: "timed_out" }
  /** The attempt has ended; the job runs again when the answer comes. */
  | { status: "parked" };

const LIMIT_MAX = 100;
/** Shorter than the time after which a worker that says nothing is not listed any more. */
const WAIT_MAX_MS = 50_000;
const LEASE_MIN_MS = 1_000;
const LEASE_MAX_MS = 3_600_000;

/** {@linkcode LeaseRequest}, checked. */
export interface Wanted {
  queues: string[] | "all";
  types: string[] | "all";
  limit: number;
  waitMs: number;
  leaseMs: number;
}

/** Checks what a remote worker asks for. @throws {JobdError} `invalid_request` naming what is wrong */
export function wantedOf(
  { queues, types, limit = 1, wait = 0, lease }: LeaseRequest,
  scope: LeaseScope,
  presetMs: number,
): Wanted {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw invalid("limit", limit, `a whole number from 1 to ${LIMIT_MAX}`);
  }
  const waitMs = parseDuration(wait, "wait");
  if (waitMs > WAIT_MAX_MS) throw invalid("wait", wait, `at most ${WAIT_MAX_MS / 1_000} seconds`);
  return {
    queues: names("queue", queues ?? scope.queues),
    types: names("type", types ?? scope.types),
    limit,
    waitMs,
    leaseMs: leaseTime(lease, presetMs),
  };
}

/** How long a lease lasts. @throws {JobdError} `invalid_request` */
export function leaseTime(lease: Duration | undefined, presetMs: number): number {
  if (lease === undefined) return presetMs;
  const ms = parseDuration(lease, "lease");
  if (ms >= LEASE_MIN_MS && ms <= LEASE_MAX_MS) return ms;
  throw invalid("lease", lease, "from one second to one hour");
}

function names(what: string, given: readonly string[] | null): string[] | "all" {
  if (given === null) return "all";
  if (given.length === 0) throw invalid(`list of ${what}s`, given, `a list with one ${what} or more`);
  return [...new Set(given.map((name) => checkName(what, name)))];
}
