import type { DatabaseSync, StatementSync } from "node:sqlite";
import { JobdError } from "../../domain/errors.ts";
import type { Row, Script, SqlValue } from "../sql/script.ts";
import { busyTooLong, explain, isBusy } from "./errors.ts";
import { type System, turn } from "../../domain/clock.ts";

/** How long a call waits for the lock of another process, in milliseconds. */
const BUSY_LIMIT_MS = 30_000;
/** The longest pause between two tries, in milliseconds. */
const BUSY_PAUSE_MS = 5;
/** For how long it may write without a gap meanwhile. */
const BURST_MS = 10;
/** For how long a process that met another one's lock leaves gaps between its own writes, in milliseconds. */
const POLITE_MS = 1_000;
/** The same for what may not wait. */
const URGENT_PAUSE_MS = 1;
/** Writes in one transaction, so that it stays short. */
const GROUP_MAX = 16;
/** Prepared statements kept; most calls use a few dozen texts, lists with filters make more. */
const STATEMENT_LIMIT = 400;

/** A write that waits for its turn. */
interface Write {
  work(): unknown;
  undo(): void;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** How one write of a group ended. */
type Ending = { result: unknown } | { error: unknown };

/**
 * One connection to the file. Statements are synchronous; what is asynchronous is only waiting: for the turn of a
 * write inside this process, and for the lock of another process. No transaction is open while anything waits.
 */
export class Connection {
  /** The path, for messages. */
  readonly path: string;
  /** The open database. */
  readonly db: DatabaseSync;
  readonly #system: System;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Write[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;
  #politeUntil = -Infinity;
  #burstAt = -Infinity;

  constructor(db: DatabaseSync, path: string, system: System) {
    this.db = db;
    this.path = path;
    this.#system = system;
  }

  /** The rows of a statement. */
  all(text: string, ...params: SqlValue[]): Row[] {
    return this.#statement(text).all(...params);
  }

  /** The rows of a statement as lists of values, which costs a third of rows with names. */
  lists(text: string, ...params: SqlValue[]): SqlValue[][] {
    // Not all declarations of this module know the method.
    const statement = this.#statement(text) as StatementSync & { setReturnArrays(enabled: boolean): void };
    statement.setReturnArrays(true);
    return statement.all(...params) as unknown as SqlValue[][];
  }

  /** The first row of a statement. */
  get(text: string, ...params: SqlValue[]): Row | undefined {
    return this.#statement(text).get(...params);
  }

  /** Runs a statement and gives the number of rows that it changed. */
  run(text: string, ...params: SqlValue[]): number {
    return Number(this.#statement(text).run(...params).changes);
  }

  /** Drives a script to its end without a pause. */
  drive<T>(script: Script<T>): T {
    let step = script.next();
    while (!step.done) step = script.next(this.all(step.value.text, ...step.value.params));
    return step.value;
  }

  /** Runs statements that stand alone, outside of a transaction. */
  read<T>(work: () => T): Promise<T> {
    return this.#attempt(work);
  }

  /** Runs statements that only read and must all see the store as it is at one moment. */
  snapshot<T>(work: () => T): Promise<T> {
    return this.#attempt(() => this.#transaction("begin", work));
  }

  /**
   * Runs statements in a transaction: all or none of them. Writes that are asked for at the same time share one, because
   * its commit, which waits for the disk, costs more than most of what is written. `undo` takes back what `work` noted in
   * memory; it is called when its statements came to nothing.
   */
  write<T>(work: () => T, undo: () => void = () => {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, undo, resolve: resolve as Write["resolve"], reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Whether a write waits or is under way. */
  get writing(): boolean {
    return this.#writing !== undefined;
  }

  /** {@linkcode write} for what may not wait: it passes those that wait for their turn, and asks for the lock more often. */
  urgent<T>(work: () => T): Promise<T> {
    return this.#attempt(() => this.#transaction("begin immediate", work), URGENT_PAUSE_MS);
  }

  /** Lets the calls under way end, then closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    this.#statements.clear();
    this.db.close();
  }

  async #writeAll(): Promise<void> {
    for (await turn(); this.#waiting.length > 0; await turn()) {
      await this.#leaveGap();
      await this.#writeGroup(this.#waiting.splice(0, GROUP_MAX));
    }
    this.#writing = undefined;
  }

  /** SQLite knows no queue for its lock: who takes it again and again starves all who wait. */
  async #leaveGap(): Promise<void> {
    const now = this.#system.monotonic();
    if (now >= this.#politeUntil || now - this.#burstAt < BURST_MS) return;
    await this.#pause(1);
    this.#burstAt = this.#system.monotonic();
  }

  /** Waits at least 1 ms, at random up to `longestMs` more; gives how long. */
  async #pause(longestMs: number): Promise<number> {
    const ms = 1 + this.#system.random() * longestMs;
    await new Promise<void>((resolve) => this.#system.after(ms, resolve));
    return ms;
  }

  async #writeGroup(group: Write[]): Promise<void> {
    try {
      const endings = await this.#attempt(() =>
        this.#transaction(
          "begin immediate",
          () => group.map((write) => group.length === 1 ? { result: write.work() } : this.#part(write)),
          () => group.forEach(({ undo }) => undo()),
        )
      );
      group.forEach(({ resolve, reject }, at) => {
        const ending = endings[at] as Ending;
        if ("error" in ending) reject(explain(ending.error, this.path));
        else resolve(ending.result);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** One of several writes in a transaction; if it fails the others are still good. */
  #part({ work, undo }: Write): Ending {
    this.run("savepoint part");
    try {
      const result = work();
      this.run("release part");
      return { result };
    } catch (error) {
      // Some failures, a full disk for one, end the whole transaction.
      if (!this.db.isTransaction) throw error;
      this.run("rollback to part");
      this.run("release part");
      undo();
      return { error };
    }
  }

  #transaction<T>(begin: string, work: () => T, undo?: () => void): T {
    // A prepared statement, because errors of db.exec carry no result code.
    this.run(begin);
    try {
      const result = work();
      this.run("commit");
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.run("rollback");
      undo?.();
      throw error;
    }
  }

  /** Tries again while another process holds the lock; the event loop runs in between. */
  async #attempt<T>(work: () => T, longestPauseMs = BUSY_PAUSE_MS): Promise<T> {
    for (let tries = 1, waited = 0;; tries++) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw explain(error, this.path);
        if (this.#closed) throw closedError(this.path);
        if (waited >= BUSY_LIMIT_MS) throw busyTooLong(this.path, error);
      }
      this.#politeUntil = this.#system.monotonic() + POLITE_MS;
      waited += await this.#pause(Math.min(tries, longestPauseMs));
    }
  }

  #statement(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    if (this.#statements.size >= STATEMENT_LIMIT) this.#statements.clear();
    // Values are bound by position, so `$2` must be parameter 2 even where it stands before `$1`.
    const statement = this.db.prepare(text.replace(/\$(\d+)/g, "?$1"));
    this.#statements.set(text, statement);
    return statement;
  }
}

/** The error for a call after close. */
export function closedError(path: string): JobdError {
  return new JobdError("store_unavailable", `The store ${path} is closed`);
}
