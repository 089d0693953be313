import { median } from "../report.ts";
import type { StoreKind } from "./contestants.ts";
import type { Point } from "./case.ts";

/** Everything a run found out; the JSON file. */
export interface Results {
  about: AboutRun;
  cases: CaseResult[];
}

/** Where and with what it was measured. */
export interface AboutRun {
  /** Date of the last measurement, without time. */
  date: string;
  machine: { processor: string; cores: number; memoryGb: number; system: string; commitMicros: number };
  versions: Record<string, string>;
  postgres: Record<string, string>;
  redis: Record<string, string>;
}

/** One case; a title and a sentence so that the file can be read by itself. */
export interface CaseResult {
  name: string;
  title: string;
  about: string;
  chart: string;
  units: Record<string, string>;
  ahead: string[];
  /** Rounds asked for, and how the sizes were. */
  rounds: number;
  size: "full" | "quick";
  /** Whether transactions were held for as long as the goals say. */
  long: boolean;
  rows: RowResult[];
}

/** One row: all values of all rounds. */
export interface RowResult {
  id: string;
  label: string;
  store: StoreKind;
  base?: string;
  figures: Record<string, number[]>;
  /** Of the last round. */
  series?: Point[];
  /** What went wrong, if something did. */
  errors: string[];
}

/** Looks up the median of a figure; NaN where nothing was measured. */
export function medianOf(results: Results, at: { case: string; row: string; figure: string }): number {
  const row = results.cases.find(({ name }) => name === at.case)?.rows.find(({ id }) => id === at.row);
  return median(row === undefined ? [] : figuresOf(row, at.figure));
}

/** All values of a figure; none where it was not measured. */
export function figuresOf(row: RowResult, figure: string): number[] {
  return row.figures[figure] ?? [];
}
