import { type Clock, sleep } from "../../domain/clock.ts";
import { platform } from "../../storage/platform/here.ts";
import type { Signal } from "../../storage/platform/platform.ts";
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
  /** How long members may take to end by themselves before any is signalled, in milliseconds. @default 0 */
  waitMs?: number;
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
 * Ends every process of a tree: a wait if asked for, SIGTERM, grace, then SIGSTOP until no new member turns up (a frozen process cannot
 * fork) and SIGKILL for all. Returns after a look that found nothing left, or after five seconds of killing.
 */
export async function endTree(tree: Tree, options: EndTreeOptions): Promise<TreeEnd> {
  const sweep = new Sweep(tree, options.scanner);
  const gone = await wait(sweep, options) || await ask(sweep, options) || await kill(sweep, options);
  return { ended: sweep.seen - sweep.spared, left: gone ? 0 : sweep.alive };
}

async function wait(sweep: Sweep, { clock, waitMs = 0 }: EndTreeOptions): Promise<boolean> {
  if (waitMs <= 0) return false;
  const giveUp = clock.monotonic() + waitMs;
  for (
    let pauseMs = 5;
    await sweep.look("find"), !sweep.clean;
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
  ) {
    const restMs = giveUp - clock.monotonic();
    if (restMs <= 0) break;
    if (sweep.alive > 0) await sleep(clock, Math.min(pauseMs, restMs));
  }
  sweep.spared = sweep.seen - sweep.alive;
  return sweep.clean;
}

async function ask(sweep: Sweep, { clock, graceMs }: EndTreeOptions): Promise<boolean> {
  if (graceMs <= 0) return false;
  // All are found before the first is signalled: whoever loses its parent can no longer be found through it.
  for (let looks = 0; looks < MAX_FINDS && await sweep.look("find") > 0; looks++);
  const giveUp = clock.monotonic() + graceMs;
  for (let pauseMs = 5; !sweep.clean; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const restMs = giveUp - clock.monotonic();
    if (restMs <= 0) return false;
    if (await sweep.look("ask") > 0 || sweep.alive > 0) await sleep(clock, Math.min(pauseMs, restMs));
  }
  return true;
}

async function kill(sweep: Sweep, { clock }: EndTreeOptions): Promise<boolean> {
  const giveUp = clock.monotonic() + KILL_LIMIT_MS;
  while (clock.monotonic() < giveUp) {
    await sweep.look("freeze");
    if (sweep.clean) return true;
    if (sweep.alive === 0) continue;
    for (let quiet = 0, glances = 1; quiet < QUIET_GLANCES && clock.monotonic() < giveUp; glances++) {
      quiet = await sweep.glance() === 0 ? quiet + 1 : 0;
      // Everybody else gets a turn, but not between two glances that still find somebody.
      if (quiet > 0 || glances % MAX_GLANCES === 0) await sleep(clock, 1);
    }
    await sweep.look("kill");
    await sleep(clock, 2);
  }
  return false;
}

/** Looks for members before they are asked to end; who forks without pause is left to the freezing. */
const MAX_FINDS = 5;
/** So many glances in a row must find no new member before the frozen ones are killed. */
const QUIET_GLANCES = 4;
/** So many glances may follow each other without a pause; about 20 ms. */
const MAX_GLANCES = 32;

const SIGNALS = {
  find: [],
  // A stopped process takes SIGTERM only once it goes on.
  ask: ["SIGTERM", "SIGCONT"],
  freeze: ["SIGSTOP"],
  kill: ["SIGKILL"],
} as const satisfies Record<string, readonly Signal[]>;
type Step = keyof typeof SIGNALS;
const STEPS: readonly Step[] = ["find", "ask", "freeze", "kill"];

interface Member {
  startTicks: number;
  /** The furthest step that it got; only SIGKILL is sent again. */
  step: Step;
}

class Sweep {
  /** Members seen in all. */
  seen = 0;
  /** Those of them that ended by themselves. */
  spared = 0;
  /** Members alive at the last full look. */
  alive = 0;
  readonly #tree: Tree;
  readonly #scanner: Scanner;
  readonly #members = new Map<number, Member>();
  /** Processes that the quick looks need not read again. */
  readonly #met = new Set<number>();
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

  /** Looks at all processes and brings every member to this step. Returns for how many that was new. */
  async look(step: Step): Promise<number> {
    let alive = 0;
    let fresh = 0;
    let inGroup = false;
    this.#met.clear();
    await this.#scanner.visit((row) => {
      this.#met.add(row.pid);
      if (!this.#isMember(row)) return [];
      alive++;
      inGroup ||= row.group === this.#tree.group;
      const signals = this.#advance(row, step);
      if (signals !== undefined) fresh++;
      return signals ?? [];
    });
    // One call reaches also those members of the group that were born during the look.
    if (step === "kill" && inGroup && this.#tree.group !== null) {
      await this.#scanner.table.signalGroup(this.#tree.group, "SIGKILL");
    }
    this.alive = alive;
    this.#cleanLooks = alive === 0 ? this.#cleanLooks + 1 : 0;
    return fresh;
  }

  /**
   * Freezes members that were born since the last look or glance, and reads only those: it must be faster than
   * they fork. Returns how many there were.
   */
  async glance(): Promise<number> {
    let fresh = 0;
    await this.#scanner.table.scan([(row) => {
      this.#met.add(row.pid);
      const signals = this.#isMember(row) ? this.#advance(row, "freeze") : undefined;
      if (signals !== undefined) fresh++;
      return signals ?? [];
    }], this.#met);
    return fresh;
  }

  #advance(row: ProcessRow, step: Step): readonly Signal[] | undefined {
    const member = this.#members.get(row.pid);
    if (member === undefined) this.seen++;
    else if (step !== "kill" && STEPS.indexOf(member.step) >= STEPS.indexOf(step)) return undefined;
    this.#members.set(row.pid, { startTicks: row.startTicks, step });
    return SIGNALS[step];
  }

  #isMember(row: ProcessRow): boolean {
    if (row.zombie || row.pid === platform.pid) return false;
    const known = this.#members.get(row.pid);
    if (known !== undefined && known.startTicks !== row.startTicks) this.#members.delete(row.pid);
    return this.#members.has(row.pid) || this.#members.has(row.ppid) || this.#tree.owns(row);
  }
}
