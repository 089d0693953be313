import { type Amendment, amendmentOf } from "../../domain/amendment.ts";
import { conflictError, type Holder, planContest, replaced } from "../../domain/contest.ts";
import type { NewJob } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import { uniqueLock } from "../../domain/unique.ts";
import type { Replacement } from "../../domain/replacement.ts";
import type { InsertResult } from "../driver.ts";

/** A job of a call, by its place in it. */
export interface Contender {
  /** Its place. */
  at: number;
  /** The job. */
  job: NewJob;
}

/** A contender that nothing is in the way of, once the changes to `holder` are written. */
export interface Free extends Contender {
  /** The job that had its key. */
  holder?: string;
  /** That job as it is from now on, if it gave way. */
  displaced?: { id: string; state: JobState };
}

/** What a contender is told, if the changes to `holder` are written. */
export interface Answer {
  at: number;
  result: InsertResult;
  holder?: string;
}

interface Edit {
  seen: Holder;
  set: Replacement;
  at: number;
}

/**
 * One walk over contenders with what is known of the store: what is to be written, and what each is told. It stops at the
 * first contender whose outcome depends on something that is not written yet.
 */
export class Pass {
  /** What contenders are told that are not inserted. */
  readonly answers: Answer[] = [];
  /** Those to be inserted, after the amendments. */
  readonly free: Free[] = [];
  readonly #states: Map<string, JobState>;
  readonly #holders: Map<string, Holder>;
  readonly #edits = new Map<string, Edit>();
  readonly #taken: Amendment[] = [];
  readonly #pending = new Set<string>();

  /** @param states of jobs by id; @param holders of locks */
  constructor(states: Map<string, JobState>, holders: Map<string, Holder>) {
    this.#states = states;
    this.#holders = holders;
  }

  /** Changes to jobs that are there. */
  get amendments(): Amendment[] {
    const edits = [...this.#edits.values()].map(({ seen, set, at }): Amendment => {
      return amendmentOf(seen, at, { kind: "replace", set });
    });
    // Keys are given up last, so that changes of one kind stand together and are written together.
    const gives = ({ change }: Amendment): boolean => change.kind === "releaseKey";
    return [...edits, ...this.#taken.filter((each) => !gives(each)), ...this.#taken.filter(gives)];
  }

  /** Walks. @throws {JobdError} `conflict` */
  through(contenders: readonly Contender[]): void {
    for (const contender of contenders) if (!this.#decide(contender)) return;
  }

  /** False when it is too early to decide. */
  #decide({ at, job }: Contender): boolean {
    const state = this.#states.get(job.id);
    if (state !== undefined) return this.#answer(at, { id: job.id, outcome: "existing", state });
    const lock = uniqueLock(job);
    if (this.#pending.has(job.id) || (lock !== null && this.#pending.has(lock))) return false;
    const holder = lock === null ? undefined : this.#holders.get(lock);
    if (lock === null || holder === undefined) return this.#insert({ at, job }, lock);
    const plan = planContest(holder, job);
    switch (plan.kind) {
      case "fail":
        throw conflictError(job, holder);
      case "keep":
        return this.#answer(at, { id: holder.id, outcome: "existing", state: holder.state }, holder.id);
      case "defer":
        return this.#decide({ at, job: plan.job });
      case "replace":
        return this.#edit({ at, job }, { lock, holder, set: plan.set });
      case "take": {
        // Its own changes are to be written first.
        if (this.#edits.has(holder.id)) return false;
        this.#taken.push(...plan.amendments);
        const state = plan.displaced ?? holder.state;
        this.#see(lock, { ...holder, state });
        const displaced = plan.displaced === undefined ? {} : { displaced: { id: holder.id, state } };
        return this.#insert({ at, job, holder: holder.id, ...displaced }, lock);
      }
    }
  }

  #answer(at: number, result: InsertResult, holder?: string): true {
    this.answers.push({ at, result, ...(holder === undefined ? {} : { holder }) });
    return true;
  }

  #insert(free: Free, lock: string | null): true {
    this.free.push(free);
    this.#pending.add(free.job.id);
    if (lock !== null) this.#pending.add(lock);
    return true;
  }

  /** Several changes to one job become one. */
  #edit(
    { at, job }: Contender,
    { lock, holder, set }: { lock: string; holder: Holder; set: Replacement },
  ): boolean {
    const moves = set.runAt !== undefined || set.priority !== undefined;
    // Jobs arrive in the order given, and amendments are written before new jobs.
    if (moves && this.free.length > 0) return false;
    const known = this.#edits.get(holder.id);
    if (moves) this.#edits.delete(holder.id);
    this.#edits.set(holder.id, {
      seen: known?.seen ?? holder,
      set: together(known?.set, set),
      at: job.createdAt,
    });
    const after = replaced(holder, set, job.createdAt);
    this.#see(lock, after);
    return this.#answer(at, { id: holder.id, outcome: "replaced", state: after.state }, holder.id);
  }

  #see(lock: string, holder: Holder): void {
    this.#holders.set(lock, holder);
    if (this.#states.has(holder.id)) this.#states.set(holder.id, holder.state);
  }
}

/** One replacement after the other as one. */
function together(first: Replacement = {}, second: Replacement): Replacement {
  const options = { ...first.options, ...second.options };
  return { ...first, ...second, ...(Object.keys(options).length === 0 ? {} : { options }) };
}
