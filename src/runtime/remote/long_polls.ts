import { sleep } from "../../domain/clock.ts";
import type { Listener } from "../../storage/driver.ts";
import { Loop } from "../loop.ts";
import type { RemoteContext } from "./context.ts";
import type { Wanted } from "./options.ts";

/** Somebody who waits for work. */
interface Waiter<T> {
  wanted: Wanted;
  claim(): Promise<T | undefined>;
  over: AbortController;
  /** What was found, or is being looked for at this moment. */
  serving?: Promise<T | undefined>;
}

/**
 * Workers that wait for work, longest waiting first. When work may have come they are served one after the other: a hundred
 * of them that wait for the same must not all ask the store whenever one job comes.
 */
export class LongPolls<T> {
  readonly #context: RemoteContext;
  readonly #waiting = new Set<Waiter<T>>();
  readonly #loop: Loop;
  #listener: Promise<Listener> | undefined;
  #closed = false;

  constructor(context: RemoteContext) {
    this.#context = context;
    const { clock, log } = context;
    this.#loop = new Loop({ name: "Claiming for remote workers", clock, log, step: () => this.#serve() });
  }

  /** Waits until `claim` finds something, for at most `wanted.waitMs` or until the signal is aborted. */
  async wait(wanted: Wanted, claim: Waiter<T>["claim"], signal: AbortSignal): Promise<T | undefined> {
    if (this.#closed) return undefined;
    const waiter: Waiter<T> = { wanted, claim, over: new AbortController() };
    this.#waiting.add(waiter);
    this.#listen();
    this.#loop.start();
    // Work may have come before anybody listened.
    this.#loop.wake();
    await sleep(this.#context.clock, wanted.waitMs, AbortSignal.any([waiter.over.signal, signal]));
    this.#waiting.delete(waiter);
    // What is being claimed for it at this moment must not be lost.
    return await waiter.serving;
  }

  /** Looks now, as after a wake-up. */
  wake(): void {
    if (this.#waiting.size > 0) this.#loop.wake();
  }

  /** Ends all waiting: whoever waits gets nothing. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { over } of this.#waiting) over.abort();
    await this.#loop.stop();
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.[Symbol.asyncDispose]();
  }

  /** Without it work is found by polling. */
  #listen(): void {
    const { driver, gatekeeper, log } = this.#context;
    this.#listener ??= driver.listen((wake) => {
      if (wake === "any") gatekeeper.expire();
      if (wake === "available" || wake === "any") this.wake();
    });
    this.#listener.catch((error: unknown) => {
      this.#listener = undefined;
      log.debug("Nobody tells remote workers of new work: it is found by polling", { error: String(error) });
    });
  }

  async #serve(): Promise<number> {
    /** What nothing was found for: nobody who wants the same need ask. */
    const empty = new Set<string>();
    for (const waiter of [...this.#waiting]) {
      const { wanted: { queues, types }, over } = waiter;
      const same = JSON.stringify([queues, types]);
      if (empty.has(same) || !this.#waiting.has(waiter)) continue;
      const claiming = waiter.claim();
      waiter.serving = claiming.catch(() => undefined);
      if (await claiming === undefined) {
        empty.add(same);
        continue;
      }
      this.#waiting.delete(waiter);
      over.abort();
    }
    return this.#waiting.size === 0 ? Infinity : this.#context.defaults.pollIntervalMs;
  }
}
