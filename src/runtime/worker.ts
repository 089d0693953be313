import type { Engine } from "./engine.ts";
import { type WorkerOptions, type WorkerSettings, workerSettings } from "./worker_options.ts";

/** Runs jobs in this process, from `start` to `stop`. Made by `jobd.worker()`. */
export class Worker implements AsyncDisposable {
  readonly #settings: WorkerSettings;
  readonly #make: (settings: WorkerSettings) => Promise<Engine>;
  readonly #stopped = Promise.withResolvers<void>();
  #making: Promise<Engine> | undefined;
  #engine: Engine | undefined;

  /**
   * `make` makes what does the work: it is loaded only when the worker starts.
   *
   * @throws {JobdError} `invalid_request` naming the option, its value and what is allowed
   */
  constructor(options: WorkerOptions, make: (settings: WorkerSettings) => Promise<Engine>) {
    this.#settings = workerSettings(options);
    this.#make = make;
  }

  /** Jobs that run at this moment. */
  get running(): number {
    return this.#engine?.running ?? 0;
  }

  /** The types of the jobs that it runs, former names included; those of files only once it has started. */
  get types(): string[] {
    return this.#engine?.types ?? [...this.#settings.handlers.keys()];
  }

  /** Resolves when the worker has stopped. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Starts claiming; resolves when the worker is at work. */
  async start(): Promise<void> {
    this.#making ??= this.#make(this.#settings);
    this.#engine = await this.#making;
    await this.#engine.start();
  }

  /**
   * Stops: claims nothing more, lets running jobs finish for a while, then aborts them and hands them back so that
   * others can have them at once. A store that does not answer is given up soon after that: others rescue what is left.
   * Called again with no time, it hurries.
   */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    // A worker that could not be made has nothing to stop; whoever started it has heard why.
    const engine = this.#engine ?? await this.#making?.catch(() => undefined);
    await engine?.stop(options);
    this.#stopped.resolve();
  }

  /** Stops gracefully. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
