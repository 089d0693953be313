import type { WorkerRow } from "../../storage/driver.ts";
import type { RemoteContext } from "./context.ts";
import type { Lease, Wanted } from "./options.ts";

/** A worker's row is written no more often than this, in milliseconds. */
const SHOW_MS = 5_000;
/** One that says nothing for so long is forgotten here, in milliseconds. */
const FORGET_MS = 60_000;

/** What is known here of one worker. */
interface Known {
  row: Omit<WorkerRow, "running" | "seenAt">;
  /** Jobs by lease, as far as this process has seen them. */
  leases: Map<string, Set<string>>;
  seenAt: number;
  shownAt: number;
}

/** Shows remote workers among the others, by what they ask and report. */
export class RemoteWorkers {
  readonly #context: RemoteContext;
  readonly #known = new Map<string, Known>();

  constructor(context: RemoteContext) {
    this.#context = context;
  }

  /** A worker asks for work. */
  async asks(id: string, { queues, types, limit }: Wanted): Promise<void> {
    const known = await this.#of(id);
    const concurrency = limit + count(known);
    known.row = { ...known.row, queues, types, concurrency };
    await this.#show(known);
  }

  /** A worker has got work. */
  async got({ id, worker, jobs }: Lease): Promise<void> {
    const known = await this.#of(worker);
    known.leases.set(id, new Set(jobs.map(({ job }) => job.id)));
    await this.#show(known, true);
  }

  /** A worker renews a lease, under which these jobs run. */
  async renews(lease: { id: string; worker: string; jobs: readonly { id: string }[] }): Promise<void> {
    const known = await this.#of(lease.worker);
    known.leases.set(lease.id, new Set(lease.jobs.map(({ id }) => id)));
    known.row.concurrency = Math.max(known.row.concurrency, count(known));
    await this.#show(known);
  }

  /** An attempt has ended. */
  ended(leaseId: string, jobId: string): void {
    for (const { leases } of this.#known.values()) {
      const jobs = leases.get(leaseId);
      if (jobs?.delete(jobId) && jobs.size === 0) leases.delete(leaseId);
    }
  }

  async #of(id: string): Promise<Known> {
    const { driver, now, namespace } = this.#context;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    // Another server, or this one before it was started anew, may have seen it first.
    const row = (await driver.workers(now() - FORGET_MS)).find((one) => one.id === id);
    const { startedAt = now(), queues = "all", types = "all", concurrency = 0 } = row ?? {};
    const made: Known = {
      row: { id, namespace, process: { remote: true }, queues, types, concurrency, startedAt },
      leases: new Map(),
      seenAt: now(),
      shownAt: -Infinity,
    };
    this.#known.set(id, made);
    return made;
  }

  async #show(known: Known, changed = false): Promise<void> {
    const { driver, now } = this.#context;
    known.seenAt = now();
    if (!changed && known.seenAt - known.shownAt < SHOW_MS) return;
    known.shownAt = known.seenAt;
    this.#forget(known.seenAt);
    await driver.saveWorker({ ...known.row, running: count(known), seenAt: known.seenAt });
  }

  #forget(at: number): void {
    for (const [id, { seenAt }] of this.#known) if (at - seenAt > FORGET_MS) this.#known.delete(id);
  }
}

function count({ leases }: Known): number {
  return [...leases.values()].reduce((sum, jobs) => sum + jobs.size, 0);
}
