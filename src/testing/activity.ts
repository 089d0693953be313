import { type Clock, sleep, turn } from "../domain/clock.ts";
import type { Handler, RunContext } from "../runtime/handler.ts";
import { changed } from "../runtime/middleware/layers.ts";
import { system } from "../storage/system.ts";

/** Turns of the event loop without a move after which nothing waits for its turn any more: one is enough, the others are spare. */
const QUIET_TURNS = 3;
/** How long the event loop is left alone while something real is waited for, in milliseconds. */
const LOOK_MS = 1;

/** A handler that runs. */
interface Running {
  /** Timers of the clock that it waits for. */
  timers: number;
  /** It was waited for in vain: what it does is no work that ends by itself. */
  waits: boolean;
  /** Whether its worker is there. */
  alive(): boolean;
}

/**
 * What goes on in a test at this moment: calls to the store and handlers that run. Time must stand still while there is
 * any, and only then: a handler that waits for the clock, or for its signal, would wait for ever.
 */
export class Activity {
  readonly #patienceMs: number;
  readonly #running = new Set<Running>();
  #calls = 0;
  #moves = 0;

  /** `patienceMs`: how long a handler may take in real time before it is taken to wait for the clock or for a signal. */
  constructor(options: { patienceMs: number }) {
    this.#patienceMs = options.patienceMs;
  }

  /** A call to the store, from its beginning to its end. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    this.#calls++;
    this.#moves++;
    try {
      return await work();
    } finally {
      this.#calls--;
      this.#moves++;
    }
  }

  /** The same handler, watched while it runs. `alive` says whether its worker is there. */
  watched(handler: Handler, alive: () => boolean): Handler {
    const run: Handler["run"] = async (job, context) => {
      const running: Running = { timers: 0, waits: false, alive };
      this.#running.add(running);
      this.#moves++;
      try {
        return await handler.run(job, changed(context, { clock: this.#watchedClock(context, running) }));
      } finally {
        this.#running.delete(running);
        this.#moves++;
      }
    };
    // Whatever else a handler says about itself, and whether it is a definition, stays as it is.
    return new Proxy(handler, {
      get: (target, name) => name === "run" ? run : Reflect.get(target, name, target),
    });
  }

  /** Resolves when everything has come to its end that needs neither time nor a signal. */
  async quiet(): Promise<void> {
    let since = system.monotonic();
    for (let still = 0; still < QUIET_TURNS || this.#isBusy();) {
      const before = this.#moves;
      await turn();
      if (this.#moves !== before) {
        still = 0;
        since = system.monotonic();
      } else if (++still > QUIET_TURNS) {
        if (system.monotonic() - since >= this.#patienceMs) this.#losePatience();
        else await sleep(system, LOOK_MS);
      }
    }
  }

  #isBusy(): boolean {
    if (this.#calls > 0) return true;
    for (const { timers, waits, alive } of this.#running) if (timers === 0 && !waits && alive()) return true;
    return false;
  }

  /** Calls to the store are waited for as long as they take. */
  #losePatience(): void {
    for (const running of this.#running) running.waits = true;
  }

  #watchedClock({ clock }: RunContext, running: Running): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, fn) => {
        let waits = true;
        const over = (): void => {
          if (waits) running.timers--;
          waits = false;
          this.#moves++;
        };
        running.timers++;
        this.#moves++;
        const cancel = clock.after(ms, () => {
          over();
          fn();
        });
        return () => {
          over();
          cancel();
        };
      },
    };
  }
}
