import { fileURLToPath } from "node:url";
import type { OpenDriverOptions } from "../storage/open.ts";
import { platform } from "../storage/platform/here.ts";
import type { Thread } from "../storage/platform/platform.ts";

const THREAD = new URL("./watchdog_thread.ts", import.meta.url);

/** How the watchdog's thread reaches the store: a URL, because a driver cannot cross into a thread. */
export interface WatchdogStore {
  /** The store's URL. */
  url: string;
  /** How to open it. */
  options: OpenDriverOptions;
}

/** What the thread is told at its start. */
export interface WatchdogOrder {
  /** The store. */
  store: WatchdogStore;
  /** Whose leases are renewed while the event loop is blocked. */
  worker: string;
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number;
  /** For how long a blocked loop is covered, in milliseconds. */
  limitMs: number;
  /** What happens then: leave the leases to others, or end the process so that its supervisor starts it afresh. */
  then: "report" | "kill";
  /** Counts the turns of the event loop. */
  turns: SharedArrayBuffer;
}

/** Options of {@linkcode Watchdog}. */
export type WatchdogOptions = Omit<WatchdogOrder, "turns">;

/**
 * Notices from outside, in a thread of its own, that a handler blocks the event loop, says so, and renews the worker's
 * leases meanwhile, so that a slow handler does not look like a dead worker. It needs nothing from the blocked loop.
 */
export class Watchdog {
  readonly #turns = new SharedArrayBuffer(4);
  readonly #thread: Thread;

  /** The file of the thread that this program has no right to read, so that there can be no watchdog; undefined when it may. */
  static unreadable(): string | undefined {
    if (THREAD.protocol !== "file:") return undefined;
    return platform.may({ name: "read", path: THREAD }) ? undefined : fileURLToPath(THREAD);
  }

  constructor(options: WatchdogOptions) {
    const order: WatchdogOrder = { ...options, turns: this.#turns };
    this.#thread = platform.startThread(THREAD, order);
  }

  /** Says that the event loop turns. Call it at least every twentieth of the lease. */
  turn(): void {
    Atomics.add(new Int32Array(this.#turns), 0, 1);
  }

  /** Ends the thread. */
  stop(): void {
    this.#thread.terminate();
  }
}
