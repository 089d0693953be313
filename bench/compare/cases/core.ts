import { type Case, type Row, simpleRow } from "../case.ts";
import type { ContestantName } from "../contestants.ts";

const BASES = ["jobd-postgres", "jobd-sqlite"];
const RATE = { rate: "jobs/s" };
const CALLERS = 50;
const BULK = 20_000;

type Sizes = Partial<Record<ContestantName, number>>;

/** Enqueue one by one. Slow peers get fewer jobs, so that each takes seconds, not minutes. */
const SINGLES: Sizes = {
  "jobd-postgres": 40_000,
  "pg-boss": 4_000,
  graphile: 3_000,
  bullmq: 15_000,
  "bare-postgres": 40_000,
  "jobd-sqlite": 60_000,
  "plainjob-full": 5_000,
  "plainjob-normal": 20_000,
  "bare-sqlite": 80_000,
};

const single: Case = {
  name: "single",
  title: `Single enqueue, ${CALLERS} callers`,
  about: `${CALLERS} callers in one process; each enqueues one job, waits until it is stored, and goes on.`,
  chart: "rate",
  units: RATE,
  ahead: BASES,
  rows: entries(SINGLES).map(([name, jobs]) =>
    enqueueRow(name, (bench) => ({
      measure: "single",
      jobs: bench.size(jobs),
      callers: CALLERS,
      warm: bench.size(1_000),
    }))
  ),
};

const bulk: Case = {
  name: "bulk",
  title: `Bulk enqueue of ${BULK}`,
  about: `${BULK} jobs from one caller, in calls of the size that serves each queue best.`,
  chart: "rate",
  units: RATE,
  ahead: BASES,
  rows: entries(SINGLES).map(([name]) =>
    enqueueRow(name, (bench) => ({ measure: "bulk", jobs: bench.size(BULK), warm: 1_000 }))
  ),
};

const drain500 = drain(500, {
  "jobd-postgres": 50_000,
  "pg-boss-batch": 50_000,
  "pg-boss": 20_000,
  "graphile-local": 50_000,
  bullmq: 20_000,
  "bare-postgres": 50_000,
  "jobd-sqlite": 50_000,
  "plainjob-full": 5_000,
  "plainjob-normal": 20_000,
  "bare-sqlite": 50_000,
});
const drain64 = drain(64, {
  "jobd-postgres": 50_000,
  "pg-boss": 10_000,
  graphile: 10_000,
  bullmq: 20_000,
  "bare-postgres": 50_000,
  "jobd-sqlite": 50_000,
  "plainjob-full": 5_000,
  "bare-sqlite": 50_000,
});
const drain10 = drain(10, {
  "jobd-postgres": 20_000,
  "pg-boss": 5_000,
  graphile: 10_000,
  bullmq: 10_000,
  "bare-postgres": 20_000,
  "jobd-sqlite": 20_000,
  "plainjob-full": 5_000,
  "bare-sqlite": 20_000,
});

const work: Case = {
  name: "work-1ms",
  title: "Jobs of 1 ms, 256 at once",
  about: "Each job waits for 1 ms; one worker process runs 256 at once, until all are done and settled.",
  chart: "rate",
  units: RATE,
  ahead: BASES,
  rows: entries({
    "jobd-postgres": 50_000,
    "pg-boss": 10_000,
    "graphile-local": 20_000,
    bullmq: 20_000,
    "jobd-sqlite": 50_000,
    "plainjob-full": 3_000,
  }).map(([name, jobs]) =>
    simpleRow(name, (bench) => ({
      measure: "drain",
      jobs: bench.size(jobs),
      concurrency: 256,
      jobMs: 1,
      options: OWN_CONCURRENCY[name] ?? {},
    }))
  ),
};

/** Where 256 at once is said in another way. */
const OWN_CONCURRENCY: Partial<Record<ContestantName, Record<string, number>>> = {
  "graphile-local": { concurrency: 256 },
  "plainjob-full": { workers: 256 },
};

/** Cases in which jobd stands beside its peers and beside the databases' own limit. */
export const CORE_CASES: Case[] = [single, bulk, drain10, drain64, drain500, work];

/** How jobs are run does not matter where they are only enqueued. */
function enqueueRow(name: ContestantName, task: Parameters<typeof simpleRow>[1]): Row {
  const row = simpleRow(name, task);
  return { ...row, label: { "pg-boss": "pg-boss", graphile: "graphile-worker" }[String(name)] ?? row.label };
}

function drain(concurrency: number, sizes: Sizes): Case {
  return {
    name: `drain-${concurrency}`,
    title: `Drain of no-ops, concurrency ${concurrency}`,
    about:
      `Jobs that do nothing wait; one worker process starts, runs up to ${concurrency} at once (or as its ` +
      "label says), until all are done and settled.",
    chart: "rate",
    units: RATE,
    ahead: BASES,
    rows: entries(sizes).map(([name, jobs]) =>
      simpleRow(name, (bench) => ({
        measure: "drain",
        jobs: bench.size(jobs),
        concurrency,
        // The last, short batch of a peer with batches must not wait for a poll: sizes are multiples of the batch.
        options: name === "pg-boss" ? { batch: Math.ceil(concurrency / 2) } : {},
      }))
    ),
  };
}

function entries(sizes: Sizes): [ContestantName, number][] {
  return Object.entries(sizes) as [ContestantName, number][];
}
