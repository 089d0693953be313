import {
  mergeStats,
  type NewStat,
  RESOLUTIONS,
  startOf,
  type StatFold,
  type StatRow,
} from "../../domain/stat.ts";
import type { StatQuery } from "../stat_store.ts";
import type { Dialect } from "./dialect.ts";
import { int, json, text } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";

const MINUTE = RESOLUTIONS[0];

/** {@linkcode StatStore.addStats}. */
export function addStats(d: Dialect, stats: NewStat[]): Script<void> {
  return write(d, stats.map((stat) => ({ ...stat, step: 0 })));
}

function* write(d: Dialect, stats: StatRow[]): Script<void> {
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
    step: "bigint",
  });
  yield* run(
    `insert into ${d.table("stat")} (minute, namespace, queue, type, outcome, count, wait, run, step) ` +
      `select r.minute, r.namespace, r.queue, r.type, r.outcome, r.count, r.wait, r.run, r.step from ${rows}`,
    [JSON.stringify(stats)],
  );
}

/** {@linkcode StatStore.stats}: one statement, so that what is put together meanwhile is there once. */
export function* stats(d: Dialect, query: StatQuery): Script<StatRow[]> {
  const { namespace, from, to, queue, type } = query;
  const params = new Params();
  const overlaps = [0, ...RESOLUTIONS].map((step) =>
    `step = ${step} and minute >= ${d.instant(params.add(startOf(from, Math.max(step, MINUTE))))}`
  );
  const filters = [
    `(${overlaps.join(" or ")})`,
    `minute < ${d.instant(params.add(to))}`,
    `namespace = ${params.add(namespace)}`,
  ];
  if (queue !== undefined) filters.push(`queue = ${params.add(queue)}`);
  if (type !== undefined) filters.push(`type = ${params.add(type)}`);
  const rows = yield* run(
    `select ${columns(d)} from ${d.table("stat")} where ${filters.join(" and ")}`,
    params.values,
  );
  return mergeStats(rows.map(toStat));
}

/** {@linkcode StatStore.foldStats}. Whoever deletes a row has it for himself; what it says is back with the same commit. */
export function* foldStats(d: Dialect, { from, to, before }: StatFold, limit: number): Script<number> {
  const stat = d.table("stat");
  const picked = d.isPlaceIn((place) =>
    `select ${place} from ${stat} s where step = $1 and minute < ${d.instant("$2")} ` +
    `order by step, minute limit $3 ${d.lockFree("s")}`
  );
  const rows = yield* run(`delete from ${stat} where ${picked} returning ${columns(d)}`, [
    from,
    before,
    limit,
  ]);
  if (to !== null) {
    const coarser = rows.map(toStat).map((row) => ({ ...row, step: to, minute: startOf(row.minute, to) }));
    yield* write(d, mergeStats(coarser));
  }
  return rows.length;
}

function columns(d: Dialect): string {
  return `${d.ms("minute")} as minute_ms, namespace, queue, type, outcome, count, step, ` +
    `${d.text("wait")} as wait, ${d.text("run")} as run`;
}

function toStat(row: Row): StatRow {
  return {
    minute: int(row.minute_ms),
    namespace: text(row.namespace),
    queue: text(row.queue),
    type: text(row.type),
    outcome: text(row.outcome),
    count: int(row.count),
    wait: json(row.wait) as number[],
    run: json(row.run) as number[],
    step: Math.max(int(row.step), MINUTE),
  };
}
