import type { ErrorCode } from "../domain/errors.ts";

/** A job to which something could not be done. */
export interface FailedAction {
  /** The job. */
  id: string;
  /** The kind of reason. */
  code: ErrorCode;
  /** The reason. */
  reason: string;
}

/** What became of an action on many jobs. */
export interface ActionReport {
  /** Jobs that are as wished now: of an action by filter the first 1,000 of them. */
  succeeded: string[];
  /** Jobs that are not, and why: of an action by filter the first 1,000 of them. */
  failed: FailedAction[];
  /** How many there are of each, listed or not. */
  counts: { succeeded: number; failed: number };
  /** Why it stopped before all that match were done: as many as were asked for, or its signal. Doing it again goes on. */
  stopped?: "limit" | "signal";
}

/** Jobs that a report of an action by filter lists of each kind; it counts all. */
export const LISTED_MAX = 1_000;

/** Adds up what becomes of jobs: it lists so many, and counts all. */
export class ActionTally {
  readonly #listed: number;
  readonly #succeeded: string[] = [];
  readonly #failed: FailedAction[] = [];
  readonly #counts = { succeeded: 0, failed: 0 };

  /** @param listed jobs that are listed of each kind */
  constructor(listed: number) {
    this.#listed = listed;
  }

  /** How many there were so far. */
  get done(): number {
    return this.#counts.succeeded + this.#counts.failed;
  }

  /** One is as wished. */
  succeed(id: string): void {
    this.#counts.succeeded++;
    if (this.#succeeded.length < this.#listed) this.#succeeded.push(id);
  }

  /** One is not. */
  fail(failure: FailedAction): void {
    this.#counts.failed++;
    if (this.#failed.length < this.#listed) this.#failed.push(failure);
  }

  /** What another action on other jobs has done. */
  add({ succeeded, failed, counts }: ActionReport): void {
    this.#counts.succeeded += counts.succeeded;
    this.#counts.failed += counts.failed;
    this.#succeeded.push(...succeeded.slice(0, this.#listed - this.#succeeded.length));
    this.#failed.push(...failed.slice(0, this.#listed - this.#failed.length));
  }

  /** All of it, as it is now. */
  report(stopped?: ActionReport["stopped"]): ActionReport {
    return {
      succeeded: [...this.#succeeded],
      failed: [...this.#failed],
      counts: { ...this.#counts },
      ...(stopped === undefined ? {} : { stopped }),
    };
  }
}
