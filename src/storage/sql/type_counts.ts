import type { TypeCount } from "../driver.ts";
import { WALK_BOUND, walks } from "./counts.ts";
import type { Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/**
 * {@linkcode Driver.typeCounts}. One bounded walk for each state, over all queues: when it is cut short every count of the
 * state says that there may be more.
 */
export function* typeCounts(d: Dialect, namespace: string, cap: number): Script<TypeCount[]> {
  const bound = Math.max(WALK_BOUND, 2 * cap);
  const available = `select queue_id, type from ${d.table("ready")} limit ${bound}`;
  const all: TypeCount[] = [];
  for (const [state, jobs] of [["available", available] as const, ...walks(d, bound)]) {
    const rows = yield* run(
      `select w.type as type, q.namespace as namespace, count(*) as jobs from (${jobs}) w ` +
        `join ${d.table("queue")} q on q.id = w.queue_id group by w.type, q.namespace`,
    );
    const cut = rows.reduce((sum, row) => sum + int(row.jobs), 0) >= bound;
    for (const row of rows.filter((row) => row.namespace === namespace)) {
      const jobs = int(row.jobs);
      all.push({ type: text(row.type), state, count: Math.min(jobs, cap), capped: cut || jobs > cap });
    }
  }
  return all.sort((a, b) => compare(a.type, b.type) || compare(a.state, b.state));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
