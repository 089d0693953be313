import type { Clock } from "../../domain/clock.ts";
import type { FailureRecord, Job } from "../../domain/job.ts";
import { Tail } from "../handlers/tail.ts";
import type { RunContext } from "../handler.ts";
import type { Processes } from "../process/processes.ts";
import type { OutputStream, ProcessEnd } from "../process/run_process.ts";
import { AttemptLink } from "./attempt_link.ts";
import { type Death, deathOf } from "./death.ts";
import { FrameReader } from "./frames.ts";
import type { AttemptEnd, FromChild, ModuleContents, ToChild } from "./protocol.ts";
import type { ChildProgram } from "./child_program.ts";
import { unpackThrown } from "./thrown.ts";

/** What a {@linkcode Child} works with. */
export interface ChildMeans {
  /** Starts it. */
  processes: Processes;
  /** Time. */
  clock: Clock;
}

/** A module that cannot be loaded in its process. */
export class BrokenModule extends Error {
  /** The right that it lacks for it, as the failure of a job. */
  readonly refused: FailureRecord | undefined;

  constructor(thrown: unknown, refused: FailureRecord | undefined) {
    super(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown), { cause: thrown });
    this.name = "BrokenModule";
    this.refused = refused;
  }
}

/** A process that ended before its module was loaded. */
export class DiedEarly extends Error {
  /** The same as the end of an attempt. */
  readonly death: Death;

  constructor(death: Death, lastWords: string) {
    super(lastWords.trim() === "" ? death.error.message : lastWords.trim());
    this.name = "DiedEarly";
    this.death = death;
  }
}

/** Characters of stderr that are kept for the case that the process dies. */
const TAIL_CHARACTERS = 8_192;
/** How long stderr may take to deliver what belongs to an attempt that has ended, in milliseconds. */
const FLUSH_MS = 2_000;
/** How long a process may take to end by itself when its input has, in milliseconds. */
const IDLE_GRACE_MS = 1_000;

/** A Deno process that has loaded one module and runs its jobs, one at a time. */
export class Child {
  /** What the module holds; rejects when it cannot be loaded, or the process not be started. */
  readonly ready: Promise<ModuleContents>;
  /** Resolves when nothing of the process and its tree is left. */
  readonly ended: Promise<void>;
  /** Memory of the process after its latest attempt, in bytes. */
  rss = 0;
  /** Attempts that it has run. */
  jobs = 0;
  readonly #clock: Clock;
  readonly #program: ChildProgram;
  readonly #stop = new AbortController();
  readonly #tail = new Tail(TAIL_CHARACTERS);
  readonly #loaded = Promise.withResolvers<ModuleContents>();
  #input!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #pid: number | undefined;
  #link: AttemptLink | undefined;
  #flushed = Promise.withResolvers<void>();
  /** Whether somebody still reads what is sent. */
  #listening = true;
  #over = false;
  #fit = true;
  #graceMs = 0;
  #outOfMemory = false;

