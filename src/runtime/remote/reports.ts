import { type AttemptEnd, endOf, repeatedEnd } from "../../domain/attempt_end.ts";
import { decide } from "../../domain/decide.ts";
import { JobdError } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { isRemoteWorkerOf } from "../../domain/remote_worker.ts";
import type { Transition } from "../../domain/transition.ts";
import type { Orphan, SettleResult } from "../../storage/driver.ts";
import { Batcher } from "../batcher.ts";
import type { Statistics } from "../statistics.ts";
import { backoffOf, deadlineOf, type RemoteContext } from "./context.ts";
import { covers, type LeasedRun, type LeaseScope } from "./options.ts";

/** Transitions in one statement. */
const BATCH = 500;
/** What a lease may be called: whatever else is none. */
const LEASE_ID = /^[1-9]\d{0,17}$/;

/** An end on its way to the store, and the lease that goes with it when it is the last of its jobs. */
interface Ending {
  transition: Transition;
  close: string | undefined;
}

/** An attempt that runs. */
export interface Live {
  /** Its job, with the payload in the open. */
  job: Job;
  /** Its lease, if no other job is under it any more. */
  lastOf?: string;
}

/**
 * What remote workers say about their attempts. Nothing is remembered here: the lease in the store says what counts, so any
 * server can take a report, and so can one that was started a moment ago.
 */
export class Reports {
  readonly #context: RemoteContext;
  readonly #statistics: Statistics;
  readonly #batcher: Batcher<Ending, SettleResult>;

  constructor(context: RemoteContext, statistics: Statistics) {
    this.#context = context;
    this.#statistics = statistics;
    this.#batcher = new Batcher({
      maxWeight: BATCH,
      flush: (endings) =>
        context.driver.settle({
          transitions: endings.map(({ transition }) => transition),
          close: endings.flatMap(({ close }) => close ?? []),
        }),
    });
  }

  /**
   * A lease of a remote worker that has not ended, with those of its jobs that the caller may work on.
   *
   * @throws {JobdError} `lease_lost`
   */
  async lease(id: string, scope: LeaseScope): Promise<Orphan> {
    const lease = await this.#find(id);
    return { ...lease, jobs: lease.jobs.filter((job) => covers(scope, job)) };
  }

  /** A live attempt. @throws {JobdError} `lease_lost` */
  async live({ lease, job: jobId, attempt }: LeasedRun, scope: LeaseScope): Promise<Live> {
    const { jobs } = await this.#find(lease);
    const job = jobs.find((one) => one.id === jobId && one.attempt === attempt);
    if (job === undefined || !covers(scope, job)) throw leaseLost();
    const [open = job] = await this.#context.keyring.open([job]);
    return { job: open, ...(jobs.length === 1 ? { lastOf: lease } : {}) };
  }

  /**
   * Ends an attempt. An attempt that ended in this way before gives the same answer again.
   *
   * @throws {JobdError} `lease_lost` when the attempt is over and was not ended in this way
   */
  async end(
    run: LeasedRun,
    scope: LeaseScope,
    kind: Outcome["kind"],
    outcome: (job: Job) => Promise<Outcome> | Outcome,
  ): Promise<AttemptEnd> {
    try {
      const { job, lastOf } = await this.live(run, scope);
      const written = await this.settle(job, this.overdue(job) ?? await outcome(job), lastOf);
      if (written !== undefined) return endOf(written);
    } catch (error) {
      if (!(error instanceof JobdError) || error.code !== "lease_lost") throw error;
    }
    return await this.#repeated(run, scope, kind);
  }

  /** How an attempt ends whatever its worker says, because its time is over. */
  overdue(job: Job): Outcome | undefined {
    const deadline = deadlineOf(this.#context, job);
    if (deadline > this.#context.now()) return undefined;
    if (deadline === job.expireAt) return { kind: "expired" };
    const ms = deadline - (job.startedAt ?? deadline);
    return { kind: "failed", error: { code: "timeout", message: `The attempt ran longer than ${ms} ms` } };
  }

  /**
   * Writes how an attempt ended; undefined when it is not the live one any more. A lease of which it was not known that this
   * is its last job ends by itself.
   */
  async settle(job: Job, outcome: Outcome, lastOf?: string): Promise<Transition | undefined> {
    const { gatekeeper, now, random } = this.#context;
    for (let seen = job;;) {
      const transition = decide(seen, outcome, {
        now: now(),
        random: random(),
        backoff: backoffOf(this.#context, job),
      });
      const result = await this.#batcher.add({ transition, close: lastOf });
      if (result === "stale") return undefined;
      if (result === "applied") {
        this.#statistics.record(job, transition);
        await gatekeeper.endedElsewhere(job.id);
        return transition;
      }
      seen = { ...seen, cancelRequestedAt: now() };
    }
  }

  /** Resolves when nothing is on its way to the store. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  async #find(id: string): Promise<Orphan> {
    const { driver, namespace, now } = this.#context;
    const [lease] = LEASE_ID.test(id)
      ? await driver.orphans({ now: 0, workers: [], leases: [id], limit: 1 })
      : [];
    if (lease === undefined || !isRemoteWorkerOf(namespace, lease.worker) || lease.expiresAt <= now()) {
      throw leaseLost();
    }
    return lease;
  }

  async #repeated(
    { job: jobId, attempt }: LeasedRun,
    scope: LeaseScope,
    kind: Outcome["kind"],
  ): Promise<AttemptEnd> {
    const { driver, namespace } = this.#context;
    const [job] = await driver.get([jobId]);
    if (job === undefined || job.namespace !== namespace || !covers(scope, job)) throw leaseLost();
    const execution = (await driver.executions(jobId)).find((one) => one.attempt === attempt);
    const end = execution === undefined || !isRemoteWorkerOf(namespace, execution.worker ?? "")
      ? undefined
      : repeatedEnd(execution, kind);
    if (end === undefined) throw leaseLost();
    return end;
  }
}

/** What a worker hears that reports something which does not count. */
export function leaseLost(): JobdError {
  return new JobdError("lease_lost", "The attempt is not under this lease any more: nothing was changed", {
    hint:
      "It ended, or the lease did because it was not renewed in time. Stop the work: others may do it now.",
  });
}
