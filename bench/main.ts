/**
 * Measures jobd on both backends: `deno task bench [--rounds 3] [--backend sqlite] [--case drain-500] [--blocked 1000000] [--piles 50000] [--json FILE]`.
 *
 * Figures of one run on one machine say little by themselves: compare medians of the same run. The store is as durable
 * as in production (SQLite synchronous=FULL, PostgreSQL fsync on); client, worker and database share the machine.
 */
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import { STORES } from "./stores.ts";
import { median, table } from "./report.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    backend: { type: "string", multiple: true, default: Object.keys(STORES) },
    case: { type: "string", multiple: true, default: Object.keys(CASES) },
    blocked: { type: "string", default: "100000" },
    piles: { type: "string", default: "1000000" },
    json: { type: "string" },
  },
});

const rounds = Number(options.rounds);
const sizes = { blocked: countOf("blocked"), piles: countOf("piles") };
const results: { backend: string; name: string; unit: string; values: number[] }[] = [];
const put = (line: string): void => void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

for (const backend of options.backend) {
  const open = Object.entries(STORES).find(([name]) => name === backend)?.[1];
  if (open === undefined) {
    throw new Error(`Unknown backend "${backend}": use ${Object.keys(STORES).join(", ")}`);
  }
  await using store = await open();
  for (let round = 0; round < rounds; round++) {
    for (const name of options.case) {
      const measure = CASES[name];
      if (measure === undefined) {
        throw new Error(`Unknown case "${name}": use ${Object.keys(CASES).join(", ")}`);
      }
      for (const { label, unit, value } of await measure(store, sizes)) {
        const known = results.find((row) => row.backend === backend && row.name === label);
        if (known) known.values.push(value);
        else results.push({ backend, name: label, unit, values: [value] });
        put(`${backend} round ${round + 1}: ${label} ${value.toFixed(unit === "ms" ? 2 : 0)} ${unit}`);
      }
    }
  }
}

const rows = results.map(({ backend, name, unit, values }) => ({
  backend,
  case: name,
  unit,
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
}));
put("");
put(table(rows));
if (options.json !== undefined) {
  const about = { deno: Deno.version.deno, cores: navigator.hardwareConcurrency, rounds };
  await Deno.writeTextFile(options.json, JSON.stringify({ about, rows }, undefined, 2) + "\n");
}
Deno.exit(0);

function countOf(name: "blocked" | "piles"): number {
  const count = Number(options[name]);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`--${name} is ${JSON.stringify(options[name])}: it must be a whole number from 1`);
}
