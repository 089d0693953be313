import type { Clock } from "../../domain/clock.ts";
import type { Processes } from "../process/processes.ts";
import { Child } from "./child.ts";
import type { ChildProgram } from "./child_program.ts";
import type { Isolation } from "./isolation.ts";

/** Processes that can stand in for each other: of one module, with the same rights and limits. */
export interface ChildKind {
  /** What makes it different from others. */
  key: string;
  /** How one is started. */
  program: ChildProgram;
  /** Its rights and limits. */
  isolation: Isolation;
}

/** Options of {@linkcode ChildPool}. */
export interface ChildPoolOptions {
  /** Starts processes, and tells how much memory they take. */
  processes: Processes;
  /** Time. */
  clock: Clock;
  /** Processes at most, busy or not. */
  max: number;
}

/** What a process may take in all besides its heap, in megabytes: code, buffers, Deno itself. */
const BESIDE_HEAP_MB = 256;
const MB = 1024 * 1024;
/** How often the memory of busy processes is looked at, in milliseconds. */
const MEMORY_LOOK_MS = 1_000;

interface Member {
  child: Child;
  kind: ChildKind;
  busy: boolean;
  cancelIdle(): void;
}

/** Keeps processes of modules warm: each runs one attempt at a time, and is ended when it is too old, too big or idle. */
export class ChildPool {
  readonly #options: ChildPoolOptions;
  /** The one that was used last comes last. */
  readonly #members = new Set<Member>();
  readonly #waiting: (() => void)[] = [];
  #cancelLook: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
  }

  /** The numbers of its processes. */
  get pids(): number[] {
    return [...this.#members].flatMap(({ child: { pid } }) => pid === undefined ? [] : [pid]);
  }

  /**
   * Lends a process of this kind, a warm one if there is one; waits while all are busy. Undefined when the signal was
   * aborted before there was one.
   */
  async use<T>(
    kind: ChildKind,
    signal: AbortSignal,
    work: (child: Child) => Promise<T>,
  ): Promise<T | undefined> {
    const member = await this.#take(kind, signal);
    if (member === undefined) return undefined;
    try {
      return await work(member.child);
    } finally {
      await this.#giveBack(member);
    }
  }

  /** Ends all processes; none is lent any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook?.();
    await Promise.all([this.#looking, ...[...this.#members].map((member) => this.#end(member))]);
  }

  async #take(kind: ChildKind, signal: AbortSignal): Promise<Member | undefined> {
    while (!signal.aborted && !this.#closed) {
      const warm = [...this.#members].findLast((one) =>
        !one.busy && one.kind.key === kind.key && one.child.fit
      );
      if (warm !== undefined) return this.#lend(warm);
      if (this.#members.size < this.#options.max) return this.#lend(this.#start(kind));
      const idle = [...this.#members].find(({ busy }) => !busy);
      if (idle === undefined) await this.#room(signal);
      else await this.#end(idle);
    }
    // It may have been woken in place of another one.
    this.#waiting.shift()?.();
    return undefined;
  }

  #start(kind: ChildKind): Member {
    const child = new Child(kind.program, this.#options);
    const member: Member = { child, kind, busy: false, cancelIdle: () => {} };
    this.#members.add(member);
    void child.ended.then(() => {
      member.cancelIdle();
      this.#members.delete(member);
      this.#waiting.shift()?.();
    });
    return member;
  }

  #lend(member: Member): Member {
    member.cancelIdle();
    member.busy = true;
    this.#members.delete(member);
    this.#members.add(member);
    this.#cancelLook ??= this.#options.clock.after(MEMORY_LOOK_MS, () => this.#startLook());
    return member;
  }

  async #giveBack(member: Member): Promise<void> {
    const { child, kind: { isolation } } = member;
    if (!this.#closed && child.fit && mayServeOn(member)) {
      member.busy = false;
      member.cancelIdle = this.#options.clock.after(isolation.idleMs, () => void this.#end(member));
      this.#waiting.shift()?.();
    } else await this.#end(member);
  }

  async #end(member: Member): Promise<void> {
    member.busy = true;
    member.cancelIdle();
    await member.child.end();
  }

  /** Waits until a process is given back or has ended. */
  async #room(signal: AbortSignal): Promise<void> {
    const { promise, resolve: free } = Promise.withResolvers<void>();
    const resolve = (): void => free();
    this.#waiting.push(resolve);
    signal.addEventListener("abort", resolve, { once: true });
    await promise;
    signal.removeEventListener("abort", resolve);
    const index = this.#waiting.indexOf(resolve);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  #startLook(): void {
    this.#looking = this.#look();
  }

  /** The heap has a limit of its own; this one is for buffers and native memory. */
  async #look(): Promise<void> {
    const busy = [...this.#members].filter((one) => one.busy && one.child.pid !== undefined);
    const taken = await this.#options.processes.memory(busy.map(({ child }) => child.pid!)).catch(() =>
      undefined
    );
    for (const { child, kind } of busy) {
      if ((taken?.get(child.pid!) ?? 0) > limitBytes(kind)) child.exceeded();
    }
    this.#cancelLook = undefined;
    if (this.#closed || !busy.some((one) => one.busy)) return;
    this.#cancelLook = this.#options.clock.after(MEMORY_LOOK_MS, () => this.#startLook());
  }
}

function limitBytes({ isolation }: ChildKind): number {
  return (isolation.memoryMb + BESIDE_HEAP_MB) * MB;
}

/**
 * Whoever may start programs or load native code may have left something behind that nobody can see from here: such a
 * process serves one attempt only.
 */
function mayServeOn({ child, kind }: Member): boolean {
  const { permissions: { run, ffi }, maxJobs } = kind.isolation;
  return run === undefined && ffi === undefined && child.jobs < maxJobs && child.rss < limitBytes(kind) / 2;
}
