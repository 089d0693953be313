import type { Clock } from "../../domain/clock.ts";
import { platform } from "../../storage/platform/here.ts";
import { system } from "../../storage/system.ts";
import { endTree, type TreeEnd } from "./end_tree.ts";
import { parseAttemptMark } from "../../domain/attempt_mark.ts";
import { parseOwnerMark, type ProcessIdentity, type ProcessWatch } from "./identity.ts";
import { ProcTable } from "./proc_table.ts";
import { SHELL, ShellTable } from "./shell_table.ts";
import { type ProcessRow, type ProcessTable, Scanner } from "./table.ts";
import { UnseenTable } from "./unseen_table.ts";

/** Options of {@linkcode Machine}. */
export interface MachineOptions {
  /** Time. @default real time */
  clock?: Clock;
  /** The process table. @default /proc where it may be read, else through the shell */
  table?: ProcessTable;
}

/** Options of {@linkcode Machine.reapStrays} and {@linkcode Machine.endAttempts}. */
export interface ReapOptions {
  /** From SIGTERM to SIGKILL, in milliseconds. @default 2 s */
  graceMs?: number;
}

const REAP_GRACE_MS = 2_000;

/** The processes of this machine: who lives, and what daemons that died left behind. */
export class Machine implements ProcessWatch {
  /** Time. */
  protected readonly clock: Clock;
  /** The process table. */
  protected readonly scanner: Scanner;
  #identity: Promise<ProcessIdentity> | undefined;

  constructor({ clock = system, table = defaultTable() }: MachineOptions = {}) {
    this.clock = clock;
    this.scanner = new Scanner(table);
  }

  /** For a program that need not start any process: where it may not look at them it does without. */
  static here(): Machine {
    const mayLook = ProcTable.usable() || platform.may({ name: "run", command: SHELL });
    return new Machine(mayLook ? {} : { table: new UnseenTable() });
  }

  /** Who this process is. */
  identity(): Promise<ProcessIdentity> {
    return this.#identity ??= this.#readIdentity();
  }

  /**
   * Whether a process runs. Undefined when that cannot be told from here: it belongs to another boot or another
   * pid namespace, or the system does not tell. So only `false` proves a death.
   */
  async isAlive(identity: Omit<ProcessIdentity, "host">): Promise<boolean | undefined> {
    if (!samePlace(identity, await this.identity())) return undefined;
    return (await this.scanner.rows()).some((row) => isProcess(row, identity));
  }

  /** How much memory processes take, in bytes; without those that are gone. */
  memory(pids: readonly number[]): Promise<Map<number, number>> {
    return this.scanner.table.memory(pids);
  }

  /** Ends what is marked as started by daemons of this machine and namespace that run no more. */
  async reapStrays({ graceMs = REAP_GRACE_MS }: ReapOptions = {}): Promise<TreeEnd> {
    const here = await this.identity();
    if (here.bootId === null) return { ended: 0, left: 0 }; // no mark can be proved to be of this machine
    const rows = await this.scanner.rows();
    // A daemon that itself runs inside a job leaves that job's tree to its owner.
    const outer = rows.find((row) => row.pid === here.pid)?.owner ?? null;
    const dead = new Set<string>();
    for (const mark of new Set(rows.map((row) => row.owner))) {
      const owner = mark === null || mark === outer ? undefined : parseOwnerMark(mark);
      if (owner === undefined || !samePlace(owner, here)) continue;
      if (!rows.some((row) => isProcess(row, owner))) dead.add(mark!);
    }
    if (dead.size === 0) return { ended: 0, left: 0 };
    return await this.#end((row) => row.owner !== null && dead.has(row.owner), graceMs);
  }

  /** Ends what earlier attempts of a job left on this machine; call it before `attempt` starts anything. */
  async endAttempts(
    jobId: string,
    attempt: number,
    { graceMs = REAP_GRACE_MS }: ReapOptions = {},
  ): Promise<TreeEnd> {
    return await this.#end((row) => {
      const mark = row.attempt === null ? undefined : parseAttemptMark(row.attempt);
      return mark !== undefined && mark.jobId === jobId && mark.attempt < attempt;
    }, graceMs);
  }

  async #end(owns: (row: ProcessRow) => boolean, graceMs: number): Promise<TreeEnd> {
    return await endTree({ owns, group: null }, { scanner: this.scanner, clock: this.clock, graceMs });
  }

  async #readIdentity(): Promise<ProcessIdentity> {
    const { host, bootId, pidNamespace } = await this.scanner.table.place();
    const rows = bootId === null ? [] : await this.scanner.rows();
    const startTicks = rows.find((row) => row.pid === platform.pid)?.startTicks ?? null;
    return { host, pid: platform.pid, startTicks, bootId, pidNamespace };
  }
}

function defaultTable(): ProcessTable {
  return ProcTable.usable() ? new ProcTable() : new ShellTable({ proc: platform.os === "linux" });
}

function samePlace(a: Omit<ProcessIdentity, "host">, b: ProcessIdentity): boolean {
  if (a.startTicks === null || a.bootId === null || a.pidNamespace === null) return false;
  return a.bootId === b.bootId && a.pidNamespace === b.pidNamespace;
}

function isProcess(row: ProcessRow, identity: Pick<ProcessIdentity, "pid" | "startTicks">): boolean {
  return row.pid === identity.pid && row.startTicks === identity.startTicks;
}
