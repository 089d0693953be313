import type { Backoff } from "../domain/backoff.ts";
import { decide } from "../domain/decide.ts";
import type { Job } from "../domain/job.ts";
import type { Driver, Orphan, WorkerRow } from "../storage/driver.ts";
import type { Logger } from "./logger.ts";
import type { ProcessIdentity } from "./process/identity.ts";
import type { Processes } from "./process/processes.ts";
import type { Statistics } from "./statistics.ts";

/** Sweeps in a row in which a worker's liveness lock must be free before that counts as its death. */
const ABSENCES = 3;
const LEASES_PER_SWEEP = 100;

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
  processes: Processes;
  /** The worker that sweeps. */
  worker: string;
  /** Where rescues are said. */
  log: Logger;
  /** Where they are counted. */
  statistics: Statistics;
}

/**
 * Takes jobs back from dead owners. The lease alone is always enough; two hints only make it faster: the process of a
 * worker of this machine is gone, or a worker's liveness lock was free in several sweeps while the database was up.
 */
export class Rescuer {
  readonly #options: RescuerOptions;
  readonly #absences = new Map<string, number>();
  #epoch = "";

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** One sweep; returns how many jobs were taken back. */
  async sweep(): Promise<number> {
    const { driver, now } = this.#options;
    const workers = [...await this.#absent(), ...await this.#gone()];
    let rescued = 0;
    for (const orphan of await driver.orphans({ now: now(), workers, limit: LEASES_PER_SWEEP })) {
      rescued += await this.#rescue(orphan);
    }
    return rescued;
  }

  async #rescue(orphan: Orphan): Promise<number> {
    const { driver, now, random, backoff, log, statistics } = this.#options;
    const { leaseId, worker, expiresAt, jobs } = orphan;
    const message = `Its worker ${worker} stopped without finishing it`;
    const transitions = jobs.map((job) =>
      decide(job, { kind: "lost", message }, { now: now(), random: random(), backoff: backoff(job) })
    );
    const results = await driver.settle({ transitions, close: [leaseId], rescue: { leaseId, expiresAt } });
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

  /** Workers whose lock stayed free long enough, within one life of the database. */
  async #absent(): Promise<string[]> {
    const { epoch, workers } = await this.#options.driver.absentWorkers();
    if (epoch !== this.#epoch) this.#absences.clear();
    this.#epoch = epoch;
    for (const known of [...this.#absences.keys()]) {
      if (!workers.includes(known)) this.#absences.delete(known);
    }
    for (const worker of workers) this.#absences.set(worker, (this.#absences.get(worker) ?? 0) + 1);
    return workers.filter((worker) => (this.#absences.get(worker) ?? 0) >= ABSENCES);
  }

  /** Workers of this machine whose process is gone; their rows go too, and whatever they had started. */
  async #gone(): Promise<string[]> {
    const { driver, processes, worker: self } = this.#options;
    const gone: string[] = [];
    for (const { id, process } of await driver.workers(0)) {
      if (id === self || await processes.isAlive(identityOf(process)) !== false) continue;
      gone.push(id);
      await driver.removeWorker(id);
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
