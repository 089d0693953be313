import type { Amendment } from "../domain/amendment.ts";
import type { NewJob } from "../domain/job.ts";
import type { Transition } from "../domain/transition.ts";
import type {
  AmendResult,
  Driver,
  InsertResult,
  SettleBatch,
  SettleResult,
  TickCommit,
  TickCommitResult,
} from "../storage/driver.ts";
import type { Keyring } from "../runtime/encryption/keyring.ts";
import { followUpsOf } from "../storage/follow_ups.ts";
import { type DriverCall, intercepted } from "../storage/intercept.ts";
import type { Activity } from "./activity.ts";

/** A change by which a job came to an end, or to its next attempt. */
export interface End {
  /** Which job. */
  id: string;
  /** How; `expired` also for a job that expired while it waited. */
  outcome: Transition["outcome"];
  /** What the job is after it. */
  to: Transition["to"];
}

/** Watches what goes into a store: which jobs were enqueued, and how runs ended. Nothing gets past it. */
export class Recorder {
  /** The store, seen through this. */
  readonly driver: Driver;
  /** All jobs that were enqueued, in order. */
  readonly enqueued: NewJob[] = [];
  /** Whether jobs are forgotten instead of stored. */
  discards = false;
  readonly #store: Driver;
  readonly #keyring: Promise<Keyring>;
  readonly #listeners = new Set<(end: End) => void>();

  constructor(driver: Driver, activity: Activity, keyring: Promise<Keyring>) {
    this.#store = driver;
    this.#keyring = keyring;
    this.driver = intercepted(driver, (call) => activity.call(() => this.#record(call)));
  }

  /** Calls back at each end, until the returned function is called. */
  onEnd(listener: (end: End) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #record(call: DriverCall): Promise<unknown> {
    const { method, args: [first, second] } = call;
    switch (method) {
      case "insert":
        return await this.#insert(call, first as NewJob[]);
      case "insertWithin":
        return await this.#insert(call, second as NewJob[]);
      case "settle":
        return await this.#settle(call, first as SettleBatch);
      case "commitTicks":
        return await this.#commit(call, first as TickCommit[]);
      case "amend":
        return await this.#amend(call, first as Amendment[]);
      default:
        return await call.effect();
    }
  }

  async #insert({ effect }: DriverCall, jobs: NewJob[]): Promise<InsertResult[]> {
    const results = this.discards ? jobs.map(accepted) : await effect() as InsertResult[];
    // A job that only changed another one has not become a job.
    await this.#add(
      jobs.filter(({ id }, index) => results[index]?.id === id && results[index]?.outcome !== "existing"),
    );
    for (const { displaced } of results) {
      if (displaced?.state === "cancelled") {
        this.#tell({ id: displaced.id, outcome: "cancelled", to: "cancelled" });
      }
    }
    return results;
  }

  async #commit({ effect }: DriverCall, commits: TickCommit[]): Promise<TickCommitResult[]> {
    const given = this.discards ? commits.map((commit) => ({ ...commit, jobs: [] })) : commits;
    const results = await effect(given) as TickCommitResult[];
    for (const [at, { jobs }] of commits.entries()) {
      const { applied = false, jobs: inserted = [] } = results[at] ?? {};
      if (!applied) continue;
      const made = (id: string, index: number): boolean =>
        this.discards || (inserted[index]?.id === id && inserted[index]?.outcome !== "existing");
      await this.#add(jobs.filter(({ id }, index) => made(id, index)));
    }
    return results;
  }

  async #settle({ effect }: DriverCall, batch: SettleBatch): Promise<SettleResult[]> {
    const given = this.discards ? { ...batch, transitions: batch.transitions.map(alone) } : batch;
    const results = await effect(given) as SettleResult[];
    await this.#add(await this.#stored(followUpsOf(batch.transitions, results)));
    for (const [index, { id, outcome, to }] of batch.transitions.entries()) {
      if (results[index] === "applied") this.#tell({ id, outcome, to });
    }
    return results;
  }

  async #amend({ effect }: DriverCall, amendments: Amendment[]): Promise<AmendResult[]> {
    const results = await effect() as AmendResult[];
    for (const [index, { id, change: { kind } }] of amendments.entries()) {
      if (results[index] !== "applied") continue;
      if (kind === "expire") this.#tell({ id, outcome: "expired", to: "expired" });
      if (kind === "archive") this.#tell({ id, outcome: "failed", to: "dead" });
      if (kind === "complete") this.#tell({ id, outcome: "completed", to: "completed" });
      if (kind === "fail") this.#tell({ id, outcome: "failed", to: "dead" });
      if (kind === "cancel") this.#tell({ id, outcome: "cancelled", to: "cancelled" });
    }
    return results;
  }

  /** A follow-up whose unique key was taken has not become a job. */
  async #stored(jobs: NewJob[]): Promise<NewJob[]> {
    if (this.discards || jobs.length === 0) return jobs;
    const ids = new Set((await this.#store.get(jobs.map(({ id }) => id))).map(({ id }) => id));
    return jobs.filter(({ id }) => ids.has(id));
  }

  /** Encrypted ones as they were asked for. */
  async #add(jobs: readonly NewJob[]): Promise<void> {
    const encrypted = jobs.some(({ options }) => options.encrypted !== undefined);
    const read = encrypted ? await (await this.#keyring).openNew(jobs) : jobs;
    this.enqueued.push(...structuredClone(read));
  }

  #tell(end: End): void {
    for (const listener of this.#listeners) listener(end);
  }
}

function accepted({ id, runAt, createdAt }: NewJob): InsertResult {
  return { id, outcome: "created", state: runAt > createdAt ? "scheduled" : "available" };
}

/** Without the jobs that it wants to be enqueued. */
function alone({ followUps: _, ...transition }: Transition): Transition {
  return transition as Transition;
}
