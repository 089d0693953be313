import assert from "node:assert/strict";
import type { Clock } from "../../src/domain/clock.ts";
import type { Execution, Job } from "../../src/domain/job.ts";
import type { JobRequest } from "../../src/domain/request.ts";
import { Jobd } from "../../src/runtime/jobd.ts";
import type { OpenOptions } from "../../src/runtime/jobd_options.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { ProcessWatch } from "../../src/runtime/process/identity.ts";
import type { Lease, LeasedRun, LeaseRequest } from "../../src/runtime/remote/options.ts";
import { Rescuer } from "../../src/runtime/rescuer.ts";
import { Statistics } from "../../src/runtime/statistics.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { system } from "../../src/storage/system.ts";
import type { Store } from "../conformance/store.ts";

/** How long leases last. */
export const LEASE_MS = 30_000;
/** How long failed jobs wait. */
export const BACKOFF_MS = 10_000;

const backoff = { baseMs: BACKOFF_MS, maxMs: BACKOFF_MS, jitter: "none" } as const;

/** Real time, of which some can be skipped. */
class Skipping implements Clock {
  skipped = 0;

  now(): number {
    return system.now() + this.skipped;
  }

  monotonic(): number {
    return system.monotonic() + this.skipped;
  }

  after(ms: number, fn: () => void): () => void {
    return system.after(ms, fn);
  }
}

/** Two servers on one store; their clocks go on together. */
export class Servers implements AsyncDisposable {
  readonly here: Jobd;
  readonly there: Jobd;
  readonly driver: Driver;
  readonly #clock: Skipping;

  private constructor(here: Jobd, there: Jobd, { driver, clock }: { driver: Driver; clock: Skipping }) {
    this.here = here;
    this.there = there;
    this.driver = driver;
    this.#clock = clock;
  }

  static async open(store: Store, options: OpenOptions = {}): Promise<Servers> {
    const clock = new Skipping();
    const given = { clock, remoteWorkers: { backoff, leaseMs: LEASE_MS }, ...options };
    const here = await Jobd.open(store.driver, given);
    const there = await Jobd.open(await store.reopen(), given);
    return new Servers(here, there, { driver: store.driver, clock });
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    this.#clock.skipped += ms;
  }

  /** Claims as worker "w1"; there must be something. */
  async claim(request: Partial<LeaseRequest> = {}): Promise<Lease> {
    const lease = await this.maybe(request);
    assert.ok(lease, "there was nothing to claim");
    return lease;
  }

  /** Claims as worker "w1". */
  maybe(request: Partial<LeaseRequest> = {}): Promise<Lease | undefined> {
    return this.here.leases.claim({ worker: "w1", limit: 10, ...request });
  }

  /** Enqueues a job and claims it. */
  async start(request: JobRequest = { type: "a" }): Promise<LeasedRun> {
    await this.here.enqueue(request);
    const [run] = runsOf(await this.claim());
    assert.ok(run);
    return run;
  }

  /** What a worker of jobd does every few seconds: it takes jobs back from those who are gone, and lets due jobs go. */
  async sweep(): Promise<number> {
    const { driver, there } = this;
    const processes: Partial<ProcessWatch> = {
      isAlive: () => Promise.resolve(undefined),
      reapStrays: () => Promise.resolve({ ended: 0, left: 0 }),
    };
    const rescuer = new Rescuer({
      driver,
      now: () => there.now(),
      random: () => 0.5,
      backoff: () => backoff,
      processes: processes as ProcessWatch,
      worker: "sweeper",
      log: silentLogger,
      statistics: new Statistics(),
      leaseMs: LEASE_MS,
    });
    const rescued = await rescuer.sweep();
    await driver.promote(there.now(), 100);
    return rescued;
  }

  job(id: string): Promise<Job> {
    return this.here.jobs.get(id);
  }

  /** The attempts of a job: how they ended. */
  async outcomes(id: string): Promise<Execution["outcome"][]> {
    return (await this.here.executions.of(id)).map(({ outcome }) => outcome);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.there.close();
    await this.here.close();
  }
}

/** What is under a lease, as reports name it. */
export function runsOf({ id, jobs }: Lease): LeasedRun[] {
  return jobs.map(({ job }) => ({ lease: id, job: job.id, attempt: job.attempt }));
}
