/**
 * Writes the generated part of docs/benchmarks.md and its plots from docs/benchmarks/results.json: `deno task bench:docs`.
 * Another folder with the same files in it may be given.
 */
import type { Results } from "../compare/results.ts";
import { pageOf } from "./page.ts";

const docs = new URL(
  Deno.args[0] === undefined ? "../../docs/" : `file://${Deno.realPathSync(Deno.args[0])}/`,
  import.meta.url,
);
const GENERATED = /(?<=<!-- deno-fmt-ignore-start -->\n)[^]*(?=<!-- deno-fmt-ignore-end -->)/;

const results: Results = JSON.parse(await Deno.readTextFile(new URL("benchmarks/results.json", docs)));
const { markdown, plots } = pageOf(results);
for await (const { name } of Deno.readDir(new URL("benchmarks", docs))) {
  if (name.endsWith(".svg") && !plots.has(name)) await Deno.remove(new URL(`benchmarks/${name}`, docs));
}
for (const [name, plot] of plots) await Deno.writeTextFile(new URL(`benchmarks/${name}`, docs), plot);
const page = new URL("benchmarks.md", docs);
const text = await Deno.readTextFile(page);
await Deno.writeTextFile(page, text.replace(GENERATED, () => `\n${markdown}\n`));
