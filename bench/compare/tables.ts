import { median, table } from "../report.ts";
import { verdicts } from "./goals.ts";
import type { CaseResult, Results, RowResult } from "./results.ts";

/** A case as lines for a terminal. */
export function caseTable(result: CaseResult): string {
  return table(caseRows(result));
}

/** The goals of the cases that were measured, as lines for a terminal. */
export function goalsTable(results: Results): string {
  const measured = results.cases.map(({ name }) => name);
  return table(goalRows(results).filter(({ case: name = "" }) => measured.includes(name)));
}

/** A case as rows of named cells. */
export function caseRows(result: CaseResult): Record<string, string>[] {
  return result.rows.map((row) => ({
    queue: row.label,
    ...Object.fromEntries(
      Object.entries(result.units).map(([figure, unit]) => [
        unit === "" || unit === figure ? figure : `${figure}, ${unit}`,
        figureCell(row, figure),
      ]),
    ),
    ...comparison(result, row),
  }));
}

/** The goals as rows of named cells. */
export function goalRows(results: Results): Record<string, string>[] {
  return verdicts(results).map(({ case: name, text, bound, value, unit, met }) => ({
    case: name,
    goal: text,
    bound: `${bound} ${unit}`,
    measured: met === undefined ? "" : `${amount(value)} ${unit}`,
    met: met === undefined ? "not measured" : met ? "yes" : "NO",
  }));
}

/** A figure with three or four digits. */
export function amount(value: number): string {
  if (Number.isNaN(value)) return "";
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

function figureCell(row: RowResult, figure: string): string {
  const values = row.figures[figure] ?? [];
  if (values.length === 0) return row.errors.length > 0 ? "failed" : "";
  if (values.length === 1) return amount(median(values));
  return `${amount(median(values))} [${amount(Math.min(...values))} to ${amount(Math.max(...values))}]`;
}

/** How many times better some rows are than this one, and what share of its base this one reaches. */
function comparison(result: CaseResult, row: RowResult): Record<string, string> {
  const { ahead, chart, units, rows } = result;
  const of = (other: RowResult): number => median(other.figures[chart] ?? []);
  const columns = ahead.map((id) => {
    const best = rows.find((other) => other.id === id);
    if (best === undefined || best === row) return [`${best?.label ?? id} is ahead`, ""];
    const times = units[chart] === "jobs/s" ? of(best) / of(row) : of(row) / of(best);
    return [`${best.label} is ahead`, timesCell(times)];
  });
  if (rows.some(({ base }) => base !== undefined)) {
    const base = rows.find(({ id }) => id === row.base);
    columns.push(["of its base", base === undefined ? "" : timesCell(of(row) / of(base))]);
  }
  return Object.fromEntries(columns);
}

function timesCell(times: number): string {
  return Number.isNaN(times) ? "" : `${times.toFixed(times >= 10 ? 1 : 2)}x`;
}
