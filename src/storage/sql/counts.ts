import type { QueueCount } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

/** Rows that are looked at to count one state over all queues, if the cap does not ask for more. */
export const WALK_BOUND = 20_000;

/**
 * {@linkcode Driver.counts}. Only states in which a queue has jobs are named. Available jobs are counted for each queue
 * from its own range of `ready`; the other states by one bounded walk over all queues, so when that walk is cut short
 * every count of the state says that there may be more.
 */
export function* counts(d: Dialect, namespace: string, cap: number): Script<QueueCount[]> {
  const all = yield* available(d, namespace, cap);
  const bound = Math.max(WALK_BOUND, 2 * cap);
  for (const [state, jobs] of walks(d, bound)) {
    const rows = yield* run(
      `select q.name as queue, q.namespace as namespace, count(*) as jobs from (${jobs}) w ` +
        `join ${d.table("queue")} q on q.id = w.queue_id group by q.id, q.name, q.namespace`,
    );
    const cut = rows.reduce((sum, row) => sum + int(row.jobs), 0) >= bound;
    all.push(
      ...rows.filter((row) => row.namespace === namespace).map((row) => toCount(row, state, { cap, cut })),
    );
  }
  return all.sort((a, b) => compare(a.queue, b.queue) || compare(a.state, b.state));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function* available(d: Dialect, namespace: string, cap: number): Script<QueueCount[]> {
  const rows = yield* run(
    "select q.name as queue, (select count(*) from (" +
      `select 1 from ${d.table("ready")} r where r.queue_id = q.id limit $2) capped) as jobs ` +
      `from ${d.table("queue")} q where q.namespace = $1`,
    [namespace, cap + 1],
  );
  return rows.filter((row) => int(row.jobs) > 0).map((row) => toCount(row, "available", { cap, cut: false }));
}

function toCount(
  row: Row,
  state: QueueCount["state"],
  { cap, cut }: { cap: number; cut: boolean },
): QueueCount {
  const jobs = int(row.jobs);
  return { queue: text(row.queue), state, count: Math.min(jobs, cap), capped: cut || jobs > cap };
}

/** For each state, a SELECT that gives queue_id and type of at most `bound` of its jobs. */
export function walks(d: Dialect, bound: number): [QueueCount["state"], string][] {
  const job = d.table("job");
  const rare = (state: "dead" | "cancelled" | "expired"): [QueueCount["state"], string] => [
    state,
    `select queue_id, type from ${job} where ${state}_at is not null order by ${state}_at desc, id desc limit ${bound}`,
  ];
  return [
    [
      "scheduled",
      "select j.queue_id, j.type from (" +
      `select job_id from ${d.table("scheduled")} order by run_at, job_id limit ${bound}) s ` +
      `join ${job} j on j.id = s.job_id`,
    ],
    [
      "blocked",
      `select j.queue_id, j.type from (select job_id from ${d.table("parked")} limit ${bound}) p ` +
      `join ${job} j on j.id = p.job_id`,
    ],
    [
      "running",
      `select j.queue_id, j.type from ${d.table("lease")} l cross join ${d.leaseJobs("l", "e")} ` +
      `join ${job} j on j.id = e.value and j.lease_id = l.id where j.state = 'running' limit ${bound}`,
    ],
    rare("dead"),
    rare("cancelled"),
    rare("expired"),
  ];
}