  /** Starts it. */
  constructor(program: ChildProgram, { processes, clock }: ChildMeans) {
    this.#clock = clock;
    this.#program = program;
    this.ready = this.#loaded.promise;
    // Whoever asks hears of it; a process that is ended before is nobody's trouble.
    this.ready.catch(() => {});
    const nonce = crypto.randomUUID();
    const readers = {
      stdout: this.#reader(nonce, "stdout"),
      stderr: this.#reader(nonce, "stderr"),
    };
    const stdin = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (input) => void (this.#input = input),
      cancel: () => void (this.#listening = false),
    });
    this.#send({ kind: "hello", nonce });
    const running = processes.run({
      ...program,
      stdin,
      attempt: `isolated=${nonce}`,
      signal: this.#stop.signal,
      graceMs: () => this.#graceMs,
      onStart: (pid) => void (this.#pid = pid),
      onOutput: (stream, text) => readers[stream].push(text),
    });
    this.ended = running.then((end) => {
      for (const reader of Object.values(readers)) reader.close();
      this.#gone(end);
    }, (error: unknown) => this.#gone(undefined, error));
  }

  /** The number of its process; undefined before it runs. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whether it can run another attempt. */
  get fit(): boolean {
    return this.#fit && !this.#over && !this.#stop.signal.aborted;
  }

  /** Runs an attempt; gives how it ended there, or how the process died of it. */
  async run(job: Job, context: RunContext, graceMs: number): Promise<AttemptEnd | Death> {
    this.jobs++;
    this.#flushed = Promise.withResolvers();
    const link = new AttemptLink(context, (message) => this.#send(message));
    this.#link = link;
    this.#send({ kind: "run", job, now: context.now(), deadline: context.deadline });
    const stop = (): void => {
      const reason: unknown = context.signal.reason;
      this.#send({ kind: "stop", reason: String(reason) });
      // Another worker may start the job again as soon as the lease is over.
      link.onClose(this.#clock.after(reason === "lease_lost" ? 0 : graceMs, () => this.#kill()));
    };
    context.signal.addEventListener("abort", stop, { once: true });
    link.onClose(() => context.signal.removeEventListener("abort", stop));
    if (context.signal.aborted) stop();
    if (this.#over) link.died(this.#deathOf(undefined));
    try {
      return await link.end;
    } finally {
      link.close();
      this.#link = undefined;
    }
  }

  /** Takes more memory than it may: ends it at once. */
  exceeded(): void {
    this.#outOfMemory = true;
    this.#kill();
  }

  /** Ends it and its tree; resolves when nothing is left. */
  async end(): Promise<void> {
    this.#graceMs = IDLE_GRACE_MS;
    this.#closeInput();
    this.#stop.abort();
    await this.ended;
  }

  /** A process that has nothing to do sees that nobody wants anything more of it, and ends. */
  #closeInput(): void {
    this.#over = true;
    if (this.#listening) this.#input.close();
    this.#listening = false;
  }

  #kill(): void {
    this.#graceMs = 0;
    this.#stop.abort();
  }

  #send(message: ToChild): void {
    if (!this.#listening) return;
    this.#input.enqueue(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  #reader(nonce: string, stream: OutputStream): FrameReader {
    return new FrameReader(nonce, {
      message: (message) => this.#receive(message as FromChild),
      output: (text) => {
        if (stream === "stderr") this.#tail.push(text);
        this.#link?.log(text, stream);
      },
    });
  }

  #receive(message: FromChild): void {
    switch (message.kind) {
      case "ready":
        return this.#loaded.resolve(message);
      case "broken":
        return this.#loaded.reject(new BrokenModule(unpackThrown(message.thrown), message.refused));
      case "flushed":
        return this.#flushed.resolve();
      case "end":
        this.rss = message.rss;
        return void this.#attemptEnded(message.end);
      default:
        return this.#link?.receive(message);
    }
  }

  /** The attempt has ended when all that it printed on the other pipe has come, too. */
  async #attemptEnded(end: AttemptEnd): Promise<void> {
    const link = this.#link;
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(FLUSH_MS, () => {
      // It has closed the pipe, or what it started still fills it: nobody else shall get that.
      this.#fit = false;
      late.resolve();
    });
    await Promise.race([this.#flushed.promise, late.promise]);
    cancel();
    link?.ended(end);
  }

  #gone(end: ProcessEnd | undefined, error?: unknown): void {
    this.#closeInput();
    this.#flushed.resolve();
    this.#loaded.reject(error ?? new DiedEarly(this.#deathOf(end), this.#tail.text));
    this.#link?.died(this.#deathOf(end));
  }

  #deathOf(end: ProcessEnd | undefined): Death {
    return deathOf({
      end,
      lastWords: this.#tail.text,
      memoryMb: this.#program.memoryMb,
      outOfMemory: this.#outOfMemory,
    });
  }
}
