import type { QueueName } from "../driver.ts";
import { among, type Dialect } from "./dialect.ts";
import { run, type Script } from "./script.ts";

// The row of a removed queue stays: other processes, and transactions under way, know its id, and a job that they bring must
// not be without a queue.

/** Whether the queue row named `alias` is one that people see. A job of a transaction that ended late shows it, too. */
export function isListed(d: Dialect, alias: string): string {
  return `(${alias}.removed_at is null or ` +
    `exists (select 1 from ${d.table("ready")} r where r.queue_id = ${alias}.id))`;
}

/** {@linkcode Driver.removeQueue}. */
export function* removeQueue(d: Dialect, { namespace, name }: QueueName, at: number): Script<boolean> {
  const rows = yield* run(
    `update ${d.table("queue")} as q set removed_at = ${
      d.instant("$3")
    }, paused_at = null, settings = '{}' ` +
      `where namespace = $1 and name = $2 and ${isListed(d, "q")} returning id`,
    [namespace, name, at],
  );
  return rows.length > 0;
}

/** Queues that jobs have come into are there again, since `at`. */
export function* restoreQueues(d: Dialect, ids: Iterable<number>, at: number): Script<void> {
  const given = [...new Set(ids)];
  if (given.length === 0) return;
  yield* run(
    `update ${d.table("queue")} set removed_at = null, created_at = ${d.instant("$2")} ` +
      `where removed_at is not null and id ${among(d, "$1", "bigint")}`,
    [JSON.stringify(given.map(String)), at],
  );
}
