import type { Retention } from "../domain/queue.ts";
import { foldsAt } from "../domain/stat.ts";
import type { Driver } from "../storage/driver.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "./logger.ts";
import { Loop } from "./loop.ts";
import type { Rescuer } from "./rescuer.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Statistics } from "./statistics.ts";

/** Jobs that one step of a sweep touches at most. */
const BATCH = 1_000;
const STATISTICS_MS = 5_000;
const PRUNE_MS = 120_000;
const FOLD_MS = 300_000;
/** Between two steps of work that is never urgent, in milliseconds. */
const REST_MS = 100;
/** Events are kept for so long, in milliseconds, */
const EVENTS_MS = 3_600_000;
/** and so many of them at most, from one sweep to the next. */
const EVENTS_MAX = 100_000;
/** Ends, and waits, that nobody has told of, because a process died at that moment, are looked for this often, in milliseconds. */
const UNTOLD_MS = 15_000;
/** A group that is due, and that another node holds at this moment, is looked at again after so long, in milliseconds. */
const HELD_MS = 10;
/** The promoter goes by what an idle claim sees, so it stays this far behind the claims, in milliseconds. */
const TRAIL_MS = 50;

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
  /** Longest sleep of what looks for groups whose time has come, in milliseconds. */
  longestMs(): number;
  /** How long final jobs are kept by default. */
  retention: Retention;
  /** How long entries of the audit log are kept, in milliseconds. */
  auditRetentionMs: number;
  /** How long statistics are kept, in milliseconds. */
  statsRetentionMs: number;
  /** Takes back lost jobs. */
  rescuer: Rescuer;
  /** What to flush. */
  statistics: Statistics;
  /** Turns ticks into jobs; absent where others do that. */
  scheduler?: Scheduler;
}

