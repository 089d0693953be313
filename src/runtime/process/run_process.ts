import { type Clock, sleep } from "../../domain/clock.ts";
import { endTree, type TreeEnd } from "./end_tree.ts";
import { ATTEMPT_VARIABLE } from "../../domain/attempt_mark.ts";
import { OWNER_VARIABLE } from "./identity.ts";
import { checkCwd, shellTextError, startError } from "./start_error.ts";
import type { Scanner } from "./table.ts";

/** Which pipe a text came through. */
export type OutputStream = "stdout" | "stderr";

/** A program to run. */
export interface ProcessSpec {
  /** The program: a path, or a name that is looked up in the `PATH` of `env`. */
  command: string;
  /** Its arguments, exactly as it gets them. */
  args: readonly string[];
  /** Its working directory. */
  cwd: string;
  /** Its whole environment; nothing is inherited. Two marks are added. */
  env: Readonly<Record<string, string>>;
  /** What it reads, a stream as it comes; without it stdin is empty. */
  stdin?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Told the number of its process once it runs. */
  onStart?(pid: number): void;
  /** The attempt it belongs to, as made by `attemptMark`. */
  attempt: string;
  /** Ends it when aborted. */
  signal: AbortSignal;
  /** From SIGTERM to SIGKILL, in milliseconds; may depend on the signal's reason. */
  graceMs: number | ((reason: unknown) => number);
  /** Longest run, in milliseconds. @default no limit */
  timeoutMs?: number;
  /** Longest silence on both pipes, in milliseconds. @default no limit */
  idleMs?: number;
  /** How long it may go on after `onOutput` said that everything is there, in milliseconds. @default 10 s */
  lingerMs?: number;
  /** How long to read on after the tree has ended, in milliseconds. @default 1 s */
  drainMs?: number;
  /** Gets the output as it comes, decoded. Returns true when the program has delivered all that was wanted of it. */
  onOutput(stream: OutputStream, text: string): boolean | void;
  /** Runs it as this user; needs the rights for that. @default the daemon's */
  uid?: number;
  /** Runs it as this group; needs the rights for that. @default the daemon's */
  gid?: number;
}

/** Why a program was ended. */
export type EndReason = "abort" | "timeout" | "idle" | "linger";

/** How a program and its tree ended. */
export interface ProcessEnd {
  /** Its exit code; null when a signal ended it or it never ended. */
  exitCode: number | null;
  /** The signal that ended it; null when it exited. */
  signal: string | null;
  /** Why it was ended; null when it ended by itself. */
  endedBy: EndReason | null;
  /** What was left of its tree and had to be ended; counts the program itself when it was ended. */
  tree: TreeEnd;
}

/** What {@linkcode runProcess} works with. */
export interface ProcessMeans {
  /** Time. */
  clock: Clock;
  /** The process table. */
  scanner: Scanner;
  /** The daemon's owner mark. */
  owner: string;
}

/** As much of stderr is kept to see whether the program could be executed at all. */
const COMPLAINT_CHARACTERS = 1024;
/** Most bytes that one read of a pipe takes: as many as a pipe of Linux holds. */
const READ_BYTES = 64 * 1024;
const LINGER_MS = 10_000;
const DRAIN_MS = 1_000;
/** Grace of what a program leaves behind when it ends by itself, in milliseconds. */
const LEFTOVER_GRACE_MS = 2_000;
/** What is about to end as well, such as the rest of a pipeline that still writes, is not disturbed for so long. */
const LEFTOVER_WAIT_MS = 200;

/**
 * Runs a program as leader of a session of its own and returns when nothing of its tree is left: also what moved to
 * other sessions, since every member inherits the marks. Output is read all the time, whatever becomes of it.
 *
 * A member escapes only if it wipes its environment *and* leaves group and session *and* outlives its parents, or
 * belongs to another user whose processes this one may not look at.
 *
 * @throws {StartError} when the program cannot be started.
 */
export async function runProcess(spec: ProcessSpec, means: ProcessMeans): Promise<ProcessEnd> {
  await checkCwd(spec.cwd);
  if (spec.signal.aborted) {
    return { exitCode: null, signal: null, endedBy: "abort", tree: { ended: 0, left: 0 } };
  }
  const child = await spawn(spec, means.owner);
  spec.onStart?.(child.pid);
  const watch = new Watch(spec, means.clock);
  let complaint = "";
  const pipes = [
    new Pipe(child.stdout, (text) => watch.heard(spec.onOutput("stdout", text) === true)),
    new Pipe(child.stderr, (text) => {
      if (complaint.length < COMPLAINT_CHARACTERS) complaint += text.slice(0, COMPLAINT_CHARACTERS);
      watch.heard(spec.onOutput("stderr", text) === true);
    }),
  ];
  const feeding = spec.stdin === undefined ? undefined : feed(child.stdin, spec.stdin);
  const endedBy = await Promise.race([child.status.then(() => null), watch.stop]);
  watch.close();
  const tree = await endTree(
    {
      group: child.pid,
      owns: (row) => row.attempt === spec.attempt || row.group === child.pid || row.session === child.pid,
    },
    { ...means, graceMs: graceMs(spec, endedBy), waitMs: endedBy === null ? LEFTOVER_WAIT_MS : 0 },
  );
  await settle(Promise.all(pipes.map((pipe) => pipe.end)), means.clock, spec.drainMs ?? DRAIN_MS);
  await Promise.all(pipes.map((pipe) => pipe.close()));
  await feeding?.stop();
  const status = await settle(child.status, means.clock, tree.left > 0 ? DRAIN_MS : undefined);
  const exitCode = status === undefined || status.signal !== null ? null : status.code;
  const error = await shellTextError(spec.command, exitCode, complaint);
  if (error !== undefined) throw error;
  return {
    exitCode,
    signal: status?.signal ?? null,
    endedBy,
    tree,
  };
}

