import type { Json } from "../../domain/json.ts";
import type { WorkerRow } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { int, json, text } from "./row.ts";
import { Params, run, type Script } from "./script.ts";

const COLUMNS = [
  "namespace",
  "process",
  "queues",
  "types",
  "concurrency",
  "running",
  "started_at",
  "seen_at",
];

/** {@linkcode Driver.saveWorker}. */
export function* saveWorker(d: Dialect, worker: WorkerRow): Script<void> {
  const params = new Params();
  const values = [
    params.add(worker.id),
    params.add(worker.namespace),
    params.json(worker.process),
    params.json(worker.queues),
    params.json(worker.types),
    params.add(worker.concurrency),
    params.add(worker.running),
    d.instant(params.add(worker.startedAt)),
    d.instant(params.add(worker.seenAt)),
  ];
  yield* run(
    `insert into ${d.table("worker")} (id, ${COLUMNS.join(", ")}) values (${values.join(", ")}) ` +
      `on conflict (id) do update set ${COLUMNS.map((name) => `${name} = excluded.${name}`).join(", ")}`,
    params.values,
  );
}

/** {@linkcode Driver.removeWorker}. */
export function* removeWorker(d: Dialect, id: string): Script<void> {
  yield* run(`delete from ${d.table("worker")} where id = $1`, [id]);
}

/** {@linkcode Driver.workers}. */
export function* workers(d: Dialect, seenAfter: number): Script<WorkerRow[]> {
  const rows = yield* run(
    `select id, namespace, ${d.text("process")} as process, ${d.text("queues")} as queues, ` +
      `${d.text("types")} as types, ` +
      `concurrency, running, ${d.ms("started_at")} as started_at, ${d.ms("seen_at")} as seen_at ` +
      `from ${d.table("worker")} where seen_at >= ${d.instant("$1")} order by started_at, id`,
    [seenAfter],
  );
  return rows.map((row) => ({
    id: text(row.id),
    namespace: text(row.namespace),
    process: json(row.process) as { [key: string]: Json },
    queues: json(row.queues) as WorkerRow["queues"],
    types: json(row.types) as WorkerRow["types"],
    concurrency: int(row.concurrency),
    running: int(row.running),
    startedAt: int(row.started_at),
    seenAt: int(row.seen_at),
  }));
}
