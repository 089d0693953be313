import { type Clock, sleep } from "../clock.ts";
import type { ProcessRow, Scanner } from "./table.ts";

/** Which processes belong together. Children of members are members too, whatever their environment says. */
export interface Tree {
  /** Whether a process belongs to it by itself. */
  owns(row: ProcessRow): boolean;
  /** Its process group, for signals that reach every member at one instant; null without one. */
  group: number | null;
}

/** Options of {@linkcode endTree}. */
export interface EndTreeOptions {
  /** The process table. */
  scanner: Scanner;
  /** Time. */
  clock: Clock;
  /** How long members may take after SIGTERM until they are killed, in milliseconds; 0 kills at once. */
  graceMs: number;
}

/** What became of a tree. */
export interface TreeEnd {
  /** Processes that were still alive and had to be ended. */
  ended: number;
  /** Processes that could not be ended: stuck in the kernel, of another user, or forking faster than they die. */
  left: number;
}

/** How long killing may take before it is given up, in milliseconds. */
const KILL_LIMIT_MS = 5_000;
/** The longest pause between two looks while members use their grace, in milliseconds. */
const MAX_PAUSE_MS = 200;

/**
 * Ends every process of a tree: SIGTERM, grace, then SIGSTOP until no new member turns up (a frozen process cannot
 * fork) and SIGKILL for all. Returns after a look that found nothing left, or after five seconds of killing.
 */
export async function endTree(tree: Tree, options: EndTreeOptions): Promise<TreeEnd> {
  const sweep = new Sweep(tree, options.scanner);
  const gone = await ask(sweep, options) || await kill(sweep, options);
  return { ended: sweep.seen, left: gone ? 0 : sweep.alive };
}

async function ask(sweep: Sweep, { clock, graceMs }: EndTreeOptions): Promise<boolean> {
  const giveUp = clock.monotonic() + graceMs;
  for (let pauseMs = 5; clock.monotonic() < giveUp; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    await sweep.pass("ask");
    if (sweep.clean) return true;
    if (sweep.alive > 0) await sleep(clock, Math.min(pauseMs, Math.max(giveUp - clock.monotonic(), 0)));
  }
  return false;
}

async function kill(sweep: Sweep, { clock }: EndTreeOptions): Promise<boolean> {
  const giveUp = clock.monotonic() + KILL_LIMIT_MS;
  for (let round = 1; clock.monotonic() < giveUp; round++) {
    const fresh = await sweep.pass("freeze");
    if (sweep.clean) return true;
    // Killing before all are frozen is only right when freezing does not catch up.
    if (sweep.alive > 0 && (fresh === 0 || round % 8 === 0)) {
      await sweep.pass("kill");
      await sleep(clock, 2);
    }
  }
  return false;
}

const SIGNALS = {
  // A stopped process takes SIGTERM only once it goes on.
  ask: ["SIGTERM", "SIGCONT"],
  freeze: ["SIGSTOP"],
  kill: ["SIGKILL"],
} as const satisfies Record<string, readonly Deno.Signal[]>;
type Step = keyof typeof SIGNALS;
const STEPS: readonly Step[] = ["ask", "freeze", "kill"];

interface Member {
  startTicks: number;
  /** The furthest step that it got; only SIGKILL is sent again. */
  step: Step;
}

class Sweep {
  /** Members seen in all. */
  seen = 0;
  /** Members alive at the last look. */
  alive = 0;
  readonly #tree: Tree;
  readonly #scanner: Scanner;
  readonly #members = new Map<number, Member>();
  #cleanLooks = 0;

  constructor(tree: Tree, scanner: Scanner) {
    this.#tree = tree;
    this.#scanner = scanner;
  }

  /**
   * Whether nothing is left. A process can fork and exit behind the back of one look, so once there was anything
   * to end, two looks in a row must find nothing.
   */
  get clean(): boolean {
    return this.#cleanLooks >= (this.seen > 0 ? 2 : 1);
  }

  /** One look at all processes that brings every member to this step. Returns how many were not there yet. */
  async pass(step: Step): Promise<number> {
    let alive = 0;
    let fresh = 0;
    let inGroup = false;
    await this.#scanner.visit((row) => {
      if (!this.#isMember(row)) return [];
      alive++;
      inGroup ||= row.group === this.#tree.group;
      const member = this.#members.get(row.pid);
      if (member !== undefined && step !== "kill" && STEPS.indexOf(member.step) >= STEPS.indexOf(step)) {
        return [];
      }
      if (member === undefined) this.seen++;
      fresh++;
      this.#members.set(row.pid, { startTicks: row.startTicks, step });
      return SIGNALS[step];
    });
    // One call reaches also those members of the group that were born during the look.
    if (step === "kill" && inGroup && this.#tree.group !== null) {
      await this.#scanner.table.signalGroup(this.#tree.group, "SIGKILL");
    }
    this.alive = alive;
    this.#cleanLooks = alive === 0 ? this.#cleanLooks + 1 : 0;
    return fresh;
  }

  #isMember(row: ProcessRow): boolean {
    if (row.zombie || row.pid === Deno.pid) return false;
    const known = this.#members.get(row.pid);
    if (known !== undefined && known.startTicks !== row.startTicks) this.#members.delete(row.pid);
    return this.#members.has(row.pid) || this.#members.has(row.ppid) || this.#tree.owns(row);
  }
}
