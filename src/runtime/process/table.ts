import type { Signal } from "../../storage/platform/platform.ts";

/** A process as the system's table shows it. */
export interface ProcessRow {
  /** Its number. */
  pid: number;
  /** Its parent. */
  ppid: number;
  /** Its process group. */
  group: number;
  /** Its session; equal to its group where the system does not tell. */
  session: number;
  /** Whether it has ended and only waits to be noticed by its parent. Zombies do not count as alive. */
  zombie: boolean;
  /** When it started, in clock ticks since boot; 0 where the system does not tell. */
  startTicks: number;
  /** Its attempt mark; null without one. */
  attempt: string | null;
  /** Its owner mark; null without one. */
  owner: string | null;
}

/** Looks at one process and says which signals it gets, in this order. */
export type Visitor = (row: ProcessRow) => readonly Signal[];

/** The system's process table. */
export interface ProcessTable {
  /**
   * Shows every process to every visitor, newest first where possible, and sends what they ask for.
   * Processes in `skip` may be left out; ones that are gone are taken out of it.
   */
  scan(visitors: readonly Visitor[], skip?: Set<number>): Promise<void>;
  /** Signals a whole process group at once; without error when nothing is left of it. */
  signalGroup(group: number, signal: Signal): Promise<void>;
  /** How much memory processes take, in bytes; without those that are gone. */
  memory(pids: readonly number[]): Promise<Map<number, number>>;
  /** What this machine and namespace are called; null where the system does not tell. */
  place(): Promise<{ host: string; bootId: string | null; pidNamespace: string | null }>;
}

/** Shares scans: visitors that arrive while one runs are served together by the next, so many ends cost few scans. */
export class Scanner {
  /** The table underneath. */
  readonly table: ProcessTable;
  #next: Visitor[] = [];
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(table: ProcessTable) {
    this.table = table;
  }

  /** Runs the visitor over a scan that starts after this call. */
  visit(visitor: Visitor): Promise<void> {
    this.#next.push(visitor);
    this.#queued ??= this.#running.then(() => {
      const visitors = this.#next;
      this.#next = [];
      this.#queued = undefined;
      const scan = this.table.scan(visitors);
      this.#running = scan.catch(() => {});
      return scan;
    });
    return this.#queued;
  }

  /** All processes that are not zombies. */
  async rows(): Promise<ProcessRow[]> {
    const rows: ProcessRow[] = [];
    await this.visit((row) => {
      if (!row.zombie) rows.push(row);
      return [];
    });
    return rows;
  }
}
