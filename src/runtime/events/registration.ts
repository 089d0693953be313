import { sleep } from "../../domain/clock.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Interest } from "../../domain/event.ts";
import type { EventsContext } from "./publisher.ts";

/** How long a watcher counts without being renewed, in milliseconds: so long events are stored for a process that died. */
export const WATCHER_MS = 60_000;

/** One part of the program that wants events. */
export interface Claimant {
  /** Says what it wants from now on; resolves when every process can be taken to know. */
  want(interest: Interest): Promise<void>;
  /** It wants nothing any more. */
  release(): void;
}

/** Keeps the row that says which events this process wants: written when that changes, renewed while there is something. */
export class Registration {
  readonly #context: EventsContext;
  readonly #id: string;
  readonly #wants = new Map<Claimant, Interest>();
  readonly #closing = new AbortController();
  #saving: Promise<number> = Promise.resolve(0);
  #next: Promise<number> | undefined;
  #stored = false;
  #cancel: (() => void) | undefined;

  constructor(context: EventsContext, id: string) {
    this.#context = context;
    this.#id = id;
  }

  /** A new part that wants nothing yet. */
  claimant(): Claimant {
    let released = new AbortController();
    const claimant: Claimant = {
      want: async (interest) => {
        const over = AbortSignal.any([released.signal, this.#closing.signal]);
        this.#wants.set(claimant, interest);
        const lagMs = await this.#save();
        if (lagMs > 0) await sleep(this.#context.clock, lagMs, over);
      },
      release: () => {
        const interest = this.#wants.get(claimant);
        if (interest === undefined) return;
        this.#wants.delete(claimant);
        released.abort();
        released = new AbortController();
        if (this.#wants.size === 0) this.#disarm();
        // To go on wanting jobs that have ended costs nobody anything: the row is put right when it is written next.
        if (interest.jobs === undefined) this.#save().catch(() => {});
      },
    };
    return claimant;
  }

  /** Takes the row away; nothing is registered after that. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#disarm();
    await this.#saving.catch(() => {});
    // A store that is away forgets the row by itself.
    if (this.#stored) await this.#context.driver.removeWatcher(this.#id).catch(() => {});
    this.#stored = false;
  }

  /** Writes what is wanted by now. While one write is under way, the next one gathers what comes. */
  #save(): Promise<number> {
    this.#next ??= this.#saving.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#write();
    });
    this.#saving = this.#next;
    return this.#next;
  }

  async #write(): Promise<number> {
    const { driver, now } = this.#context;
    if (this.#closing.signal.aborted) return 0;
    if (this.#wants.size === 0) {
      if (this.#stored) await driver.removeWatcher(this.#id);
      this.#stored = false;
      return 0;
    }
    this.#arm(WATCHER_MS / 3);
    this.#stored = true;
    return await driver.saveWatcher({
      id: this.#id,
      wants: [...this.#wants.values()],
      expiresAt: now() + WATCHER_MS,
    });
  }

  #arm(ms: number): void {
    if (this.#closing.signal.aborted) return;
    this.#disarm();
    this.#cancel = this.#context.clock.after(ms, () => {
      this.#arm(WATCHER_MS / 3);
      this.#save().catch((error: unknown) => {
        this.#context.log.warn("Watching could not be renewed; it is tried again", {
          error: messageOf(error),
        });
      });
    });
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
