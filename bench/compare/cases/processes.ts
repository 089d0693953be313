import type { Bench, Case, Row } from "../case.ts";
import type { Child } from "../child.ts";
import { type ContestantName, CONTESTANTS } from "../contestants.ts";

/** Long enough that starting and stopping do not count. */
const JOBS = 100_000;

/** One process against four with as many slots in total, and whether every job ran exactly once. */
export const PROCESSES: Case = {
  name: "processes",
  title: "Drain with four processes",
  about:
    "No-ops wait in one queue; the worker processes start together. `doubled`: runs beyond one for each job. " +
    "`fairness`: jobs of the slowest process divided by jobs of the fastest.",
  chart: "rate",
  units: { rate: "jobs/s", doubled: "jobs", fairness: "" },
  ahead: [],
  rows: [
    row("jobd-postgres", 1, 500),
    row("jobd-postgres", 4, 125),
    row("jobd-postgres", 4, 500),
    row("graphile-local", 4, 24),
    row("bullmq", 4, 125, JOBS / 4),
    row("jobd-sqlite", 1, 500),
    row("jobd-sqlite", 4, 125),
  ],
};

function row(name: ContestantName, processes: number, concurrency: number, full: number = JOBS): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: `${name}-${processes}x${concurrency}`,
    label: `${label}, ${processes} x ${concurrency}`,
    store,
    ...(processes === 4 && name.startsWith("jobd") ? { base: `${name}-1x500` } : {}),
    async measure(bench) {
      await using place = await bench.fresh(store);
      const { url } = place;
      const jobs = bench.size(full);
      await bench.run(name, { url, options: {}, measure: "fill", jobs });
      return { figures: await drainBy(bench, { name, url, processes, concurrency, jobs }) };
    },
  };
}

interface Drain {
  name: ContestantName;
  url: string;
  processes: number;
  concurrency: number;
  jobs: number;
}

async function drainBy(bench: Bench, { name, url, processes, concurrency, jobs }: Drain) {
  await using stack = new AsyncDisposableStack();
  const workers: Child[] = [];
  for (let count = 0; count < processes; count++) {
    workers.push(stack.use(await bench.start(name, { url, options: {}, measure: "work", concurrency })));
  }
  const start = performance.timeOrigin + performance.now();
  await Promise.all(workers.map((worker) => worker.go()));
  const total = (): number => workers.reduce((sum, { count }) => sum + count, 0);
  const ended = Promise.race(workers.map((worker) => worker.done()));
  while (total() < jobs) {
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5))]);
  }
  await Promise.all(workers.map((worker) => worker.stop()));
  const figures = await Promise.all(workers.map((worker) => worker.done()));
  const counts = figures.map(({ count = 0 }) => count);
  const end = Math.max(...figures.map(({ at = 0 }) => at));
  return {
    rate: jobs / (end - start) * 1_000,
    doubled: counts.reduce((sum, count) => sum + count, 0) - jobs,
    fairness: Math.min(...counts) / Math.max(...counts),
  };
}
