import {
  type Clock,
  discard,
  type Driver,
  type Handler,
  Jobd,
  type OpenOptions,
  snooze,
  type Worker,
} from "../../src/mod.ts";
import { system } from "../../src/storage/system.ts";
import type { OpenStore, Store } from "../conformance/store.ts";

/** Longer waits never end: neither the poll of the events nor that of a job can be what helps. */
export const LONGEST_MS = 600;

/** Time in which nobody polls: what needs a long wait would wait for ever. */
export const withoutPolls: Clock = {
  ...system,
  after: (ms, fn) => ms <= LONGEST_MS ? system.after(ms, fn) : () => {},
};

/** Two programs on one store: one that watches and waits, and one where the work is done. */
export class Two implements AsyncDisposable {
  readonly #store: Store;
  readonly #open: Jobd[] = [];
  readonly #workers: Worker[] = [];
  readonly #gates = new Map<string, () => void>();
  readonly here: Jobd;
  readonly there: Jobd;
  /** A driver of a third program. */
  readonly driver: Driver;

  private constructor(store: Store, here: Jobd, there: Jobd, driver: Driver) {
    this.#store = store;
    this.#open.push(there, here);
    this.here = here;
    this.there = there;
    this.driver = driver;
  }

  static async open(open: OpenStore, options: OpenOptions): Promise<Two> {
    const store = await open();
    const here = await Jobd.open(shared(store.driver), options);
    const there = await Jobd.open(shared(await store.reopen()));
    return new Two(store, here, there, await store.reopen());
  }

  /** Starts a worker there. */
  async work(): Promise<Worker> {
    const handlers: Record<string, Handler["run"]> = {
      ok: () => Promise.resolve("fine"),
      fails: () => Promise.reject(new Error("first line\nsecond line")),
      bad: () => Promise.resolve(discard("never")),
      sleepy: ({ attempt }) => Promise.resolve(attempt > 1 ? null : snooze("1ms", "not yet")),
      parent: async (_, { enqueue }) => {
        await enqueue({ type: "ok", queue: "children" });
        return null;
      },
      gated: async ({ id }, { progress }) => {
        progress({ half: true });
        await new Promise<void>((resolve) => this.#gates.set(id, resolve));
        return "passed";
      },
    };
    const worker = this.there.worker({
      handlers,
      pollIntervalMs: 20,
      backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
      concurrency: 200,
      leaseMs: 6_000, // so that deadlines are looked at every second
    });
    await worker.start();
    this.#workers.push(worker);
    return worker;
  }

  /** Lets a job of type "gated" end, once it runs. */
  async pass(id: string): Promise<void> {
    await until(() => this.#gates.has(id));
    this.#gates.get(id)?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of this.#gates.values()) open();
    for (const worker of this.#workers) await worker.stop();
    for (const jobd of this.#open) await jobd.close();
    await this.#store[Symbol.asyncDispose]();
  }
}

/** The same store for several programs: closed at the end. */
export function shared(driver: Driver): Driver {
  return new Proxy(driver, {
    get(target, key) {
      if (key === "close") return () => Promise.resolve();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Waits for a condition. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Long enough for every program to know who watches. */
export function known(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}
