import type { AttemptEnd } from "../../domain/attempt_end.ts";
import { type Duration, parseDuration } from "../../domain/duration.ts";
import { JobdError } from "../../domain/errors.ts";
import { storableFailure } from "../../domain/failure.ts";
import { parseInstant } from "../../domain/instant.ts";
import type { Job } from "../../domain/job.ts";
import type { Json } from "../../domain/json.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { redactionOf } from "../../domain/redaction.ts";
import { remoteWorkerId } from "../../domain/remote_worker.ts";
import { storableResult } from "../../domain/result.ts";
import { checkKeptName } from "../../domain/wait.ts";
import { otherKind } from "../attempt_waits.ts";
import { outcomeOf } from "../directed.ts";
import { Gatekeeper } from "../gatekeeper.ts";
import { Directive } from "../handler.ts";
import type { JobdParts } from "../jobd_parts.ts";
import { QueueSettingsCache } from "../queue_settings.ts";
import { Statistics } from "../statistics.ts";
import { overAt } from "../wait_calls.ts";
import { Claims } from "./claims.ts";
import type { RemoteContext } from "./context.ts";
import { RemoteLogs } from "./logs.ts";
import {
  type Lease,
  type LeasedRun,
  type LeaseRequest,
  type LeaseScope,
  leaseTime,
  type RemoteAnswer,
  remoteDefaults,
  type RemoteFailure,
  type RemoteLog,
  type RemoteSnooze,
  type RemoteWorkerDefaults,
  type RenewedLease,
  wantedOf,
  WHOLE,
} from "./options.ts";
import { leaseLost, Reports } from "./reports.ts";
import { RemoteWorkers } from "./workers.ts";

/** Statistics gather for so long before they are written, in milliseconds. */
const STATISTICS_MS = 5_000;

/** What {@linkcode RemoteLeases} is made of. */
export type RemoteParts =
  & Pick<JobdParts, "driver" | "clock" | "random" | "namespace" | "keyring" | "log" | "time">
  & { defaults: RemoteWorkerDefaults | undefined };

/**
 * Runs jobs of this store elsewhere: claims them under a lease, renews it, and takes reports of how they ended. It is what
 * programs in any language do over HTTP; one in TypeScript has `jobd.worker()`, which does all of this by itself.
 *
 * Every report names its lease and its attempt, and counts only while that is the live one. A report may be repeated when
 * its answer was lost: the same report gets the same answer.
 */
export class RemoteLeases {
  readonly #context: RemoteContext;
  readonly #claims: Claims;
  readonly #reports: Reports;
  readonly #workers: RemoteWorkers;
  readonly #logs: RemoteLogs;
  readonly #statistics = new Statistics();
  readonly #closed = new AbortController();
  #cancelFlush: (() => void) | undefined;

