import { TextLineStream } from "./lines.ts";
import type { Figures, Report, Task } from "../harness/task.ts";
import type { About } from "../harness/subject.ts";

/** How a measured process is started; the task follows as the last argument. */
export interface Program {
  command: string;
  args: string[];
  cwd: string;
}

/** A measurement that takes longer has got stuck. */
const LIMIT_MS = 15 * 60_000;

/** A process that measures. `await using` ends it. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ready = Promise.withResolvers<About>();
  readonly #done = Promise.withResolvers<Figures>();
  readonly #ended: Promise<void>;
  readonly #limit: ReturnType<typeof setTimeout>;
  #count = 0;
  #onCount: (count: number) => void = () => {};

  /** Starts it; the measurement itself begins with `go`. */
  constructor({ command, args, cwd }: Program, task: Task) {
    this.#process = new Deno.Command(command, {
      args: [...args, JSON.stringify(task)],
      cwd,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#limit = setTimeout(() => this.#process.kill("SIGKILL"), LIMIT_MS);
    this.#ended = this.#listen();
    this.#ready.promise.catch(() => {});
    this.#done.promise.catch(() => {});
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Jobs run so far, as it last said. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when it waits for `go`. */
  ready(): Promise<About> {
    return this.#ready.promise;
  }

  /** Begins. */
  async go(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("go\n"));
  }

  /** Asks those that run without end to end. */
  async stop(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("stop\n"));
  }

  /** Resolves with what it measured; rejects when it ended without that. */
  done(): Promise<Figures> {
    return this.#done.promise;
  }

  /** Resolves when it has run so many jobs; rejects when it ends before. */
  async counted(jobs: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#onCount = (count) => count >= jobs && resolve();
      this.#onCount(this.#count);
    });
    await Promise.race([reached, this.#done.promise]);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#limit);
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#ended;
    await this.#input.close().catch(() => {});
  }

  async #listen(): Promise<void> {
    const lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (line.startsWith("{")) this.#hear(JSON.parse(line));
    }
    const { code, signal } = await this.#process.status;
    const error = new Error(`the measured process ended with ${signal ?? `exit code ${code}`}`);
    this.#ready.reject(error);
    this.#done.reject(error);
  }

  #hear(report: Report): void {
    if (report.kind === "ready") this.#ready.resolve(report.about);
    else if (report.kind === "done") this.#done.resolve(report.figures);
    else this.#onCount(this.#count = report.count);
  }
}
