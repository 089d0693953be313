// @ts-types="@types/pg"
import { Client } from "pg";
import type { Bench, Case, Measured, Point, Row } from "../case.ts";
import { type ContestantName, CONTESTANTS } from "../contestants.ts";
import type { SubjectOptions } from "../../harness/subject.ts";
import type { Child } from "../child.ts";

/** What somebody else does with the database meanwhile; what it returns ends it. */
type Disturbance = (url: string, name: ContestantName) => Promise<() => Promise<unknown>>;

const SETTLE_S = 8;
const BASE_S = 10;
const LAST_S = 10;
const WINDOW_S = 5;
const READERS = 4;

/** The tables that a report would read. */
const BIGGEST: Partial<Record<ContestantName, string>> = { "jobd-postgres": "jobd.job" };

/** Cases in which another session keeps PostgreSQL from cleaning up behind the queue. */
export const HOLD_CASES: Case[] = [
  {
    ...hold("snapshot", "A held snapshot", "a REPEATABLE READ transaction stays open"),
    rows: [
      row("jobd-postgres", { seconds: [30, 70], disturb: snapshot }),
      row("pg-boss", { seconds: [30, 70], disturb: snapshot, options: { batch: 1_000 } }),
      row("graphile-local", { seconds: [30, 70], disturb: snapshot }),
    ],
  },
  {
    ...hold("writer", "A writing transaction held", "a transaction that has written a row stays open"),
    rounds: 1,
    rows: [row("jobd-postgres", { seconds: [60, 600], disturb: writer })],
  },
  {
    ...hold(
      "readers",
      "Four analytic readers",
      `${READERS} sessions each count the jobs by state in a REPEATABLE READ transaction, keep it open for 5 s, and ` +
        "begin again",
    ),
    rows: [row("jobd-postgres", { seconds: [30, 70], disturb: readers })],
  },
];

function hold(name: string, title: string, what: string): Omit<Case, "rows"> {
  return {
    name,
    title,
    about:
      `A producer keeps 5,000 no-ops waiting, a worker runs them (500 at once), in one process. After ${BASE_S} s ` +
      `${what}. \`share\`: jobs/s of the last ${LAST_S} s of that time, divided by jobs/s before it.`,
    chart: "share",
    units: { before: "jobs/s", last: "jobs/s", share: "" },
    ahead: [],
    rounds: 2,
  };
}

interface Hold {
  /** By default, and with --long. */
  seconds: [usual: number, long: number];
  disturb: Disturbance;
  options?: SubjectOptions;
}

function row(name: ContestantName, { seconds: [usual, long], disturb, options = {} }: Hold): Row {
  const { label, store } = CONTESTANTS[name];
  return {
    id: name,
    label,
    store,
    async measure(bench) {
      await using place = await bench.fresh(store);
      await using child = await bench.start(name, {
        url: place.url,
        options,
        measure: "soak",
        concurrency: 500,
      });
      await child.go();
      const seconds = bench.seconds(bench.long ? long : usual);
      return await watch(bench, child, seconds, () => disturb(place.url, name));
    },
  };
}

async function watch(
  bench: Bench,
  child: Child,
  seconds: number,
  disturb: () => Promise<() => Promise<unknown>>,
): Promise<Measured> {
  const samples: { at: number; count: number }[] = [];
  const sample = async (forSeconds: number): Promise<void> => {
    const until = performance.now() + forSeconds * 1_000;
    while (performance.now() < until) {
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 250)), child.done()]);
      samples.push({ at: performance.now(), count: child.count });
    }
  };
  await sample(bench.seconds(SETTLE_S));
  const start = samples.at(-1)?.at ?? 0;
  await sample(bench.seconds(BASE_S));
  const held = samples.at(-1)?.at ?? 0;
  const end = await disturb();
  await sample(seconds);
  const over = samples.at(-1)?.at ?? 0;
  await end();
  const between = (from: number, to: number): number => {
    const inside = samples.filter(({ at }) => at >= from && at <= to);
    const [first, last] = [inside[0], inside.at(-1)];
    return first && last && last.at > first.at
      ? (last.count - first.count) / (last.at - first.at) * 1_000
      : Number.NaN;
  };
  const before = between(start, held);
  const last = between(over - bench.seconds(LAST_S) * 1_000, over);
  return { figures: { before, last, share: last / before }, series: windows() };

  function windows(): Point[] {
    const points: Point[] = [];
    const step = bench.seconds(WINDOW_S) * 1_000;
    for (let from = start; from + step <= over + 250; from += step) {
      const phase = from + step <= held + 250 ? "before" : "held";
      points.push({ at: (from + step - start) / 1_000, rate: between(from, from + step), phase });
    }
    return points;
  }
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function snapshot(url: string): Promise<() => Promise<unknown>> {
  const client = await connect(url);
  await client.query("begin isolation level repeatable read");
  await client.query("select count(*) from pg_class");
  return () => client.end();
}

async function writer(url: string): Promise<() => Promise<unknown>> {
  const client = await connect(url);
  await client.query("create table bench_other (n int)");
  await client.query("begin");
  await client.query("insert into bench_other values (1)");
  return () => client.end();
}

async function readers(url: string, name: ContestantName): Promise<() => Promise<unknown>> {
  const over = new AbortController();
  const read = async (): Promise<void> => {
    const client = await connect(url);
    while (!over.signal.aborted) {
      await client.query("begin isolation level repeatable read");
      await client.query(`select state, count(*) from ${BIGGEST[name]} group by state`);
      await waitOr(over.signal, 5_000);
      await client.query("commit");
    }
    await client.end();
  };
  const all = Promise.all(Array.from({ length: READERS }, read));
  all.catch(() => {});
  await Promise.race([all, waitOr(over.signal, 500)]); // a query that fails must not look like a quiet reader
  return () => {
    over.abort();
    return all;
  };
}

function waitOr(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
