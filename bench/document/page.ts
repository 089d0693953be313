import { caseRows, goalRows } from "../compare/tables.ts";
import { type CaseResult, figuresOf, type Results, type RowResult } from "../compare/results.ts";
import { median } from "../report.ts";
import { type Bar, barChart } from "./bars.ts";
import { lineChart } from "./lines.ts";

/** The generated part of the page, and the plots by file name. */
export interface Page {
  markdown: string;
  plots: Map<string, string>;
}

/** Everything that the results say. */
export function pageOf(results: Results): Page {
  const plots = new Map<string, string>();
  const sections = results.cases.map((result) => {
    const plot = plotOf(result);
    if (plot !== undefined) plots.set(`${result.name}.svg`, plot);
    return caseSection(result, plot !== undefined);
  });
  const markdown = [
    machine(results),
    "## Goals\n",
    "Ratios of medians of the same case, in the same run.\n",
    markdownTable(goalRows(results)),
    ...sections,
  ].join("\n");
  return { markdown, plots };
}

function machine({ about }: Results): string {
  const { machine: { processor, cores, memoryGb, system, commitMicros }, versions, postgres, redis } = about;
  const list = (values: Record<string, string>): string =>
    Object.entries(values).map(([name, value]) =>
      `${name} = ${value === "" ? '""' : value.replaceAll("'", "")}`
    )
      .join(", ");
  return [
    "## Machine and settings\n",
    `- ${about.date}; ${cores} cores (${processor}), ${memoryGb} GB of memory, ${system}; a small write is durable ` +
    `after ${commitMicros} µs (median of fdatasync). Clients, workers and databases share the machine.`,
    `- ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}.`,
    `- PostgreSQL: ${list(postgres)}; everything else as it comes.`,
    ...(versions.Redis === undefined ? [] : [`- Redis: ${list(redis)}.`]),
    "",
  ].join("\n");
}

function caseSection(result: CaseResult, plotted: boolean): string {
  const { name, title, about, rounds, size, rows } = result;
  const note = size === "quick" ? " **A quick run: too short for figures to be quoted.**" : "";
  const failures = rows.flatMap(({ label, errors }) =>
    errors.map((error) => `- ${label} failed: ${error}\n`)
  );
  return [
    `## ${title}\n`,
    `${about} ${
      rounds === 1 ? "One round" : `${rounds} rounds`
    }: \`deno task bench:peers --case ${name}\`.${note}\n`,
    markdownTable(caseRows(result)),
    ...failures,
    ...(plotted ? [`![${title}](benchmarks/${name}.svg)\n`] : []),
  ].join("\n");
}

function plotOf(result: CaseResult): string | undefined {
  const { title, chart, units, rows } = result;
  if (rows.some(({ series }) => series !== undefined)) {
    return lineChart({ title, lines: rows.map(({ label, series = [] }) => ({ label, points: series })) });
  }
  const bars = rows.flatMap((row) => barOf(row, figuresOf(row, chart)));
  return bars.length < 3
    ? undefined
    : barChart({ title, unit: [chart, units[chart]].filter(Boolean).join(", "), bars });
}

function barOf({ id, label }: RowResult, values: number[]): Bar[] {
  if (values.length === 0) return [];
  const kind = id.startsWith("bare") ? "limit" : isPeer(id) ? "peer" : "own";
  return [{ label, kind, value: median(values), least: Math.min(...values), most: Math.max(...values) }];
}

/** In the cases about jobd's own program, rows have ids without its name. */
function isPeer(id: string): boolean {
  return /^(pg-boss|graphile|bullmq|plainjob|empty)/.test(id);
}

function markdownTable(rows: Record<string, string>[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const names = Object.keys(first);
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(names),
    line(names.map((_, index) => index === 0 ? "---" : "---:")),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ""))),
    "",
  ].join("\n");
}
