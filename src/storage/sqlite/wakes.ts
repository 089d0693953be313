import type { Listener, Wake } from "../driver.ts";
import type { System } from "../../domain/clock.ts";

/** How often commits of other processes are looked for, in milliseconds, while there are some. */
const POLL_MS = 10;
/** How often otherwise: each look wakes the process, and fast looks would cost an idle one three percent of a processor. */
const POLL_QUIET_MS = 50;
/** How long after a commit of another process the next one is expected, in milliseconds. */
const EXPECTED_MS = 2_000;

/** Who wants to hear that work may have appeared, here and in other processes. */
export class Wakes {
  readonly #listeners = new Set<(wake: Wake) => void>();
  readonly #system: System;
  readonly #version: () => number;
  #seen = 0;
  #seenAt = -Infinity;
  #live = true;
  #stop: (() => void) | undefined;

  /** @param version changes with each commit of another connection */
  constructor(system: System, version: () => number) {
    this.#system = system;
    this.#version = version;
  }

  /** Adds a listener; while there are any, the file is polled. */
  add(onWake: (wake: Wake) => void): Listener {
    const listener = (wake: Wake): void => onWake(wake);
    this.#listeners.add(listener);
    if (this.#stop === undefined) {
      this.#look();
      this.#arm();
    }
    const isLive = (): boolean => this.#live;
    return {
      get live() {
        return isLive();
      },
      [Symbol.asyncDispose]: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size === 0) this.#disarm();
        return Promise.resolve();
      },
    };
  }

  /** Calls the listeners. */
  ring(wake: Wake): void {
    for (const listener of this.#listeners) listener(wake);
  }

  /** Removes all listeners. */
  close(): void {
    this.#listeners.clear();
    this.#live = false;
    this.#disarm();
  }

  #arm(): void {
    const quiet = this.#system.monotonic() - this.#seenAt > EXPECTED_MS;
    this.#stop = this.#system.after(quiet ? POLL_QUIET_MS : POLL_MS, () => {
      const changed = this.#look();
      if (changed) this.#seenAt = this.#system.monotonic();
      this.#arm();
      if (changed) this.ring("any");
    });
  }

  #disarm(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Whether another connection has committed since the last look. */
  #look(): boolean {
    try {
      const version = this.#version();
      const changed = version !== this.#seen;
      this.#seen = version;
      this.#live = true;
      return changed;
    } catch {
      // Polling by the workers goes on without hints, and their calls report what is wrong.
      this.#live = false;
      return false;
    }
  }
}
