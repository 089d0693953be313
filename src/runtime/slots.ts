import type { Job } from "../domain/job.ts";
import type { Run } from "../domain/transition.ts";
import type { StopReason } from "./handler.ts";

/** One attempt that runs here. */
export interface Slot {
  /** The job as it was claimed. */
  readonly job: Job;
  /** The lease it runs under. */
  readonly leaseId: string;
  /** Stops the handler. */
  readonly stop: AbortController;
  /** Aborted when the lease is lost: nothing of this attempt counts any more. */
  readonly lost: AbortController;
}

/** The attempts that a worker runs, by attempt and by lease. */
export class Slots {
  readonly #slots = new Map<string, Slot>();
  readonly #byLease = new Map<string, Set<Slot>>();
  #waiting: (() => void)[] = [];

  /** How many run. */
  get size(): number {
    return this.#slots.size;
  }

  /** Takes a slot. */
  take(job: Job, leaseId: string): Slot {
    const slot: Slot = { job, leaseId, stop: new AbortController(), lost: new AbortController() };
    this.#slots.set(keyOf(job), slot);
    const group = this.#byLease.get(leaseId);
    if (group === undefined) this.#byLease.set(leaseId, new Set([slot]));
    else group.add(slot);
    return slot;
  }

  /** Gives a slot back; true when it was the last one of its lease. */
  free(slot: Slot): boolean {
    this.#slots.delete(keyOf(slot.job));
    const group = this.#byLease.get(slot.leaseId);
    group?.delete(slot);
    const last = group?.size === 0;
    if (last) this.#byLease.delete(slot.leaseId);
    if (this.#slots.size === 0) { for (const resolve of this.#waiting.splice(0)) resolve(); }
    return last;
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#slots.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops one attempt, if it runs here. */
  stop(run: Run, reason: StopReason): void {
    this.#slots.get(keyOf(run))?.stop.abort(reason);
  }

  /** Stops all attempts. */
  stopAll(reason: StopReason): void {
    for (const { stop } of this.#slots.values()) stop.abort(reason);
  }

  /** Stops the attempts of a lease that is lost. */
  lose(leaseId: string): void {
    for (const { stop, lost } of this.#byLease.get(leaseId) ?? []) {
      stop.abort("lease_lost" satisfies StopReason);
      lost.abort();
    }
  }
}

function keyOf(run: Run): string {
  return `${run.id}:${run.attempt}`;
}
