import { type Place, STORES } from "../stores.ts";
import { aboutRun } from "./about.ts";
import { Bench, type Case, type Measured } from "./case.ts";
import type { StoreKind } from "./contestants.ts";
import { preparePeers } from "./peers.ts";
import { redisPlace } from "./redis.ts";
import type { CaseResult, Results, RowResult } from "./results.ts";
import { databaseVersions } from "./versions.ts";
import { amount, caseTable } from "./tables.ts";

/** What is to be measured. */
export interface RunOptions {
  cases: Case[];
  /** Beginnings of row ids; "" is all. */
  rows: string[];
  rounds: number;
  quick: boolean;
  long: boolean;
  /** Gets a line for people. */
  say: (line: string) => void;
  /** Keeps what is known so far. */
  save?: (results: Results) => Promise<void>;
}

/** Measures, case by case, round by round, row by row. Servers start when the first row needs them, and end here. */
export async function runCases(options: RunOptions): Promise<Results> {
  await using servers = new AsyncDisposableStack();
  const { quick, long, say } = options;
  const used = { redis: false } as Parameters<typeof databaseVersions>[0];
  const place = (open: () => Promise<Place>): () => Promise<Place> =>
    once(async () => servers.use(await open()));
  const places: Record<StoreKind, () => Promise<Place>> = {
    postgres: place(async () => {
      const server = await STORES.postgres();
      used.postgresUrl = server.url;
      return server;
    }),
    sqlite: place(STORES.sqlite),
    redis: place(async () => {
      used.redis = true;
      return await redisPlace();
    }),
  };
  const bench = new Bench({
    places,
    nodes: once(async () => used.nodes = await preparePeers(say)),
    quick,
    long,
    serverLog: async () => await (await places.postgres()).log?.() ?? "",
  });
  const cases: CaseResult[] = [];
  const results = async (): Promise<Results> => {
    const versions = { ...Object.fromEntries(bench.versions), ...await databaseVersions(used) };
    return { about: await aboutRun(versions), cases };
  };
  for (const measured of options.cases) {
    cases.push(await runCase(bench, measured, options));
    await options.save?.(await results());
  }
  return await results();
}

async function runCase(bench: Bench, measured: Case, options: RunOptions): Promise<CaseResult> {
  const { rounds: most = Infinity, rows, ...about } = measured;
  const result: CaseResult = {
    ...about,
    rounds: Math.min(options.rounds, most),
    size: bench.quick ? "quick" : "full",
    long: bench.long,
    rows: [],
  };
  const wanted = rows.filter(({ id }) => options.rows.some((start) => id.startsWith(start)));
  const pairs = wanted.map(({ measure, ...head }) => ({
    measure,
    row: { ...head, figures: {}, errors: [] } as RowResult,
  }));
  result.rows = pairs.map(({ row }) => row);
  options.say(`\n${measured.name}: ${measured.title}`);
  for (let round = 1; round <= result.rounds; round++) {
    for (const { measure, row } of pairs) {
      const said = await measureRow(() => measure(bench), row, result.units);
      options.say(`  round ${round}  ${row.label.padEnd(44)}${said}`);
    }
  }
  options.say(`\n${caseTable(result)}`);
  return result;
}

/** One measurement, added to the others; a row that fails does not stop the rest. */
async function measureRow(
  measure: () => Promise<Measured>,
  into: RowResult,
  units: Record<string, string>,
): Promise<string> {
  try {
    const { figures, series } = await measure();
    for (const [name, value] of Object.entries(figures)) (into.figures[name] ??= []).push(value);
    if (series) into.series = series;
    return Object.entries(figures).map(([name, value]) => `${name} ${amount(value)} ${units[name] ?? ""}`)
      .join(", ");
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    into.errors.push(text);
    return `FAILED: ${text}`;
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
