import { administer } from "../../../tests/support/postgres_server.ts";
import type { Bench, Case, Row } from "../case.ts";
import { CONTESTANTS } from "../contestants.ts";
import { migrated, startCommand, Started } from "../started.ts";

type Jobd = "jobd-postgres" | "jobd-sqlite";
const JOBDS: Jobd[] = ["jobd-postgres", "jobd-sqlite"];
/** Ticks of the kernel in a second. */
const TICKS = 100;
const WARM_S = 5;
const WATCHED_S = 30;

const idle: Case = {
  name: "daemon-idle",
  title: "An idle daemon",
  about:
    `\`jobd start\` with its default settings and nothing to do, for ${WATCHED_S} s after the first ${WARM_S} s: ` +
    "share of one core, resident memory, and statements that reached PostgreSQL.",
  chart: "rss",
  units: { cpu: "%", rss: "MB", queries: "statements/s" },
  ahead: [],
  rounds: 2,
  rows: JOBDS.map((name) => ({
    ...head(name),
    measure: async (bench) => ({ figures: await idleFigures(bench, name) }),
  })),
};

const busy: Case = {
  ...idle,
  name: "daemon-busy",
  title: "A busy worker process",
  about:
    "A process that keeps 5,000 no-ops waiting and runs them, 500 at once: share of one core, highest resident memory.",
  units: { cpu: "%", rss: "MB", rate: "jobs/s" },
  rows: JOBDS.map((name) => ({
    ...head(name),
    measure: async (bench) => ({ figures: await busyFigures(bench, name) }),
  })),
};

/** Cases about the program as a daemon and as a command. */
export const DAEMON_CASES: Case[] = [idle, busy];

function head(name: Jobd): Pick<Row, "id" | "label" | "store"> {
  const { label, store } = CONTESTANTS[name];
  return { id: name, label, store };
}

async function idleFigures(bench: Bench, name: Jobd): Promise<Record<string, number>> {
  const { store } = CONTESTANTS[name];
  await using place = await migrated(bench, store);
  if (store === "postgres") {
    const database = new URL(place.url).pathname.slice(1);
    await administer(place.url, `alter database ${database} set log_statement = 'all'`);
  }
  await using daemon = new Started(startCommand(place.url));
  await daemon.says("jobd started");
  await seconds(bench.seconds(WARM_S));
  const statements = store === "postgres" ? await statementsIn(bench) : 0;
  const { figures, elapsed } = await usage(daemon.pid, () => seconds(bench.seconds(WATCHED_S)));
  const queries = store === "postgres" ? { queries: (await statementsIn(bench) - statements) / elapsed } : {};
  return { cpu: figures.cpu, rss: await memoryOf(daemon.pid, "VmRSS"), ...queries };
}

async function busyFigures(bench: Bench, name: Jobd): Promise<Record<string, number>> {
  await using place = await bench.fresh(CONTESTANTS[name].store);
  await using child = await bench.start(name, {
    url: place.url,
    options: {},
    measure: "soak",
    concurrency: 500,
  });
  await child.go();
  await seconds(bench.seconds(WARM_S));
  const count = child.count;
  const { figures, elapsed } = await usage(child.pid, () => seconds(bench.seconds(WATCHED_S)));
  return { ...figures, rss: await memoryOf(child.pid, "VmHWM"), rate: (child.count - count) / elapsed };
}

async function usage(
  pid: number,
  meanwhile: () => Promise<void>,
): Promise<{ figures: { cpu: number }; elapsed: number }> {
  const [ticks, start] = [await ticksOf(pid), performance.now()];
  await meanwhile();
  const elapsed = (performance.now() - start) / 1_000;
  return { figures: { cpu: (await ticksOf(pid) - ticks) / TICKS / elapsed * 100 }, elapsed };
}

/** Processor time so far, of the kernel's ticks. */
async function ticksOf(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) / 1_024;
}

async function statementsIn(bench: Bench): Promise<number> {
  const log = await bench.serverLog();
  return [...log.matchAll(/LOG: {2}(?:statement|execute [^:]*): /g)].length;
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1_000));
}
