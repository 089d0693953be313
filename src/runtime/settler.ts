import type { Backoff } from "../domain/backoff.ts";
import { decide } from "../domain/decide.ts";
import { GROUP_MAX } from "../domain/group.ts";
import { JobdError } from "../domain/errors.ts";
import type { Job, NewJob } from "../domain/job.ts";
import type { Outcome } from "../domain/outcome.ts";
import { type Transition, withFollowUps } from "../domain/transition.ts";
import type { Driver, SettleResult } from "../storage/driver.ts";
import { Batcher } from "./batcher.ts";
import type { Stop } from "./stop.ts";
import { type Clock, sleep } from "../domain/clock.ts";

/** Options of {@linkcode Settler}. */
export interface SettlerOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** The backoff of a job that brings none. */
  backoff(job: Job): Backoff;
  /** Deaths of its process in a row after which a job is dead. @default 3 */
  maxDeaths?: number;
}

/** Time and chance that an end is decided with. */
export interface Moment {
  /** The store's time. */
  now: number;
  /** A number in [0, 1). */
  random: number;
}

/** Transitions in one statement. */
const BATCH = 500;
const RETRY_MS = 50;
const RETRY_MAX_MS = 2_000;

/** Writes the ends of runs, many together, and closes leases whose jobs have all ended. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #batcher: Batcher<Transition, SettleResult>;
  readonly #open = new Map<string, number>();
  #closable: string[] = [];

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#batcher = new Batcher({
      flush: (transitions) => this.#flush(transitions),
      maxWeight: BATCH,
      // Those of a group weigh less, so that the largest one fits: what runs again together is told by what is written together.
      weigh: ({ followUps, grouped }) => (grouped ? BATCH / GROUP_MAX : 1) + (followUps?.length ?? 0) / 2,
    });
  }

  /** Notes a lease and how many jobs were claimed under it. */
  opened(leaseId: string, jobs: number): void {
    this.#open.set(leaseId, jobs);
  }

  /** Leases with unfinished jobs. */
  get leases(): Iterable<string> {
    return this.#open.keys();
  }

  /**
   * Writes how an attempt ended, repeating until the store answers or the signal ends the effort (the lease is lost
   * then and somebody else rescues the job).
   *
   * @returns what was written, or undefined when the attempt was not the live one any more.
   */
  async settle(
    job: Job,
    outcome: Outcome,
    lost: Stop,
    { followUps = [], moment }: { followUps?: NewJob[]; moment?: Moment } = {},
  ): Promise<Transition | undefined> {
    let seen = job;
    for (let failures = 0; !lost.aborted;) {
      const transition = withFollowUps(this.#decide(seen, outcome, moment), followUps);
      try {
        const result = await this.#batcher.add(transition);
        if (result === "cancel_requested") {
          seen = { ...seen, cancelRequestedAt: this.#options.now() };
          continue;
        }
        return result === "applied" ? transition : undefined;
      } catch (error) {
        if (!(error instanceof JobdError) || error.code !== "store_unavailable") throw error;
        await sleep(this.#options.clock, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures++), lost.signal);
      }
    }
    return undefined;
  }

  /**
   * Says that a job of the lease was left running in the store: its end could not be written. The lease is then never
   * closed from here, because only a lease that ends brings the job back.
   */
  abandoned(leaseId: string): void {
    this.#open.delete(leaseId);
  }

  /** Says that a job of the lease needs nothing more from this worker. */
  finished(leaseId: string): void {
    const open = this.#open.get(leaseId);
    if (open === undefined) return;
    const left = open - 1;
    if (left > 0) {
      this.#open.set(leaseId, left);
      return;
    }
    // The lease goes with the next batch: only now is it certain that none of its jobs needs it.
    this.#open.delete(leaseId);
    this.#closable.push(leaseId);
  }

  /** Removes the leases that are done, when no batch comes by to take them along. */
  async closeLeases(): Promise<void> {
    if (this.#closable.length > 0) await this.#flush([]);
  }

  #decide(job: Job, outcome: Outcome, moment: Moment | undefined): Transition {
    const { now, random, backoff, maxDeaths } = this.#options;
    return decide(job, outcome, {
      now: moment?.now ?? now(),
      random: moment?.random ?? random(),
      backoff: backoff(job),
      ...(maxDeaths === undefined ? {} : { maxDeaths }),
    });
  }

  async #flush(transitions: Transition[]): Promise<SettleResult[]> {
    const close = this.#closable;
    this.#closable = [];
    try {
      const results = await this.#options.driver.settle({ transitions, close });
      if (results.some((result) => result !== "applied")) this.#closable.push(...close);
      return results;
    } catch (error) {
      this.#closable.push(...close);
      throw error;
    }
  }
}
