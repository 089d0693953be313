import type { Clock } from "./clock.ts";
import type { Driver } from "../storage/driver.ts";

/** Options of {@linkcode Leases}. */
export interface LeasesOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** The worker's id. */
  worker: string;
  /** How long a lease lasts after each renewal, in milliseconds. */
  leaseMs: number;
  /** Called once for each lease that is gone, or about to end without having been renewed. */
  onLost(leaseId: string): void;
}

/**
 * The leases of one worker, and until when each is surely valid by this machine's monotonic clock: counted from before
 * the call that granted it, so that the estimate always lies before the store's own end.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #validUntil = new Map<string, number>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Notes a lease that was granted by a call begun at `askedAt` (monotonic). */
  opened(leaseId: string, askedAt: number): void {
    this.#validUntil.set(leaseId, askedAt + this.#options.leaseMs);
  }

  /** Forgets a lease whose jobs have ended. */
  closed(leaseId: string): void {
    this.#validUntil.delete(leaseId);
  }

  /** Renews all leases. Leases that the store does not have any more are lost. */
  async renew(): Promise<void> {
    const { driver, clock, worker, now, leaseMs } = this.#options;
    const asked = [...this.#validUntil.keys()];
    if (asked.length === 0) return;
    const askedAt = clock.monotonic();
    const alive = new Set(await driver.extend(worker, now() + leaseMs));
    for (const leaseId of asked) {
      if (!this.#validUntil.has(leaseId)) continue;
      if (alive.has(leaseId)) this.#validUntil.set(leaseId, askedAt + leaseMs);
      else this.#lose(leaseId);
    }
  }

  /** Gives up leases that end soon: their work must be over before somebody else may start it. */
  giveUpLapsing(): void {
    const { clock, leaseMs } = this.#options;
    const margin = leaseMs / 6;
    for (const [leaseId, end] of this.#validUntil) {
      if (clock.monotonic() >= end - margin) this.#lose(leaseId);
    }
  }

  #lose(leaseId: string): void {
    this.#validUntil.delete(leaseId);
    this.#options.onLost(leaseId);
  }
}
