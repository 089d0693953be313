import { join } from "node:path";
import type { Bench, Case, Row } from "../case.ts";
import { CONTESTANTS } from "../contestants.ts";
import { MAIN, migrated, startCommand, Started } from "../started.ts";

const JOBDS = ["jobd-postgres", "jobd-sqlite"] as const;
const EMPTY = join(import.meta.dirname ?? ".", "empty_program.ts");

/** How long a user waits for a command. */
export const START_UP: Case = {
  name: "start-up",
  title: "Start-up",
  about:
    "Wall time of a whole command, from a store that is migrated and with a warm file cache; for `start` until it " +
    "says that it has started. The median of 7 runs in each round.",
  chart: "time",
  units: { time: "ms" },
  ahead: [],
  rows: [
    {
      id: "empty",
      label: "deno run of an empty file",
      store: "sqlite",
      measure: (bench) => timed(bench, "sqlite", () => [EMPTY]),
    },
    {
      id: "help",
      base: "empty",
      label: "jobd --help",
      store: "sqlite",
      measure: (bench) => timed(bench, "sqlite", () => [MAIN, "--help"]),
    },
    ...JOBDS.map((name): Row => {
      const { label, store } = CONTESTANTS[name];
      const command = (url: string): string[] => [MAIN, "enqueue", "--database-url", url, "--payload", "{}"];
      return {
        id: `enqueue-${store}`,
        base: "empty",
        label: `${label}: one enqueue`,
        store,
        measure: (bench) => timed(bench, store, command),
      };
    }),
    ...JOBDS.map((name): Row => {
      const { label, store } = CONTESTANTS[name];
      return {
        id: `start-${store}`,
        base: "empty",
        label: `${label}: start`,
        store,
        measure: (bench) => timed(bench, store, startCommand, "jobd started"),
      };
    }),
  ],
};

async function timed(
  bench: Bench,
  store: "postgres" | "sqlite",
  command: (url: string) => string[],
  until?: string,
): Promise<{ figures: { time: number } }> {
  await using place = await migrated(bench, store);
  const times: number[] = [];
  for (let count = 0; count < bench.size(7); count++) {
    const start = performance.now();
    await using process = new Started(command(place.url));
    await (until === undefined ? process.ended() : process.says(until));
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { figures: { time: times[Math.floor(times.length / 2)] ?? Number.NaN } };
}
