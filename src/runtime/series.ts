import { addHistograms } from "../domain/histogram.ts";
import type { StatRow } from "../storage/driver.ts";

/**
 * Statistics put together by steps of time, which go from full to full: with a step of a day, from midnight to midnight in
 * UTC. The `minute` of what comes out is the start of its step.
 */
export function bySteps(rows: readonly StatRow[], stepMs: number): StatRow[] {
  const merged = new Map<string, StatRow>();
  for (const row of rows) {
    const minute = Math.floor(row.minute / stepMs) * stepMs;
    const key = [minute, row.queue, row.type, row.outcome].join("\n");
    const sum = merged.get(key);
    merged.set(key, {
      ...row,
      minute,
      count: row.count + (sum?.count ?? 0),
      wait: addHistograms(row.wait, sum?.wait ?? []),
      run: addHistograms(row.run, sum?.run ?? []),
    });
  }
  return [...merged.values()].sort((a, b) => a.minute - b.minute);
}
