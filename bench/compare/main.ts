import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import type { Results } from "./results.ts";
import { runCases } from "./run.ts";
import { goalsTable } from "./tables.ts";

const HELP = `Measures jobd beside its peers on PostgreSQL, SQLite and Redis servers of its own.

deno task bench:peers [options]
  --case NAME    only this case; may be repeated
  --row TEXT     only rows whose id begins so; may be repeated
  --rounds N     rounds (default 5); cases that take minutes have fewer
  --quick        a tenth of the jobs and seconds: shows that everything works, no figures to quote
  --long         transactions are held for 70 s and 10 minutes instead of 30 s and 60 s
  --json FILE    write the results there, after each case
  --keep         leave cases in FILE that are not measured now

Every row of a case is measured once in each round, one after the other, each in fresh processes on a
fresh store: whatever else the machine does hits all of them alike. Medians of one case may be
compared; those of two runs may not.

Cases:
${CASES.map(({ name, title }) => `  ${name.padEnd(15)}${title}`).join("\n")}
`;

const { values: options } = parseArgs({
  options: {
    case: { type: "string", multiple: true },
    row: { type: "string", multiple: true, default: [""] },
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    json: { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function put(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(): Promise<number> {
  if (options.help) {
    put(HELP);
    return 0;
  }
  const unknown = options.case?.find((name) => !CASES.some((known) => known.name === name));
  const rounds = Number(options.rounds);
  if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1) {
    put(unknown === undefined ? `--rounds: ${options.rounds} is no number` : `There is no case "${unknown}"`);
    put(HELP);
    return 2;
  }
  const cases = CASES.filter(({ name }) => options.case?.includes(name) ?? true);
  const results = await runCases({
    cases,
    rows: options.row,
    rounds: options.quick ? 1 : rounds,
    quick: options.quick,
    long: options.long,
    say: put,
    ...(options.json === undefined ? {} : { save: saver(options.json, await known(options.json)) }),
  });
  put(`\nGoals\n${goalsTable(results)}`);
  const errors = results.cases.flatMap(({ rows }) => rows.flatMap((row) => row.errors));
  return errors.length === 0 ? 0 : 1;
}

/** The cases that stay, in the file that is written. */
async function known(path: string): Promise<Results | undefined> {
  return options.keep ? JSON.parse(await Deno.readTextFile(path)) : undefined;
}

function saver(path: string, before: Results | undefined): (results: Results) => Promise<void> {
  const order = CASES.map(({ name }) => name);
  return async ({ about, cases }) => {
    const kept = before?.cases.filter(({ name }) => !cases.some((known) => known.name === name)) ?? [];
    const all = [...cases, ...kept].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    const versions = { ...before?.about.versions, ...about.versions };
    await Deno.writeTextFile(
      path,
      JSON.stringify({ about: { ...about, versions }, cases: all }, rounded, 2) + "\n",
    );
  };
}

/** Five digits are more than a measurement has. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

Deno.exit(await main());