  /** Made by `Jobd`. */
  constructor({ driver, clock, random, namespace, keyring, log, time, defaults }: RemoteParts) {
    const now = (): number => time.now();
    const shared = { driver, clock, now, namespace, log };
    this.#context = {
      ...shared,
      random,
      keyring,
      gatekeeper: new Gatekeeper({ ...shared, told: () => false, onOpen: () => this.#claims.wake() }),
      queues: new QueueSettingsCache({ driver, clock, namespace }),
      defaults: remoteDefaults(defaults),
    };
    this.#reports = new Reports(this.#context, this.#statistics);
    this.#claims = new Claims(this.#context, this.#reports);
    this.#workers = new RemoteWorkers(this.#context);
    this.#logs = new RemoteLogs(this.#context);
  }

  /**
   * Claims jobs; undefined when there are none, and none came while it waited. Pauses, limits and priorities count as for any
   * worker.
   *
   * @throws {JobdError} `invalid_request` naming what is wrong; `store_unavailable`
   */
  async claim(
    request: LeaseRequest,
    { scope = WHOLE, signal }: { scope?: LeaseScope; signal?: AbortSignal } = {},
  ): Promise<Lease | undefined> {
    const { namespace, defaults } = this.#context;
    const worker = remoteWorkerId(namespace, request.worker);
    const wanted = wantedOf(request, scope, defaults.leaseMs);
    await this.#workers.asks(worker, wanted);
    const closed = this.#closed.signal;
    const ended = signal === undefined ? closed : AbortSignal.any([signal, closed]);
    const lease = await this.#claims.claim(worker, wanted, ended);
    this.#flushSoon();
    if (lease === undefined) await this.#workers.asks(worker, wanted);
    else await this.#workers.got(lease);
    return lease;
  }

  /**
   * Renews a lease and says what its worker is to do with each of its jobs, or of those that are named. Attempts that have
   * taken too long end here: they are lost to the worker.
   *
   * @throws {JobdError} `lease_lost` when it has ended, and its jobs may run elsewhere; `invalid_request`
   */
  async extend(
    id: string,
    { jobs: named, lease: time }: { jobs?: readonly string[]; lease?: Duration } = {},
    scope: LeaseScope = WHOLE,
  ): Promise<RenewedLease> {
    const { driver, now, defaults, queues } = this.#context;
    const leaseMs = leaseTime(time, defaults.leaseMs);
    await queues.refresh();
    const lease = await this.#reports.lease(id, scope);
    const running: Job[] = [];
    for (const job of lease.jobs) if (!await this.#endOverdue(id, job)) running.push(job);
    if (running.length === 0) throw leaseLost();
    const expiresAt = now() + leaseMs;
    const renewed = await driver.extend(lease.worker, expiresAt, [id]);
    if (!renewed.includes(id)) throw leaseLost();
    await this.#workers.renews({ id, worker: lease.worker, jobs: running });
    const statuses = new Map(
      running.map((job) => [job.id, job.cancelRequestedAt === null ? "running" as const : "cancel" as const]),
    );
    const asked = named ?? [...new Set([...statuses.keys(), ...lease.jobs.map((job) => job.id)])];
    return {
      id,
      expiresAt,
      leaseMs,
      jobs: asked.map((job) => ({ id: job, status: statuses.get(job) ?? "lost" })),
    };
  }

  /** The attempt succeeded. @throws {JobdError} `lease_lost` */
  complete(run: LeasedRun, result?: unknown, scope: LeaseScope = WHOLE): Promise<AttemptEnd> {
    return this.#end(run, scope, "completed", async (job) => {
      const value = storableResult(result);
      return {
        kind: "completed",
        result: await this.#context.keyring.sealPart(job, { field: "result" }, value),
      };
    });
  }

