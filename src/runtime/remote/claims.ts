import type { Job } from "../../domain/job.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { gatherGroups } from "../groups/gathering.ts";
import { heldOff } from "../encryption/hold.ts";
import { deadlineOf, type RemoteContext } from "./context.ts";
import { LongPolls } from "./long_polls.ts";
import type { Lease, Wanted } from "./options.ts";
import type { Reports } from "./reports.ts";

/** Claims in a row that may give nothing but jobs of which none can start here, before that counts as nothing. */
const VAIN_MAX = 10;
/** No handler here takes groups: a program elsewhere gets their jobs one by one. */
const NO_HANDLERS = new Map<string, never>();

/** Claims jobs for remote workers, in the same way as for those of jobd itself. */
export class Claims {
  readonly #context: RemoteContext;
  readonly #reports: Reports;
  readonly #polls: LongPolls<Lease>;

  constructor(context: RemoteContext, reports: Reports) {
    this.#context = context;
    this.#reports = reports;
    this.#polls = new LongPolls(context);
  }

  /** Jobs for a worker, or undefined when there are none and none came while it waited. */
  async claim(worker: string, wanted: Wanted, signal: AbortSignal): Promise<Lease | undefined> {
    const claim = (): Promise<Lease | undefined> => this.#claim(worker, wanted);
    const waits = wanted.waitMs > 0;
    const lease = await claim() ?? (waits ? await this.#polls.wait(wanted, claim, signal) : undefined);
    if (lease === undefined || !signal.aborted) return lease;
    // Nobody is there any more to take them: others should have them at once.
    await Promise.all(lease.jobs.map(({ job }) => this.#reports.settle(job, { kind: "released" })));
    return undefined;
  }

  /** Work may have come. */
  wake(): void {
    this.#polls.wake();
  }

  /** Ends all waiting. */
  close(): Promise<void> {
    return this.#polls.close();
  }

  async #claim(worker: string, wanted: Wanted): Promise<Lease | undefined> {
    for (let vain = 0; vain < VAIN_MAX; vain++) {
      const { lease, more } = await this.#claimOnce(worker, wanted);
      if (lease !== undefined || !more) return lease;
    }
    return undefined;
  }

  async #claimOnce(worker: string, wanted: Wanted): Promise<{ lease?: Lease; more: boolean }> {
    const { driver, gatekeeper, queues, namespace, now } = this.#context;
    await Promise.all([gatekeeper.refresh(), queues.refresh()]);
    const at = now();
    const expiresAt = at + wanted.leaseMs;
    const { ageing } = queues;
    const request = {
      worker,
      namespace,
      queues: wanted.queues,
      types: wanted.types,
      limit: wanted.limit,
      ...(ageing === undefined ? {} : { ageing }),
      now: at,
      expiresAt,
    };
    const parked = await gatekeeper.claimParked(request);
    const claim = parked.jobs.length > 0 ? parked : await gatekeeper.claim(request);
    const { leaseId, more = false } = claim;
    if (leaseId === null || claim.jobs.length === 0) return { more };
    const { jobs } = await gatherGroups({ driver, handlers: NO_HANDLERS, now: at }, claim);
    const startable = await this.#startable(jobs);
    if (startable.length === 0) return { more: true };
    const leased = startable.map((job) => ({ job, deadline: deadlineOf(this.#context, job) }));
    return { lease: { id: leaseId, worker, expiresAt, leaseMs: wanted.leaseMs, jobs: leased }, more };
  }

  /** Without those that are not to run: they end, or are put off, as a worker of jobd itself would do it. */
  async #startable(jobs: Job[]): Promise<Job[]> {
    const startable: Job[] = [];
    for (const job of jobs) {
      const instead = this.#instead(job);
      if (instead === undefined) startable.push(job);
      else await this.#reports.settle(job, instead);
    }
    return startable;
  }

  #instead(job: Job): Outcome | undefined {
    if (job.expireAt !== null && job.expireAt <= this.#context.now()) return { kind: "expired" };
    return job.sealed === undefined ? undefined : heldOff(job, job.sealed).outcome;
  }
}
