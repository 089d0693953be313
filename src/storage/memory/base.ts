import { JobdError } from "../../domain/errors.ts";
import type { Listener, Wake } from "../driver.ts";
import { Tables } from "./tables.ts";

/** What all operations on a store in memory have in common: they run to their end, one after the other. */
export abstract class MemoryBase {
  protected readonly tables = new Tables();
  readonly #listeners = new Set<(wake: Wake) => void>();
  #closed = false;

  listen(onWake: (wake: Wake) => void): Promise<Listener> {
    return this.run(() => {
      const listener = (wake: Wake): void => onWake(wake);
      this.#listeners.add(listener);
      return {
        live: true,
        [Symbol.asyncDispose]: () => {
          this.#listeners.delete(listener);
          return Promise.resolve();
        },
      };
    });
  }

  /** Calls the listeners after the operation, never from inside it. */
  protected wake(wake: Wake): void {
    queueMicrotask(() => this.#listeners.forEach((listener) => listener(wake)));
  }

  protected run<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#closed) throw new JobdError("store_unavailable", "The store in memory is closed");
      resolve(work());
    });
  }

  /** Nothing can be done any more. */
  protected shut(): void {
    this.#closed = true;
    this.#listeners.clear();
  }
}
