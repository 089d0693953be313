import { type Clock, sleep } from "../domain/clock.ts";
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

/** How often leases are renewed, as a part of their time. */
export const RENEWAL = 1 / 6;
/** The part of its time after which a worker gives up a lease that it could not renew: the rest is for ending what runs. */
const GIVE_UP = 2 / 3;
/** The part after which others may count on that, of a worker that shows no other life either. */
const GIVEN_UP = 3 / 4;

/** When the owner of a lease has given it up, unless it has renewed it; by the clock of `expiresAt`. */
export function givenUpAt(expiresAt: number, leaseMs: number): number {
  return expiresAt - leaseMs * (1 - GIVEN_UP);
}

/**
 * The leases of one worker, and until when each is surely valid by this machine's monotonic clock: counted from before
 * the call that granted it, so that the estimate always lies before the store's own end.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #validUntil = new Map<string, number>();
  #checkedAt: number;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#checkedAt = options.clock.monotonic();
  }

  /** Notes a lease that was granted by a call begun at `askedAt` (monotonic). */
  opened(leaseId: string, askedAt: number): void {
    this.#validUntil.set(leaseId, askedAt + this.#options.leaseMs);
  }

  /** Forgets a lease whose jobs have ended. */
  closed(leaseId: string): void {
    this.#validUntil.delete(leaseId);
  }

  /**
   * Renews the leases that are held, and only those: one that was given up, or that a claim opened whose answer never came,
   * must end, so that somebody takes its jobs back. Leases that the store does not have any more are lost.
   */
  async renew(): Promise<void> {
    const { driver, clock, worker, now, leaseMs } = this.#options;
    const asked = [...this.#validUntil.keys()];
    if (asked.length === 0) return;
    const askedAt = clock.monotonic();
    const alive = new Set(await driver.extend(worker, now() + leaseMs, asked));
    for (const leaseId of asked) {
      if (!this.#validUntil.has(leaseId)) continue;
      if (alive.has(leaseId)) this.#validUntil.set(leaseId, askedAt + leaseMs);
      else this.#lose(leaseId);
    }
  }

  /**
   * Gives up leases that end soon: their work must be over before somebody else may start it. Call it at least every
   * twentieth of a lease. When the calls themselves had stopped, because a handler blocked the event loop or the process
   * was frozen, the store is asked first: the watchdog may have kept the leases, and nobody may have taken them.
   */
  async giveUpLapsing(): Promise<void> {
    const { clock } = this.#options;
    const paused = clock.monotonic() - this.#checkedAt > this.#patience;
    this.#checkedAt = clock.monotonic();
    if (paused && this.#lapsing().length > 0) await this.#renewSoon();
    for (const leaseId of this.#lapsing()) this.#lose(leaseId);
  }

  #lapsing(): string[] {
    const now = this.#options.clock.monotonic();
    const rest = this.#options.leaseMs * (1 - GIVE_UP);
    return [...this.#validUntil].filter(([, end]) => now >= end - rest).map(([leaseId]) => leaseId);
  }

  /** Renews, without waiting long: somebody else may run the jobs by now. */
  async #renewSoon(): Promise<void> {
    const renewed = new AbortController();
    const renewal = this.renew().catch(() => {}).finally(() => renewed.abort());
    await Promise.race([renewal, sleep(this.#options.clock, this.#patience, renewed.signal)]);
  }

  get #patience(): number {
    return this.#options.leaseMs / 10;
  }

  #lose(leaseId: string): void {
    this.#validUntil.delete(leaseId);
    this.#options.onLost(leaseId);
  }
}
