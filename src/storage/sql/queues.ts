import { JobdError } from "../../domain/errors.ts";
import type { Queue, QueueSettings } from "../../domain/queue.ts";
import type { NamespaceRow, QueueChange } from "../driver.ts";
import type { Dialect } from "./dialect.ts";
import { isListed } from "./removed_queues.ts";
import { int, intOrNull, json, text } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

function columns(d: Dialect): string {
  return `namespace, name, ${d.text("settings")} as settings, ${d.ms("paused_at")} as paused_at, ` +
    `${d.ms("created_at")} as created_at`;
}

function toQueue(row: Row): Queue {
  return {
    namespace: text(row.namespace),
    name: text(row.name),
    pausedAt: intOrNull(row.paused_at),
    createdAt: int(row.created_at),
    settings: json(row.settings) as QueueSettings,
  };
}

/** {@linkcode Driver.queues}. */
export function* queues(d: Dialect, namespace: string): Script<Queue[]> {
  const rows = yield* run(
    `select ${columns(d)} from ${d.table("queue")} q where namespace = $1 and ${isListed(d, "q")}`,
    [namespace],
  );
  // Sorted here: databases disagree about the order of text.
  return rows.map(toQueue).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** {@linkcode Driver.namespaces}. */
export function* namespaces(d: Dialect): Script<NamespaceRow[]> {
  const rows = yield* run(
    `select namespace, count(*) as queues, ${d.ms("min(created_at)")} as created_at from ${
      d.table("queue")
    } q ` +
      `where ${isListed(d, "q")} group by namespace`,
    [],
  );
  return rows.map((row) => ({
    name: text(row.namespace),
    queues: int(row.queues),
    createdAt: int(row.created_at),
  })).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** {@linkcode Driver.updateQueue}. */
export function* updateQueue(d: Dialect, change: QueueChange): Script<Queue> {
  const { namespace, name, at, settings, pausedAt } = change;
  yield* run(
    `insert into ${d.table("queue")} (namespace, name, created_at) values ($1, $2, ${d.instant("$3")}) ` +
      "on conflict (namespace, name) do nothing",
    [namespace, name, at],
  );
  const where = "where namespace = $1 and name = $2";
  yield* run(
    `update ${d.table("queue")} set removed_at = null, created_at = ${
      d.instant("$3")
    } ${where} and removed_at is not null`,
    [namespace, name, at],
  );
  if (settings !== undefined) {
    const value = JSON.stringify(settings);
    yield* run(`update ${d.table("queue")} set settings = $3 ${where}`, [namespace, name, value]);
  }
  if (pausedAt !== undefined) {
    yield* run(`update ${d.table("queue")} set paused_at = ${d.instant("$3")} ${where}`, [
      namespace,
      name,
      pausedAt,
    ]);
  }
  const [row] = yield* run(`select ${columns(d)} from ${d.table("queue")} ${where}`, [namespace, name]);
  if (row === undefined) {
    throw new JobdError("conflict", `Queue ${JSON.stringify(name)} was removed at the same moment`);
  }
  return toQueue(row);
}

/** The ids of queues, by {@linkcode queueKey}; those that are not there are created. */
export function* queueIds(
  d: Dialect,
  wanted: { namespace: string; name: string; createdAt: number }[],
): Script<Map<string, number>> {
  if (wanted.length === 0) return new Map();
  // In one order, so that two transactions that create the same queues wait for each other instead of deadlocking.
  const rows = [...new Map(wanted.map((queue) => [queueKey(queue.namespace, queue.name), queue]))]
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { createdAt: created_at, ...queue }]) => ({ ...queue, created_at }));
  const source = d.rows("$1", "r", { namespace: "text", name: "text", created_at: "instant" });
  const missing = `not exists (select 1 from ${
    d.table("queue")
  } q where q.namespace = r.namespace and q.name = r.name)`;
  yield* run(
    `insert into ${d.table("queue")} (namespace, name, created_at) ` +
      `select r.namespace, r.name, r.created_at from ${source} where ${missing} ` +
      "on conflict (namespace, name) do nothing",
    [JSON.stringify(rows)],
  );
  const found = yield* run(
    `select q.id as id, q.namespace as namespace, q.name as name from ${source} ` +
      `join ${d.table("queue")} q on q.namespace = r.namespace and q.name = r.name`,
    [JSON.stringify(rows)],
  );
  return new Map(found.map((row) => [queueKey(text(row.namespace), text(row.name)), int(row.id)]));
}

/** A queue as a key of a map. */
export function queueKey(namespace: string, name: string): string {
  return `${namespace}\n${name}`;
}
