import { addHistograms } from "../../domain/histogram.ts";
import type { StatRow } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, json, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

/** {@linkcode Driver.addStats}. */
export function* addStats(d: Dialect, stats: StatRow[]): Script<void> {
  if (stats.length === 0) return;
  const rows = d.rows("$1", "r", {
    minute: "instant",
    namespace: "text",
    queue: "text",
    type: "text",
    outcome: "text",
    count: "bigint",
    wait: "json",
    run: "json",
  });
  yield* run(
    `insert into ${d.table("stat")} (minute, namespace, queue, type, outcome, count, wait, run) ` +
      `select r.minute, r.namespace, r.queue, r.type, r.outcome, r.count, r.wait, r.run from ${rows}`,
    [JSON.stringify(stats)],
  );
}

/** {@linkcode Driver.stats}: from `from` up to but not including `to`. */
export function* stats(
  d: Dialect,
  query: { namespace: string; from: number; to: number },
): Script<StatRow[]> {
  const rows = yield* run(
    `select ${d.ms("minute")} as minute_ms, queue, type, outcome, count, ${d.text("wait")} as wait, ` +
      `${d.text("run")} as run from ${d.table("stat")} ` +
      `where minute >= ${d.instant("$2")} and minute < ${d.instant("$3")} and namespace = $1`,
    [query.namespace, query.from, query.to],
  );
  const merged = new Map<string, StatRow>();
  for (const row of rows) {
    const stat = toStat(row, query.namespace);
    const key = JSON.stringify([String(stat.minute).padStart(16, "0"), stat.queue, stat.type, stat.outcome]);
    const sum = merged.get(key);
    merged.set(key, sum === undefined ? stat : merge(sum, stat));
  }
  return [...merged].sort(([a], [b]) => a < b ? -1 : 1).map(([, stat]) => stat);
}

function toStat(row: Row, namespace: string): StatRow {
  return {
    minute: int(row.minute_ms),
    namespace,
    queue: text(row.queue),
    type: text(row.type),
    outcome: text(row.outcome),
    count: int(row.count),
    wait: json(row.wait) as number[],
    run: json(row.run) as number[],
  };
}

function merge(a: StatRow, b: StatRow): StatRow {
  return {
    ...a,
    count: a.count + b.count,
    wait: addHistograms(a.wait, b.wait),
    run: addHistograms(a.run, b.run),
  };
}
