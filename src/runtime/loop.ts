import { messageOf } from "../domain/errors.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "./logger.ts";

/** Options of {@linkcode Loop}. */
export interface LoopOptions {
  /** For logs and health. */
  name: string;
  /** Time. */
  clock: Clock;
  /** Where failures go. */
  log: Logger;
  /** Does one step and returns how long to sleep, in milliseconds; Infinity to sleep until it is woken. */
  step(signal: AbortSignal): Promise<number>;
  /** The longest wait after failures. @default 10000 */
  maxRetryMs?: number;
}

const FIRST_RETRY_MS = 100;

/**
 * Repeats a step for ever. The step returns how long to sleep; `wake()` ends the sleep early. A step that throws is
 * logged (once for each run of failures, and again when it works) and repeated with growing delays; a loop never ends
 * by itself.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #woken = false;
  #endSleep: (() => void) | undefined;
  #failures = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Failed steps in a row; 0 means the loop works. */
  get failures(): number {
    return this.#failures;
  }

  /** Starts the loop; calling it again does nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the present sleep, or skips the next one. */
  wake(): void {
    this.#woken = true;
    this.#endSleep?.();
  }

  /** Stops after the step under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#endSleep?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#woken = false;
      await this.#sleep(await this.#step());
    }
  }

  async #step(): Promise<number> {
    const { name, log, step, maxRetryMs = 10_000 } = this.#options;
    try {
      const delay = await step(this.#stop.signal);
      if (this.#failures > 0) log.info(`${name} works again`, { after: this.#failures });
      this.#failures = 0;
      return delay;
    } catch (error) {
      // Who stops it may have ended the step with it.
      if (this.#stop.signal.aborted) return 0;
      this.#failures++;
      if (this.#failures === 1) {
        log.error(`${name} failed; it is repeated until it works`, { error: messageOf(error) });
      }
      return Math.min(maxRetryMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#woken && this.#failures === 0 || this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = ms === Infinity ? () => {} : this.#options.clock.after(ms, () => this.#endSleep?.());
      this.#endSleep = () => {
        cancel();
        this.#endSleep = undefined;
        resolve();
      };
    });
  }
}
