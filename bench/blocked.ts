import { type Handler, Jobd, type Worker } from "../src/mod.ts";
import type { Figure } from "./cases.ts";
import { median } from "./report.ts";
import type { Place } from "./stores.ts";

/** Free jobs of one measurement. */
const FREE = 5_000;
const ROUNDS = 15;
/** Blocked jobs come from so many queues at most. */
const QUEUES = 10_000;
const CONCURRENCY = 64;
const BATCH = 5_000;

/** A store in which one job of a limited key runs and does not end, so that all others of the key wait. */
class Site implements AsyncDisposable {
  readonly #jobd: Jobd;
  readonly #stack: AsyncDisposableStack;
  readonly #ended = Promise.withResolvers<void>();

  private constructor(jobd: Jobd, stack: AsyncDisposableStack) {
    this.#jobd = jobd;
    this.#stack = stack;
  }

  /** Opens one and lets so many jobs wait. */
  static async of(place: Place, blocked: number): Promise<Site> {
    const stack = new AsyncDisposableStack();
    const { url } = stack.use(await place.fresh());
    const jobd = stack.use(await Jobd.open(url, { migrate: true }));
    await jobd.limits.set({ type: "held", key: "*", concurrency: 1 });
    const site = new Site(jobd, stack);
    const holds = Promise.withResolvers<void>();
    await jobd.enqueue({ type: "held", limitKey: "k" });
    const holder = site.#worker({ held: () => (holds.resolve(), site.#ended.promise) }, 1);
    stack.use(holder);
    await holder.start();
    await holds.promise;
    await site.#block(blocked);
    return site;
  }

  /** Drains free jobs beside those that wait; gives jobs a second. */
  async drain(): Promise<number> {
    await this.#enqueue(FREE, () => ({ type: "free" }));
    const done = Promise.withResolvers<void>();
    let left = FREE;
    let start = 0;
    const free = (): void => {
      // A worker that starts reads the settings of all queues first, which is not what is measured.
      if (left === FREE) start = performance.now();
      if (--left === 0) done.resolve();
    };
    await using worker = this.#worker({ free, held: () => this.#ended.promise }, CONCURRENCY);
    await worker.start();
    await done.promise;
    await worker.stop();
    return FREE / (performance.now() - start) * 1_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.resolve();
    await this.#stack.disposeAsync();
  }

  /** They wait from the moment at which a worker meets them. */
  async #block(count: number): Promise<void> {
    await this.#enqueue(count, (n) => ({ type: "held", queue: `q${n % QUEUES}`, limitKey: "k" }));
    // Its turn comes when all others were met.
    const last = Promise.withResolvers<void>();
    await this.#jobd.enqueue({ type: "last", priority: -1 });
    await using worker = this.#worker(
      { held: () => this.#ended.promise, last: () => last.resolve() },
      CONCURRENCY,
    );
    await worker.start();
    await last.promise;
    await worker.stop();
  }

  async #enqueue(count: number, request: (n: number) => object): Promise<void> {
    for (let at = 0; at < count; at += BATCH) {
      const size = Math.min(BATCH, count - at);
      await this.#jobd.enqueueMany(
        Array.from({ length: size }, (_, n) => ({ type: "", ...request(at + n) })),
      );
    }
  }

  #worker(runs: Record<string, () => unknown>, concurrency: number): Worker {
    const handlers = Object.entries(runs).map(([type, run]): Handler => ({
      type,
      outOfProcess: true,
      run: async () => {
        await run();
      },
    }));
    return this.#jobd.worker({ handlers, concurrency });
  }
}

/** What jobs that wait behind one limited key cost those that are free, by turns with a store in which nothing waits. */
export async function besideBlocked(place: Place, blocked: number): Promise<Figure[]> {
  await using full = await Site.of(place, blocked);
  await using empty = await Site.of(place, 0);
  const rounds: { beside: number; alone: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ beside: await full.drain(), alone: await empty.drain() });
  }
  // Each pair is compared by itself: what else the machine does changes more slowly.
  const kept = median(rounds.map(({ beside, alone }) => beside / alone * 100));
  return [
    {
      label: `drain beside ${blocked} blocked jobs`,
      unit: "jobs/s",
      value: median(rounds.map(({ beside }) => beside)),
    },
    {
      label: "drain where nothing is blocked",
      unit: "jobs/s",
      value: median(rounds.map(({ alone }) => alone)),
    },
    { label: `of the rate beside ${blocked} blocked jobs is kept`, unit: "%", value: kept },
  ];
}
