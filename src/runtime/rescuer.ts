import type { Backoff } from "../domain/backoff.ts";
import { decide } from "../domain/decide.ts";
import { JobdError, messageOf } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";
import { isRemoteWorker } from "../domain/remote_worker.ts";
import type { Transition } from "../domain/transition.ts";
import type { Driver, Orphan, SettleResult, WorkerRow } from "../storage/driver.ts";
import { givenUpAt } from "./leases.ts";
import type { Logger } from "./logger.ts";
import type { ProcessIdentity, ProcessWatch } from "./process/identity.ts";
import type { Statistics } from "./statistics.ts";

/** Sweeps in a row in which a worker's liveness lock must be free before it counts as absent. */
const ABSENCES = 3;
const LEASES_PER_SWEEP = 100;
/** Of the sweeps while nobody holds a lease, every so many-th does all that sweeps do. */
const QUIET_SWEEPS = 12;
/** Rows of workers that showed no life for so long are removed, wherever they ran, in milliseconds. */
const FORGET_MS = 86_400_000;

/** Options of {@linkcode Rescuer}. */
export interface RescuerOptions {
  /** The store. */
  driver: Driver;
  /** The store's time. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  /** The backoff of a job that brings none. */
  backoff(job: Job): Backoff;
  /** The processes of this machine. */
  processes: ProcessWatch;
  /** The worker that sweeps. */
  worker: string;
  /** Where rescues are said. */
  log: Logger;
  /** Where they are counted. */
  statistics: Statistics;
  /** How long the leases of workers like this one last, in milliseconds. */
  leaseMs: number;
  /** Told which jobs were taken back. */
  onRescued?(ids: string[]): Promise<void>;
}

/**
 * Takes jobs back from dead owners. The lease alone is always enough; two hints only make it faster: the process of a
 * worker of this machine is gone, or a worker's liveness lock was free in several sweeps while the database was up and
 * its lease was not renewed for so long that it must have given it up. A free lock alone proves nothing: it goes with the
 * connection that listens, which a worker that is well may have lost, or may never have had behind a pooler.
 */
export class Rescuer {
  readonly #options: RescuerOptions;
  readonly #absences = new Map<string, number>();
  #epoch = "";
  #quietSweeps = 0;

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** One sweep; returns how many jobs were taken back. */
  async sweep(): Promise<number> {
    const { driver, now, leaseMs } = this.#options;
    const absent = await this.#absent();
    if (absent === null) return 0;
    const gone = await this.#gone();
    const workers = [...absent, ...gone];
    let rescued = 0;
    for (const orphan of await driver.orphans({ now: now(), workers, limit: LEASES_PER_SWEEP })) {
      const given = givenUpAt(orphan.expiresAt, leaseMs) <= now();
      if (given || gone.includes(orphan.worker)) rescued += await this.#rescue(orphan);
    }
    return rescued;
  }

  async #rescue(orphan: Orphan): Promise<number> {
    const { now, random, backoff, log, statistics } = this.#options;
    const { leaseId, worker, expiresAt, jobs } = orphan;
    const message = `Its worker ${worker} stopped without finishing it`;
    // Jobs of a group run again at the same time, so that they stay together.
    const moment = { now: now(), random: random() };
    const transitions = jobs.map((job) => {
      const chance = job.options.group === undefined ? random() : moment.random;
      return decide(job, { kind: "lost", message }, { ...moment, random: chance, backoff: backoff(job) });
    });
    const results = await this.#settle(transitions, { leaseId, expiresAt });
    const applied = jobs.filter((_, index) => results[index] === "applied");
    await this.#options.onRescued?.(applied.map(({ id }) => id));
    let rescued = 0;
    for (const [index, result] of results.entries()) {
      const job = jobs[index];
      const transition = transitions[index];
      if (result !== "applied" || job === undefined || transition === undefined) continue;
      rescued++;
      statistics.record(job, transition);
      log.warn("Job taken back from a lost worker", {
        job: job.id,
        type: job.type,
        attempt: job.attempt,
        worker,
        to: transition.to,
      });
    }
    return rescued;
  }

  /** Together, or one by one: a job that the store refuses must not keep others from being taken back. */
  async #settle(
    transitions: Transition[],
    rescue: { leaseId: string; expiresAt: number },
    close = [rescue.leaseId],
  ): Promise<SettleResult[]> {
    try {
      return await this.#options.driver.settle({ transitions, close, rescue });
    } catch (error) {
      if (error instanceof JobdError && error.code === "store_unavailable") throw error;
      if (transitions.length <= 1) return this.#refused(transitions, error);
    }
    const results: SettleResult[] = [];
    for (const transition of transitions) results.push(...await this.#settle([transition], rescue, []));
    return results;
  }

  #refused(transitions: Transition[], error: unknown): SettleResult[] {
    return transitions.map(({ id, attempt }) => {
      this.#options.log.error("A job of a lost worker could not be taken back", {
        job: id,
        attempt,
        error: messageOf(error),
      });
      return "stale";
    });
  }

  /** Workers whose lock stayed free long enough, within one life of the database; null when there is nothing to do. */
  async #absent(): Promise<string[] | null> {
    const { epoch, workers, noLeases = false } = await this.#options.driver.absentWorkers();
    if (epoch !== this.#epoch) this.#absences.clear();
    this.#epoch = epoch;
    for (const known of [...this.#absences.keys()]) {
      if (!workers.includes(known)) this.#absences.delete(known);
    }
    for (const worker of workers) this.#absences.set(worker, (this.#absences.get(worker) ?? 0) + 1);
    // Nothing can be lost; now and then the rows of workers that are gone are looked at all the same.
    if (noLeases && ++this.#quietSweeps % QUIET_SWEEPS !== 0) return null;
    // Workers that are programs elsewhere hold no lock: only the end of their leases says something.
    return workers.filter((worker) =>
      !isRemoteWorker(worker) && (this.#absences.get(worker) ?? 0) >= ABSENCES
    );
  }

  /** Workers of this machine whose process is gone; their rows go too, and whatever they had started. */
  async #gone(): Promise<string[]> {
    const { driver, now, processes, worker: self } = this.#options;
    const others = (await driver.workers(0)).filter(({ id }) => id !== self);
    // Asked together, they cost one look at the process table.
    const alive = await Promise.all(others.map(({ process }) => processes.isAlive(identityOf(process))));
    const gone = others.filter((_, index) => alive[index] === false).map(({ id }) => id);
    for (const { id, seenAt } of others) {
      if (gone.includes(id) || seenAt < now() - FORGET_MS) await driver.removeWorker(id);
    }
    if (gone.length > 0) await processes.reapStrays();
    return gone;
  }
}

/** The identity that a worker row keeps; rows of other programs prove nothing, so they name no place. */
function identityOf(process: WorkerRow["process"]): Omit<ProcessIdentity, "host"> {
  const { pid, startTicks, bootId, pidNamespace } = process;
  return {
    pid: typeof pid === "number" ? pid : 0,
    startTicks: typeof startTicks === "number" ? startTicks : null,
    bootId: typeof bootId === "string" ? bootId : null,
    pidNamespace: typeof pidNamespace === "string" ? pidNamespace : null,
  };
}
