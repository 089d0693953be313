import { messageOf } from "../domain/errors.ts";
import type { Json } from "../domain/json.ts";
import { storableResult } from "../domain/result.ts";
import type { Run } from "../domain/transition.ts";
import type { Driver } from "../storage/driver.ts";
import type { Clock } from "../domain/clock.ts";
import { JobLog } from "./job_log.ts";
import type { Logger } from "./logger.ts";

/** How long output and progress notes gather before they are written, in milliseconds: at most five writes a second. */
const FLUSH_MS = 200;

/** Options of {@linkcode LogWriter}. */
export interface LogWriterOptions {
  /** The store. */
  driver: Driver;
  /** Time. */
  clock: Clock;
  /** The store's time. */
  now(): number;
  /** Where failures to write are said. */
  log: Logger;
}

/** The log of an attempt while it runs. */
export interface OpenLog {
  /** Adds text. */
  write: JobLog["write"];
  /** Ends it; what must be waited for, if anything. */
  close(): Promise<void> | undefined;
}

/** Writes logs and progress notes of all attempts of a worker, together and not more often than five times a second. */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #logs = new Set<JobLog>();
  readonly #notes = new Map<string, { run: Run; note: Json }>();
  /** Jobs whose output or note is on its way to the store. */
  #writing = new Set<string>();
  #cancel: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();
  /** The next write, while it waits for the one before. */
  #next: Promise<void> | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** The log of an attempt; end it with {@linkcode close}. */
  open(run: Run): OpenLog {
    let log: JobLog | undefined;
    return {
      write: (text, stream) => {
        log ??= new JobLog(run, { now: this.#options.now });
        log.write(text, stream);
        this.#logs.add(log);
        this.#arm();
      },
      // What is on its way counts only while the attempt is live, so its end waits for it.
      close: () => {
        if ((log !== undefined && this.#logs.has(log)) || this.#notes.has(run.id)) return this.flush();
        return this.#writing.has(run.id) ? this.#flushing : undefined;
      },
    };
  }

  /** Keeps a progress note; a newer one replaces one that is not written yet. */
  progress(run: Run, note: Json): void {
    this.#notes.set(run.id, { run: { id: run.id, attempt: run.attempt }, note: storableResult(note) });
    this.#arm();
  }

  /** Writes what waits. Failures are logged; the text is then lost, the job is not. */
  flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    // One at most waits: while the store hangs, jobs go on printing.
    this.#next ??= this.#flushing.then(() => {
      this.#next = undefined;
      return this.#write();
    });
    this.#flushing = this.#next;
    return this.#next;
  }

  #arm(): void {
    this.#cancel ??= this.#options.clock.after(FLUSH_MS, () => void this.flush());
  }

  async #write(): Promise<void> {
    const { driver, log } = this.#options;
    const batches = [...this.#logs].filter((log) => log.dirty).map((log) => log.take());
    this.#logs.clear();
    const notes = [...this.#notes.values()];
    this.#notes.clear();
    this.#writing = new Set([...batches.map(({ id }) => id), ...notes.map(({ run }) => run.id)]);
    try {
      if (batches.length > 0) await driver.appendLogs(batches);
      for (const { run, note } of notes) await driver.progress(run, note);
    } catch (error) {
      log.warn("Job output could not be stored and is lost", {
        jobs: batches.length,
        error: messageOf(error),
      });
    }
  }
}