/**
 * The upkeep loops. Every node runs all of them: each step is idempotent, fenced, bounded and repeated, so there is no
 * leader to lose.
 */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #promote: Loop;
  readonly #tell: Loop;
  readonly #endWaits: Loop;
  readonly #ripen: Loop;
  readonly #loops: Loop[];
  #pruneCursor: string | undefined;
  #seen: { nextDueAt: number | null; at: number } | undefined;
  /** What was seen before is outdated: something was scheduled since, or the promoter itself has looked. */
  #outdated = -Infinity;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { clock, log, sweepMs, rescuer, statistics, driver } = options;
    const loop = (name: string, step: () => Promise<number>): Loop => new Loop({ name, clock, log, step });
    this.#promote = loop("Promoting due jobs", () => this.#promoteDue());
    this.#tell = loop("Telling jobs that others have ended", () => this.#tellChildren());
    this.#endWaits = loop("Ending waits", () => this.#endWaitsDue());
    this.#ripen = loop("Letting groups go", () => this.#ripenDue());
    this.#loops = [
      this.#promote,
      this.#ripen,
      this.#tell,
      this.#endWaits,
      loop("Rescuing lost jobs", async () => await rescuer.sweep() > 0 ? 0 : sweepMs),
      loop("Expiring overdue jobs", () => this.#expire()),
      loop("Pruning old jobs", () => this.#prune()),
      loop("Putting statistics together", () => this.#foldStats()),
      loop("Writing statistics", async () => {
        await statistics.flush(driver);
        return STATISTICS_MS;
      }),
    ];
  }

  /**
   * A claim that began then has seen when the next job is due, or null for none. While that is fresh the promoter need not
   * ask: two polls for the same thing would be a statement a second each, from every idle worker.
   */
  sawDue(nextDueAt: number | null, at: number): void {
    if (at < this.#outdated) return;
    this.#seen = { nextDueAt, at };
    if (nextDueAt !== null && nextDueAt <= this.#options.now()) this.wake();
  }

  /** Starts all loops. */
  start(): void {
    for (const loop of this.#loops) loop.start();
    this.#options.scheduler?.start();
  }

  /** Looks for due jobs now. */
  wake(): void {
    this.#forget();
    this.#promote.wake();
    this.#ripen.wake();
  }

  /** Jobs have ended that others wait for, or that batches count: tells those now. */
  wakeEnded(): void {
    this.#tell.wake();
  }

  /** A handler waits, perhaps for a time: looks when the next such time is over. */
  wakeParked(): void {
    this.#endWaits.wake();
  }

  /** Stops all loops after the step under way. */
  async stop(): Promise<void> {
    const { scheduler } = this.#options;
    await Promise.all([...this.#loops.map((loop) => loop.stop()), scheduler?.stop()]);
  }

  async #promoteDue(): Promise<number> {
    const { driver, now } = this.#options;
    const known = this.#known();
    if (known !== undefined) return known;
    this.#forget();
    const { promoted, nextDueAt } = await driver.promote(now(), BATCH);
    return promoted === BATCH ? 0 : this.#until(nextDueAt);
  }

  async #ripenDue(): Promise<number> {
    const { driver, now, longestMs } = this.#options;
    const { ripened, nextDueAt } = await driver.ripen(now(), BATCH);
    if (ripened === BATCH) return 0;
    if (nextDueAt === null) return longestMs();
    // What is due and was left is in somebody else's hands at this moment.
    return Math.min(longestMs(), Math.max(HELD_MS, nextDueAt - now() + 1));
  }

  async #tellChildren(): Promise<number> {
    const { driver, now } = this.#options;
    const request = { now: now(), limit: BATCH };
    const { more } = await driver.tellChildren(request);
    const batches = await driver.tellBatches(request);
    return more || batches.more ? 0 : UNTOLD_MS;
  }

  async #endWaitsDue(): Promise<number> {
    const { driver, now } = this.#options;
    const { released, nextDueAt } = await driver.endWaits(now(), BATCH);
    if (released.length === BATCH) return 0;
    return nextDueAt === null ? UNTOLD_MS : Math.min(UNTOLD_MS, Math.max(0, nextDueAt - now() + 1));
  }

  #forget(): void {
    this.#seen = undefined;
    this.#outdated = this.#options.clock.monotonic();
  }

  /**
   * How long to sleep by what a claim saw within the poll interval, unless it is time to do something. The next claim may be
   * just under way, so it has a moment more.
   */
  #known(): number | undefined {
    const { clock, now, pollIntervalMs } = this.#options;
    if (this.#seen === undefined) return undefined;
    const { nextDueAt, at } = this.#seen;
    const restMs = pollIntervalMs + TRAIL_MS - (clock.monotonic() - at);
    if (restMs <= 0 || (nextDueAt !== null && nextDueAt <= now())) return undefined;
    return Math.min(this.#until(nextDueAt), restMs);
  }

  /** Never longer than the poll interval: an earlier job may be added without a wake-up reaching us. */
  #until(nextDueAt: number | null): number {
    const { now, pollIntervalMs } = this.#options;
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
    return jobs.length === BATCH ? 0 : 2 * sweepMs;
  }

  async #foldStats(): Promise<number> {
    const { driver, now, statsRetentionMs } = this.#options;
    let more = false;
    for (const fold of foldsAt(now(), statsRetentionMs)) {
      more = await driver.foldStats(fold, BATCH) === BATCH || more;
    }
    return more ? REST_MS : FOLD_MS;
  }

  async #prune(): Promise<number> {
    const { driver, now, retention, auditRetentionMs, log } = this.#options;
    const cursor = this.#pruneCursor;
    if (cursor === undefined) await driver.pruneAudit(now() - auditRetentionMs, BATCH);
    const step = await driver.prune({
      now: now(),
      retention,
      events: { before: now() - EVENTS_MS, keep: EVENTS_MAX },
      limit: BATCH,
      ...(cursor === undefined ? {} : { cursor }),
    });
    this.#pruneCursor = step.cursor;
    if (step.deleted > 0) log.debug("Old jobs removed", { deleted: step.deleted });
    // Small steps with pauses, so that pruning never competes with claims.
    return step.cursor === undefined ? PRUNE_MS : REST_MS;
  }
}
