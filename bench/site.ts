import { type Handler, Jobd, type Worker } from "../src/mod.ts";
import type { Figure } from "./cases.ts";
import { median } from "./report.ts";
import type { Place } from "./stores.ts";

/** Free jobs of one measurement. */
const FREE = 5_000;
const ROUNDS = 16;
/** Jobs that lie about come from so many queues at most. */
const QUEUES = 10_000;
const CONCURRENCY = 64;
const BATCH = 5_000;
const FAR_MS = 30 * 24 * 3_600_000;

/**
 * A store in which jobs lie about beside those that are measured. One job of a limited key runs and does not end, so that all
 * others of the key wait.
 */
export class Site implements AsyncDisposable {
  readonly #jobd: Jobd;
  readonly #stack: AsyncDisposableStack;
  readonly #ended = Promise.withResolvers<void>();

  private constructor(jobd: Jobd, stack: AsyncDisposableStack) {
    this.#jobd = jobd;
    this.#stack = stack;
  }

  /** Opens one in which nothing waits. */
  static async open(place: Place): Promise<Site> {
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
    return site;
  }

  /** Lets so many jobs wait for the limited key. They are blocked from the moment at which a worker meets them. */
  async block(count: number): Promise<void> {
    await this.#enqueue(count, (n) => ({ type: "held", queue: `q${n % QUEUES}`, limitKey: "k" }));
    await this.#meet("held", () => this.#ended.promise);
  }

  /** Lets so many jobs wait for another one, which is a month away. */
  async chain(count: number): Promise<void> {
    const { id } = await this.#jobd.enqueue({ type: "parent", delay: FAR_MS });
    await this.#enqueue(count, (n) => ({ type: "child", queue: `q${n % QUEUES}`, after: [id] }));
  }

  /** Lets so many jobs wait for their time: a month away, spread over a day. */
  async schedule(count: number): Promise<void> {
    await this.#enqueue(count, (n) => ({
      type: "free",
      queue: `q${n % QUEUES}`,
      delay: FAR_MS + n * 86_400_000 / count,
    }));
  }

  /** Lets so many jobs die: they run, and fail for good. */
  async kill(count: number): Promise<void> {
    await this.#enqueue(count, (n) => ({ type: "doomed", queue: `q${n % QUEUES}`, maxAttempts: 1 }));
    await this.#meet("doomed", () => {
      throw new Error("connection refused");
    });
  }

  /** Drains free jobs beside those that lie about; gives jobs a second. */
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

  /** Lets a worker meet all jobs of a type. The order among queues is not exact, so it looks again for some that are left. */
  async #meet(type: string, run: () => unknown): Promise<void> {
    do {
      const last = Promise.withResolvers<void>();
      await this.#jobd.enqueue({ type: "last", priority: -1 });
      await using worker = this.#worker({ [type]: run, last: () => last.resolve() }, CONCURRENCY);
      await worker.start();
      await last.promise;
      await worker.stop();
    } while ((await this.#jobd.jobs.page({ type, state: "available", limit: 1 })).items.length > 0);
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

/** Drains both by turns; `what` lies about in the full one. */
export async function byTurns(full: Site, empty: Site, what: string): Promise<Figure[]> {
  const rounds: { beside: number; alone: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Who comes second pays for what the first has left to the disk, so they take turns at that, too.
    if (round % 2 === 0) rounds.push({ beside: await full.drain(), alone: await empty.drain() });
    else rounds.push({ alone: await empty.drain(), beside: await full.drain() });
  }
  // Each pair is compared by itself: what else the machine does changes more slowly.
  const kept = median(rounds.map(({ beside, alone }) => beside / alone * 100));
  return [
    {
      label: `drain beside ${what}`,
      unit: "jobs/s",
      value: median(rounds.map(({ beside }) => beside)),
    },
    {
      label: `drain without ${what}`,
      unit: "jobs/s",
      value: median(rounds.map(({ alone }) => alone)),
    },
    { label: `of the rate beside ${what} is kept`, unit: "%", value: kept },
  ];
}