  /** The attempt failed: the job runs again after its backoff, or is a dead letter. @throws {JobdError} `lease_lost`, `invalid_request` */
  async fail(run: LeasedRun, failure: RemoteFailure, scope: LeaseScope = WHOLE): Promise<AttemptEnd> {
    const { error, permanent, transient, retryIn } = failure;
    const record = typeof error === "string"
      ? { code: "error", message: error }
      : { code: "error", ...error };
    const outcome: Outcome = {
      kind: "failed",
      error: record,
      ...(permanent === undefined ? {} : { permanent }),
      ...(transient === undefined ? {} : { transient }),
      ...(retryIn === undefined ? {} : { retryInMs: parseDuration(retryIn, "retryIn") }),
    };
    return await this.#end(run, scope, "failed", (job) => ({
      ...outcome,
      error: storableFailure(record, redactionOf(job)),
    }));
  }

  /** Runs the job again later; costs none of its attempts. @throws {JobdError} `lease_lost`, `invalid_request` */
  async snooze(run: LeasedRun, options: RemoteSnooze, scope: LeaseScope = WHOLE): Promise<AttemptEnd> {
    const outcome = snoozeOf(options, this.#context.now());
    return await this.#end(run, scope, "snoozed", async (job) => {
      if (outcome.coolDown === true) await this.#context.gatekeeper.coolDown(job, outcome.until);
      return outcomeOf(new Directive(outcome), redactionOf(job));
    });
  }

  /** Hands the job back unfinished, so that others have it at once: for a worker that stops. @throws {JobdError} `lease_lost` */
  release(run: LeasedRun, scope: LeaseScope = WHOLE): Promise<AttemptEnd> {
    return this.#end(run, scope, "released", () => ({ kind: "released" }));
  }

  /**
   * Asks for an answer from outside, by its name within the job. Without one the attempt ends here, and the job runs again
   * when the answer has come, or the time is over: asked again, it is given then.
   *
   * @throws {JobdError} `lease_lost`, `invalid_request`
   */
  async wait(
    run: LeasedRun,
    { name, timeout }: { name: string; timeout?: Duration },
    scope: LeaseScope = WHOLE,
  ): Promise<RemoteAnswer> {
    checkKeptName("wait name", name);
    const ms = timeout === undefined ? null : parseDuration(timeout, "timeout");
    let answer: RemoteAnswer | undefined;
    await this.#end(run, scope, "parked", async (job) => {
      answer = await this.#ask(job, name, ms);
      if (answer !== undefined) throw new Answered();
      return { kind: "parked", wait: name };
    }).catch((error: unknown) => {
      if (!(error instanceof Answered)) throw error;
    });
    return answer ?? { status: "parked" };
  }

  /** Keeps a progress note. @throws {JobdError} `lease_lost` */
  async progress(run: LeasedRun, note: unknown, scope: LeaseScope = WHOLE): Promise<void> {
    const { job } = await this.#reports.live(run, scope);
    const storable = storableResult(note);
    const kept = await this.#context.driver.progress(
      { id: job.id, attempt: job.attempt },
      redactionOf(job)?.json(storable) ?? storable,
    );
    if (!kept) throw leaseLost();
  }

  /** Adds a piece to the log of the attempt. @throws {JobdError} `lease_lost`, `invalid_request` */
  async log(run: LeasedRun, piece: RemoteLog, scope: LeaseScope = WHOLE): Promise<void> {
    const { job } = await this.#reports.live(run, scope);
    await this.#logs.add(job, piece);
  }

  /** Ends all waiting, and writes what is still to be written. Called by `Jobd.close`. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#claims.close();
    await this.#reports.idle();
    await this.#context.gatekeeper.idle();
    this.#cancelFlush?.();
    await this.#flush();
  }

  async #end(...args: Parameters<Reports["end"]>): Promise<AttemptEnd> {
    const [{ lease, job }] = args;
    await this.#context.queues.refresh();
    const end = await this.#reports.end(...args);
    this.#workers.ended(lease, job);
    this.#flushSoon();
    return end;
  }

  /** Whether the time of an attempt was over, so that it has ended now. */
  async #endOverdue(lease: string, job: Job): Promise<boolean> {
    const outcome = this.#reports.overdue(job);
    if (outcome === undefined) return false;
    await this.#reports.settle(job, outcome);
    this.#workers.ended(lease, job.id);
    this.#flushSoon();
    return true;
  }

  async #ask(job: Job, name: string, ms: number | null): Promise<RemoteAnswer | undefined> {
    const { driver, keyring, now } = this.#context;
    const at = now();
    const wait = await driver.openWait(job, { name, kind: "answer", at, ask: true, until: overAt(at, ms) });
    if (wait === undefined) throw leaseLost();
    if (wait.kind !== "answer") throw otherKind(wait);
    if (wait.answeredAt !== null) {
      const value: Json = await keyring.openPart(job, { field: "answer", name }, wait.value);
      return { status: "answered", value };
    }
    return wait.timedOutAt === null ? undefined : { status: "timed_out" };
  }

  #flushSoon(): void {
    if (this.#closed.signal.aborted) return;
    this.#cancelFlush ??= this.#context.clock.after(STATISTICS_MS, () => {
      this.#cancelFlush = undefined;
      void this.#flush();
    });
  }

  /** What cannot be written now is written with what comes next. */
  async #flush(): Promise<void> {
    try {
      await this.#statistics.flush(this.#context.driver);
    } catch (error) {
      this.#context.log.warn("Statistics of remote workers could not be written", { error: String(error) });
    }
  }
}

/** The attempt goes on: there is an answer. */
class Answered extends Error {}

function snoozeOf(
  { delay, until, reason, coolDown }: RemoteSnooze,
  now: number,
): { kind: "snoozed"; until: number; reason?: string; coolDown?: boolean } {
  if ((delay === undefined) === (until === undefined)) {
    throw new JobdError("invalid_request", "A snooze needs either a delay or a time until which it lasts");
  }
  return {
    kind: "snoozed",
    until: delay === undefined ? parseInstant(until ?? 0, "until") : now + parseDuration(delay, "delay"),
    ...(reason === undefined ? {} : { reason }),
    ...(coolDown === undefined ? {} : { coolDown }),
  };
}
