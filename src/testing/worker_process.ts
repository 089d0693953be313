import type { Clock } from "../domain/clock.ts";
import type { Driver, Wake } from "../storage/driver.ts";
import { intercepted } from "../storage/intercept.ts";
import type { ProcessIdentity, ProcessWatch } from "../runtime/process/identity.ts";

/**
 * A process that a worker of a test seems to be alone in. When it is killed, its clock stands still for it and its calls
 * get no answer: what runs in it goes no further, and nothing of it reaches the store.
 */
export class WorkerProcess {
  /** The store as this process sees it. Closing it closes nothing: others use the store too. */
  readonly driver: Driver;
  /** Time in this process. */
  readonly clock: Clock;
  readonly #timers = new Set<() => void>();
  #killed = false;

  /** A process that runs. */
  constructor(driver: Driver, clock: Clock) {
    this.driver = intercepted(driver, async ({ method, args, effect }) => {
      if (method === "close") return;
      if (this.#killed) return await never();
      const answer = await (method === "listen" ? effect(this.#whileAlive(args[0] as Listener)) : effect());
      return this.#killed ? await never() : answer;
    });
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, fn) => this.#after(clock, ms, fn),
    };
  }

  /** Whether it runs. */
  get alive(): boolean {
    return !this.#killed;
  }

  /** Ends it like a power cut. */
  kill(): void {
    this.#killed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #whileAlive(listener: Listener): Listener {
    return (wake) => {
      if (!this.#killed) listener(wake);
    };
  }

  #after(clock: Clock, ms: number, fn: () => void): () => void {
    if (this.#killed) return () => {};
    const cancel = clock.after(ms, () => {
      this.#timers.delete(cancel);
      fn();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }
}

type Listener = (wake: Wake) => void;

/** What a process that has been killed gets for an answer. */
function never(): Promise<never> {
  return new Promise(() => {});
}

/**
 * What a worker of a test is told about processes: nothing that could be proved, so only leases say that a worker is
 * gone, as when it ran on another machine. The real process table is neither read nor changed.
 */
export class OtherMachine implements ProcessWatch {
  /** Resolves when a worker has asked who it is: what does its work is loaded then. */
  readonly asked: Promise<void>;
  readonly #pid: number;
  readonly #ask: () => void;

  /** A machine of which only a number is known. */
  constructor(pid: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    this.#ask = resolve;
    this.#pid = pid;
  }

  /** A process on a machine of its own. */
  identity(): Promise<ProcessIdentity> {
    this.#ask();
    return Promise.resolve({
      host: "test",
      pid: this.#pid,
      startTicks: null,
      bootId: null,
      pidNamespace: null,
    });
  }

  /** Unknown. */
  isAlive(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** There are none. */
  reapStrays(): Promise<void> {
    return Promise.resolve();
  }
}
