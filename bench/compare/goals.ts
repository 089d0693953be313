import { POLL_MS } from "./cases/latency.ts";
import { medianOf, type Results } from "./results.ts";

/** What a case should show. */
export interface Goal {
  case: string;
  text: string;
  /** What is compared, from the medians. */
  value(get: Get): number;
  bound: { atLeast: number } | { atMost: number };
  /** Between value and bound. */
  unit: string;
}

/** A goal and how it came out; `met` is undefined where the case was not measured. */
export interface Verdict {
  case: string;
  text: string;
  bound: string;
  value: number;
  unit: string;
  met: boolean | undefined;
}

type Get = (row: string, figure: string) => number;

const pg = "jobd-postgres";
const lite = "jobd-sqlite";

/** Ratios within one run, and what a daemon may use. */
const GOALS: Goal[] = [
  share("single", pg, "pg-boss", 15),
  share("single", pg, "bullmq", 1.4),
  share("single", lite, "plainjob-full", 11),
  share("bulk", pg, "graphile", 2),
  {
    case: "bulk",
    text: "jobd-sqlite: 150,000 jobs/s or half the bare limit",
    value: (get) =>
      Math.max(get(lite, "rate") / 150_000, get(lite, "rate") / get("bare-sqlite", "rate") / 0.5),
    bound: { atLeast: 1 },
    unit: "x",
  },
  share("drain-500", pg, "graphile-local", 1.2),
  share("drain-500", pg, "pg-boss", 2),
  share("drain-500", pg, "bullmq", 5),
  share("drain-500", lite, "plainjob-full", 20),
  share("drain-10", pg, "graphile", 2),
  share("drain-10", lite, "plainjob-full", 5),
  share("processes", `${pg}-4x125`, `${pg}-1x500`, 1),
  most("processes", `${pg}-4x125`, "doubled", 0, "jobs"),
  most("processes", `${lite}-4x125`, "doubled", 0, "jobs"),
  {
    case: "processes",
    text: "jobd-sqlite: slowest process against fastest",
    value: (get) => get(`${lite}-4x125`, "fairness"),
    bound: { atLeast: 0.3 },
    unit: "x",
  },
  times("latency", { row: pg, base: "graphile", figure: "p50", atMost: 0.6 }),
  times("latency", { row: pg, base: "graphile", figure: "p99", atMost: 0.8 }),
  most("latency", lite, "p50", 1, "ms"),
  most("latency-other", lite, "p50", 10, "ms"),
  most("latency-poll", pg, "max", POLL_MS + 5, "ms"),
  most("latency-poll", lite, "max", POLL_MS + 5, "ms"),
  ...["backlog", "beside", "queues"].flatMap((name) =>
    [pg, lite].map((row) => share(name, `${row}/${name}`, `${row}/plain`, 0.9))
  ),
  kept("snapshot", 0.8),
  kept("writer", 0.75),
  kept("readers", 0.9),
  ...[pg, lite].map((row) => most("daemon-idle", row, "cpu", 1, "%")),
  most("daemon-idle", pg, "queries", 2, "statements/s"),
  most("daemon-idle", pg, "rss", 90, "MB"),
  most("daemon-idle", lite, "rss", 80, "MB"),
  times("start-up", { row: "help", base: "empty", figure: "time", atMost: 3 }),
  times("start-up", { row: "enqueue-postgres", base: "empty", figure: "time", atMost: 5 }),
  times("start-up", { row: "enqueue-sqlite", base: "empty", figure: "time", atMost: 5 }),
];

/** Every goal against these results. */
export function verdicts(results: Results): Verdict[] {
  return GOALS.map((goal) => {
    const value = goal.value((row, figure) => medianOf(results, { case: goal.case, row, figure }));
    const { bound } = goal;
    const fulfilled = "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
    return {
      case: goal.case,
      text: goal.text,
      bound: "atLeast" in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`,
      value,
      unit: goal.unit,
      met: Number.isNaN(value) ? undefined : fulfilled,
    };
  });
}

function share(name: string, row: string, base: string, atLeast: number): Goal {
  return {
    case: name,
    text: `${row} against ${base}, jobs/s`,
    value: (get) => get(row, "rate") / get(base, "rate"),
    bound: { atLeast },
    unit: "x",
  };
}

function times(
  name: string,
  { row, base, figure, atMost }: { row: string; base: string; figure: string; atMost: number },
): Goal {
  return {
    case: name,
    text: `${row} against ${base}, ${figure}`,
    value: (get) => get(row, figure) / get(base, figure),
    bound: { atMost },
    unit: "x",
  };
}

function most(name: string, row: string, figure: string, atMost: number, unit: string): Goal {
  return { case: name, text: `${row}: ${figure}`, value: (get) => get(row, figure), bound: { atMost }, unit };
}

function kept(name: string, atLeast: number): Goal {
  return {
    case: name,
    text: `${pg}: the last 10 s against before`,
    value: (get) => get(pg, "share"),
    bound: { atLeast },
    unit: "x",
  };
}
