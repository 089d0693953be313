import { type Handler, Jobd } from "../src/mod.ts";
import { besideBlocked } from "./blocked.ts";
import { overHttp } from "./http.ts";
import { besidePiles } from "./piles.ts";
import { percentile } from "./report.ts";
import type { Place } from "./stores.ts";

/** One figure. */
export interface Figure {
  label: string;
  unit: "jobs/s" | "requests/s" | "ms" | "%" | "MB";
  value: number;
}

/** Sizes that the command line sets. */
export interface Sizes {
  /** Jobs that wait behind a limited key. */
  blocked: number;
  /** Jobs that are scheduled, blocked and dead, each. */
  piles: number;
}

type Case = (place: Place, sizes: Sizes) => Promise<Figure[]>;

const CALLERS = 50;
const SINGLES = 10_000;
const BULK = 20_000;
const DRAIN = 50_000;
const LATENCIES = 100;
const payload = { to: "somebody@example.com", subject: "Hello", body: "x".repeat(48) };

/** What is measured, by name. */
export const CASES: Record<string, Case> = {
  "enqueue-single": (place) =>
    withStore(place, async (jobd) => {
      const start = performance.now();
      let left = SINGLES;
      const caller = async (): Promise<void> => {
        while (left-- > 0) await jobd.enqueue({ type: "none", payload });
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
      return [rate(`enqueue, ${CALLERS} callers`, SINGLES, start)];
    }),
  "enqueue-bulk": (place) =>
    withStore(place, async (jobd) => {
      const start = performance.now();
      await fill(jobd, BULK);
      return [rate(`enqueue, bulk of ${BULK}`, BULK, start)];
    }),
  "drain-10": (place) => drain(place, 10, DRAIN / 5),
  "drain-64": (place) => drain(place, 64, DRAIN),
  "drain-500": (place) => drain(place, 500, DRAIN),
  blocked: (place, { blocked }) => besideBlocked(place, blocked),
  piles: (place, { piles }) => besidePiles(place, piles),
  http: overHttp,
  latency: (place) =>
    withStore(place, async (jobd) => {
      let started = Promise.withResolvers<number>();
      const run: Handler["run"] = () => Promise.resolve(started.resolve(performance.now()));
      const worker = jobd.worker({ handlers: [{ type: "none", outOfProcess: true, run }] });
      await worker.start();
      const times: number[] = [];
      for (let count = 0; count < LATENCIES; count++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        started = Promise.withResolvers();
        const asked = performance.now();
        await jobd.enqueue({ type: "none", payload });
        times.push(await started.promise - asked);
      }
      await worker.stop();
      return [
        { label: "idle latency, enqueue to start, p50", unit: "ms", value: percentile(times, 0.5) },
        { label: "idle latency, enqueue to start, p99", unit: "ms", value: percentile(times, 0.99) },
      ];
    }),
};

async function drain(place: Place, concurrency: number, jobs: number): Promise<Figure[]> {
  return await withStore(place, async (jobd) => {
    await fill(jobd, jobs);
    const done = Promise.withResolvers<void>();
    let left = jobs;
    const run: Handler["run"] = () => {
      if (--left === 0) done.resolve();
      return Promise.resolve();
    };
    const worker = jobd.worker({ handlers: [{ type: "none", outOfProcess: true, run }], concurrency });
    const start = performance.now();
    await worker.start();
    await done.promise;
    // Stopping waits until the last ends are written.
    await worker.stop();
    return [rate(`drain at concurrency ${concurrency}`, jobs, start)];
  });
}

async function withStore(place: Place, measure: (jobd: Jobd) => Promise<Figure[]>): Promise<Figure[]> {
  await using store = await place.fresh();
  await using jobd = await Jobd.open(store.url, { migrate: true });
  return await measure(jobd);
}

async function fill(jobd: Jobd, jobs: number): Promise<void> {
  for (let at = 0; at < jobs; at += 2_000) {
    await jobd.enqueueMany(
      Array.from({ length: Math.min(2_000, jobs - at) }, () => ({ type: "none", payload })),
    );
  }
}

function rate(label: string, jobs: number, start: number): Figure {
  return { label, unit: "jobs/s", value: jobs / (performance.now() - start) * 1_000 };
}
