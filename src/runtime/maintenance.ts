import type { Retention } from "../domain/queue.ts";
import type { Driver } from "../storage/driver.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "./logger.ts";
import { Loop } from "./loop.ts";
import type { Rescuer } from "./rescuer.ts";
import type { Statistics } from "./statistics.ts";

/** Jobs that one step of a sweep touches at most. */
const BATCH = 1_000;
const STATISTICS_MS = 5_000;
const PRUNE_MS = 60_000;

/** Options of {@linkcode Maintenance}. */
export interface MaintenanceOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** Where trouble is said. */
  log: Logger;
  /** Longest sleep of the promoter, in milliseconds. */
  pollIntervalMs: number;
  /** Time between sweeps for lost and expired jobs, in milliseconds. */
  sweepMs: number;
  /** How long final jobs are kept by default. */
  retention: Retention;
  /** Takes back lost jobs. */
  rescuer: Rescuer;
  /** What to flush. */
  statistics: Statistics;
}

/**
 * The upkeep loops. Every node runs all of them: each step is idempotent, fenced, bounded and repeated, so there is no
 * leader to lose.
 */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #promote: Loop;
  readonly #loops: Loop[];
  #pruneCursor: string | undefined;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { clock, log, sweepMs, rescuer, statistics, driver } = options;
    const loop = (name: string, step: () => Promise<number>): Loop => new Loop({ name, clock, log, step });
    this.#promote = loop("Promoting due jobs", () => this.#promoteDue());
    this.#loops = [
      this.#promote,
      loop("Rescuing lost jobs", async () => await rescuer.sweep() > 0 ? 0 : sweepMs),
      loop("Expiring overdue jobs", () => this.#expire()),
      loop("Pruning old jobs", () => this.#prune()),
      loop("Writing statistics", async () => {
        await statistics.flush(driver);
        return STATISTICS_MS;
      }),
    ];
  }

  /** Starts all loops. */
  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  /** Looks for due jobs now. */
  wake(): void {
    this.#promote.wake();
  }

  /** Stops all loops after the step under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #promoteDue(): Promise<number> {
    const { driver, now, pollIntervalMs } = this.#options;
    const { promoted, nextDueAt } = await driver.promote(now(), BATCH);
    if (promoted === BATCH) return 0;
    // Never longer than the poll interval: an earlier job may be added without a wake-up reaching us.
    return nextDueAt === null ? pollIntervalMs : Math.min(pollIntervalMs, Math.max(0, nextDueAt - now() + 1));
  }

  async #expire(): Promise<number> {
    const { driver, now, sweepMs } = this.#options;
    const jobs = await driver.overdue(now(), BATCH);
    if (jobs.length > 0) {
      await driver.amend(jobs.map(({ id, state, attempt }) => ({
        id,
        from: state,
        attempt,
        at: now(),
        change: { kind: "expire" },
      })));
    }
    return jobs.length === BATCH ? 0 : sweepMs;
  }

  async #prune(): Promise<number> {
    const { driver, now, retention, log } = this.#options;
    const cursor = this.#pruneCursor;
    const step = await driver.prune({
      now: now(),
      retention,
      limit: BATCH,
      ...(cursor === undefined ? {} : { cursor }),
    });
    this.#pruneCursor = step.cursor;
    if (step.deleted > 0) log.debug("Old jobs removed", { deleted: step.deleted });
    // Small steps with pauses, so that pruning never competes with claims.
    return step.cursor === undefined ? PRUNE_MS : 100;
  }
}
