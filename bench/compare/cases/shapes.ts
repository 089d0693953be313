import type { Bench, Case, Row } from "../case.ts";
import { CONTESTANTS } from "../contestants.ts";
import { simpleRow } from "../case.ts";
import type { SubjectOptions } from "../../harness/subject.ts";
import type { Task } from "../../harness/task.ts";

type Jobd = "jobd-postgres" | "jobd-sqlite";
const JOBDS: Jobd[] = ["jobd-postgres", "jobd-sqlite"];

/** How a store is before the clock starts. */
interface Shape {
  id: string;
  label: string;
  /** Jobs that wait; what is not measured stays. */
  waiting: number;
  /** For all jobs that wait. */
  options?: SubjectOptions;
  /** Jobs beside them that have been run, or whose time has not come. */
  finished?: number;
  scheduled?: number;
}

const MILLION = 1_000_000;
const WARM = 10_000;
const MEASURED = 50_000;
/** More waits than is measured, so that the end of a drain never counts. */
const PLAIN: Shape = { id: "plain", label: "plain", waiting: WARM + MEASURED + 20_000 };

const PLAIN_SINGLE: Variant = { id: "plain", label: "plain", options: {} };

/** Cases in which the store is not as pleasant as in a plain drain. */
export const SHAPE_CASES: Case[] = [
  against("backlog", "1 M jobs waiting", { ...PLAIN, id: "backlog", label: "1 M waiting", waiting: MILLION }),
  against("beside", "1 M finished and 1 M scheduled jobs beside", {
    ...PLAIN,
    id: "beside",
    label: "1 M + 1 M beside",
    finished: MILLION,
    scheduled: MILLION,
  }),
  against("queues", "Jobs in 10,000 queues", {
    ...PLAIN,
    id: "queues",
    label: "10,000 queues",
    options: { queues: 10_000 },
  }),
  against("priorities", "Mixed priorities", {
    ...PLAIN,
    id: "priorities",
    label: "10 priorities",
    options: { priorities: 10 },
  }),
  {
    name: "unique",
    title: "Unique jobs, 50 callers",
    about: "Single enqueue as above; each job has a unique key of its own.",
    chart: "rate",
    units: { rate: "jobs/s" },
    ahead: [],
    rows: JOBDS.flatMap((name) => [
      variant(name, PLAIN_SINGLE),
      variant(name, { id: "unique", label: "unique keys", options: { unique: true } }),
    ]),
  },
  {
    name: "notify",
    title: "NOTIFY on and off, 50 callers",
    about: "Single enqueue as above; with DATABASE_NOTIFY=off other processes are told nothing.",
    chart: "rate",
    units: { rate: "jobs/s" },
    ahead: [],
    rows: [
      variant("jobd-postgres", PLAIN_SINGLE),
      variant("jobd-postgres", { id: "silent", label: "NOTIFY off", options: { notify: false } }),
    ],
  },
];

function against(name: string, title: string, shape: Shape): Case {
  return {
    name,
    title,
    about:
      `No-ops at concurrency 500: ${MEASURED} jobs after the first ${WARM}, in a store with ${shape.label}, ` +
      "against the same in a plain store.",
    chart: "rate",
    units: { rate: "jobs/s" },
    ahead: [],
    rounds: shape.waiting + (shape.finished ?? 0) > MILLION / 2 ? 3 : Infinity,
    rows: JOBDS.flatMap((jobd) => [row(jobd, PLAIN), row(jobd, shape)]),
  };
}

function row(name: Jobd, shape: Shape): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: `${name}/${shape.id}`,
    label: `${label}: ${shape.label}`,
    store,
    ...(shape === PLAIN ? {} : { base: `${name}/plain` }),
    async measure(bench) {
      await using place = await bench.fresh(store);
      const { url } = place;
      await prepare(bench, name, url, shape);
      const task: Task = {
        url,
        options: {},
        measure: "stretch",
        jobs: bench.size(MEASURED),
        warm: bench.size(WARM),
        concurrency: 500,
      };
      return { figures: await bench.run(name, task) };
    },
  };
}

async function prepare(bench: Bench, name: Jobd, url: string, shape: Shape): Promise<void> {
  const { waiting, options = {}, finished, scheduled } = shape;
  const fill = { url, measure: "fill" } as const;
  if (finished) {
    const jobs = bench.size(finished);
    await bench.run(name, { url, options: {}, measure: "drain", jobs, concurrency: 500 });
  }
  if (scheduled) await bench.run(name, { ...fill, options: { later: true }, jobs: bench.size(scheduled) });
  await bench.run(name, { ...fill, options, jobs: bench.size(waiting) });
}

/** A way of enqueueing one by one. */
interface Variant {
  id: string;
  label: string;
  options: SubjectOptions;
}

function variant(name: Jobd, { id, label, options }: Variant): Row {
  const row = simpleRow(name, (bench) => ({
    measure: "single",
    jobs: bench.size(30_000),
    callers: 50,
    warm: 1_000,
    options,
  }));
  return {
    ...row,
    id: `${name}/${id}`,
    ...(id === PLAIN_SINGLE.id ? {} : { base: `${name}/${PLAIN_SINGLE.id}` }),
    label: `${row.label}: ${label}`,
  };
}
