import type { Job, NewJob } from "../domain/job.ts";
import type { Run } from "../domain/transition.ts";
import type { StopReason } from "./handler.ts";
import { Stop } from "./stop.ts";

/** One attempt that runs here. */
export interface Slot {
  /** The job as it was claimed. */
  readonly job: Job;
  /** The lease it runs under. */
  readonly leaseId: string;
  /** Stops the handler. */
  readonly stop: Stop<StopReason>;
  /** Aborted when the lease is lost or left to others: nothing of this attempt counts any more. */
  readonly lost: Stop;
  /** What the attempt wants to be enqueued with its end. */
  followUps?: NewJob[];
  /** Whether the handler has ended. */
  ended?: boolean;
  /** Time and chance that the end is decided with, where several ends must agree. */
  moment?: { now: number; random: number };
  /** What the handler threw, if it did. */
  thrown?: unknown;
}

/** The attempts that a worker runs, all of them and how many of each lease. */
export class Slots {
  readonly #slots = new Set<Slot>();
  readonly #byLease = new Map<string, number>();
  #waiting: (() => void)[] = [];

  /** How many run. */
  get size(): number {
    return this.#slots.size;
  }

  /** Takes a slot. */
  take(job: Job, leaseId: string): Slot {
    const slot: Slot = { job, leaseId, stop: new Stop(), lost: new Stop() };
    this.#slots.add(slot);
    this.#byLease.set(leaseId, (this.#byLease.get(leaseId) ?? 0) + 1);
    return slot;
  }

  /** Gives a slot back; true when it was the last one of its lease. */
  free(slot: Slot): boolean {
    this.#slots.delete(slot);
    const left = (this.#byLease.get(slot.leaseId) ?? 0) - 1;
    if (left > 0) this.#byLease.set(slot.leaseId, left);
    else this.#byLease.delete(slot.leaseId);
    if (this.#slots.size === 0) { for (const resolve of this.#waiting.splice(0)) resolve(); }
    return left <= 0;
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#slots.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops one attempt, if it runs here. */
  stop(run: Run, reason: StopReason): void {
    for (const { job, stop } of this.#slots) {
      if (job.id === run.id && job.attempt === run.attempt) stop.abort(reason);
    }
  }

  /** Stops all attempts. */
  stopAll(reason: StopReason): void {
    for (const { stop } of this.#slots) stop.abort(reason);
  }

  /** Lets nothing count any more of any attempt. */
  giveUp(): void {
    for (const { lost } of this.#slots) lost.abort();
  }

  /** Stops the attempts of a lease that is lost. */
  lose(lost: string): void {
    for (const slot of this.#slots) {
      if (slot.leaseId !== lost) continue;
      slot.stop.abort("lease_lost");
      slot.lost.abort();
    }
  }
}