function graceMs(spec: ProcessSpec, endedBy: EndReason | null): number {
  const full = typeof spec.graceMs === "number" ? spec.graceMs : spec.graceMs(spec.signal.reason);
  return endedBy === null ? Math.min(full, LEFTOVER_GRACE_MS) : full;
}

async function spawn(spec: ProcessSpec, owner: string): Promise<Deno.ChildProcess> {
  try {
    return new Deno.Command(spec.command, {
      args: [...spec.args],
      cwd: spec.cwd,
      clearEnv: true,
      env: { ...spec.env, [ATTEMPT_VARIABLE]: spec.attempt, [OWNER_VARIABLE]: owner },
      stdin: spec.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    }).spawn();
  } catch (error) {
    throw await startError(spec.command, error);
  }
}

/** Waits for the first reason to end a program. */
class Watch {
  /** Fulfilled with the reason; never when there is none. */
  readonly stop: Promise<EndReason>;
  readonly #clock: Clock;
  readonly #spec: ProcessSpec;
  readonly #timers = new Map<EndReason, () => void>();
  readonly #fire: (reason: EndReason) => void;
  readonly #onAbort = (): void => this.#fire("abort");
  #heardAt: number;

  constructor(spec: ProcessSpec, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<EndReason>();
    this.stop = promise;
    this.#fire = resolve;
    this.#clock = clock;
    this.#spec = spec;
    this.#heardAt = clock.monotonic();
    if (spec.timeoutMs !== undefined) this.#arm("timeout", spec.timeoutMs);
    if (spec.idleMs !== undefined) this.#armIdle(spec.idleMs, spec.idleMs);
    spec.signal.addEventListener("abort", this.#onAbort, { once: true });
    // It may have been aborted while the program was started.
    if (spec.signal.aborted) this.#fire("abort");
  }

  /** There was output; `complete` when nothing more is wanted. */
  heard(complete: boolean): void {
    this.#heardAt = this.#clock.monotonic();
    if (complete) this.#arm("linger", this.#spec.lingerMs ?? LINGER_MS);
  }

  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#spec.signal.removeEventListener("abort", this.#onAbort);
    this.heard = () => {};
  }

  #arm(reason: EndReason, ms: number): void {
    this.#timers.get(reason)?.();
    this.#timers.set(reason, this.#clock.after(ms, () => this.#fire(reason)));
  }

  /** One timer that looks again where output came meanwhile: a flood would else arm thousands of timers a second. */
  #armIdle(idleMs: number, restMs: number): void {
    const look = (): void => {
      const silentMs = this.#clock.monotonic() - this.#heardAt;
      if (silentMs >= idleMs) this.#fire("idle");
      else this.#armIdle(idleMs, idleMs - silentMs);
    };
    this.#timers.set("idle", this.#clock.after(restMs, look));
  }
}

/** Reads a pipe to its end and decodes it: invalid bytes become U+FFFD, characters split over two reads are joined. */
class Pipe {
  /** Fulfilled at the end of the pipe. */
  readonly end: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, onText: (text: string) => void) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.end = this.#pump(onText);
  }

  /** Stops reading; what a surviving process may still write is lost. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    await this.end;
  }

  async #pump(onText: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const pass = (text: string): void => text === "" ? undefined : onText(text);
    // One buffer for all reads: a flood would else leave tens of megabytes of them behind before any are collected.
    let buffer = new ArrayBuffer(READ_BYTES);
    try {
      for (;;) {
        const { done, value } = await this.#reader.read(new Uint8Array(buffer));
        if (done) break;
        pass(decoder.decode(value, { stream: true }));
        buffer = value.buffer;
      }
    } catch {
      // Closed by us in the middle of a read.
    }
    pass(decoder.decode());
  }
}

/** Writes stdin beside everything else: a program that does not read it must not hold anything up. */
function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  data: NonNullable<ProcessSpec["stdin"]>,
): { stop(): Promise<void> } {
  if (data instanceof ReadableStream) return pipe(data, stdin);
  const writer = stdin.getWriter();
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  // A program may close stdin or end without reading all of it; that is its own affair.
  const written = writer.write(bytes).then(() => writer.close()).catch(() => {});
  return {
    stop: async () => {
      await writer.abort().catch(() => {});
      await written;
    },
  };
}

function pipe(
  data: ReadableStream<Uint8Array<ArrayBuffer>>,
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
): { stop(): Promise<void> } {
  const over = new AbortController();
  const written = data.pipeTo(stdin, { signal: over.signal }).catch(() => {});
  return {
    stop: async () => {
      over.abort();
      await written;
    },
  };
}

/** The promise's value, or undefined when it takes longer than `limitMs`. */
async function settle<T>(
  promise: Promise<T>,
  clock: Clock,
  limitMs: number | undefined,
): Promise<T | undefined> {
  if (limitMs === undefined) return await promise;
  const over = new AbortController();
  const result = await Promise.race([promise, sleep(clock, limitMs, over.signal).then(() => undefined)]);
  over.abort();
  return result;
}
