import type { Amendment } from "../../domain/amendment.ts";
import {
  type Batch,
  batchHasEnded,
  CANCELLED_BATCH,
  hasEnded,
  joinsBatch,
  noSuchBatch,
} from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import { isFinal, type JobState } from "../../domain/states.ts";
import type { InsertResult } from "../driver.ts";
import { amend } from "./amend.ts";
import { batchColumns, toBatch } from "./batch_rows.ts";
import { batchById } from "./list_batches.ts";
import { among, type Dialect } from "./dialect.ts";
import { run, type Script } from "./script.ts";

/** The batches that jobs of an insert are to join, by id; nobody else changes them until the transaction ends. */
export type Joined = ReadonlyMap<string, Batch>;

/**
 * Locks the batches that jobs are to join. It comes before everything else that a transaction locks, and in the order of
 * the ids, so that two of them never wait for each other.
 *
 * @throws {JobdError} `not_found`, `conflict` when one has ended
 */
export function* lockJoined(d: Dialect, jobs: readonly NewJob[]): Script<Joined> {
  const members = jobs.filter(joinsBatch);
  if (members.length === 0) return new Map();
  const found = yield* lockBatches(d, [...new Set(members.map(({ options }) => options.batch as string))]);
  for (const { namespace, options } of members) {
    const batch = found.get(options.batch as string);
    if (batch === undefined || batch.namespace !== namespace) {
      throw noSuchBatch(options.batch as string, namespace);
    }
  }
  for (const batch of found.values()) {
    const ids = members.flatMap(({ id, options }) => options.batch === batch.id ? [id] : []);
    if (hasEnded(batch) && !(yield* allExist(d, ids))) yield* refuseEnded(d, batch);
  }
  return found;
}

/** A call that is repeated, because its answer was lost, adds nothing. */
function* allExist(d: Dialect, ids: string[]): Script<boolean> {
  const rows = yield* run(
    `select j.id from ${d.table("job")} j where j.id ${among(d, "$1", "uuid")}`,
    [JSON.stringify(ids)],
  );
  return rows.length === new Set(ids).size;
}

/** Locks batches until the transaction ends; unknown ones are absent. */
export function* lockBatches(d: Dialect, ids: string[]): Script<Map<string, Batch>> {
  const rows = yield* run(
    `select ${batchColumns(d)} from ${d.table("batch")} b where b.id ${among(d, "$1", "uuid")} ` +
      `order by b.id ${d.lock("b")}`,
    [JSON.stringify(ids)],
  );
  return new Map(rows.map(toBatch).map((batch) => [batch.id, batch]));
}

/** One that has ended may be open again, when a member was retried and that was not counted yet. */
export function* refuseEnded(d: Dialect, batch: Batch): Script<void> {
  if (!hasEnded(batch)) return;
  const now = yield* batchById(d, batch);
  if (now === undefined || now.counts.open === 0) throw batchHasEnded(batch);
}

/** Counts members, jobs or batches, that a locked batch has got. */
export function* addMembers(d: Dialect, counts: ReadonlyMap<string, number>): Script<void> {
  if (counts.size === 0) return;
  const rows = d.rows("$1", "r", { batch_id: "uuid", members: "integer" });
  yield* run(
    `update ${d.table("batch")} as b set total = b.total + r.members from ${rows} where b.id = r.batch_id`,
    [JSON.stringify([...counts].map(([batch_id, members]) => ({ batch_id, members })))],
  );
}

/**
 * Counts jobs that were inserted just now, in this transaction, as members; gives the states of those that are cancelled at
 * once because their batch is.
 */
export function* countJoined(
  d: Dialect,
  joined: Joined,
  { jobs, results }: { jobs: readonly NewJob[]; results: readonly InsertResult[] },
): Script<Map<string, JobState>> {
  const members = jobs.flatMap((job, at) => {
    const { id, outcome, state } = results[at] as InsertResult;
    return joinsBatch(job) && id === job.id && outcome !== "existing" ? [{ job, state }] : [];
  });
  const groups = Map.groupBy(members, ({ job }) => job.options.batch as string);
  yield* addMembers(d, new Map([...groups].map(([id, group]) => [id, group.length])));
  const cancelled = members.flatMap(({ job: { id, createdAt: at, options }, state: from }): Amendment[] =>
    joined.get(options.batch as string)?.cancelRequestedAt == null || isFinal(from)
      ? []
      : [{ id, from, attempt: 0, at, change: { kind: "cancel", reason: CANCELLED_BATCH } }]
  );
  if (cancelled.length > 0) yield* amend(d, cancelled);
  return new Map(cancelled.map(({ id }) => [id, "cancelled"]));
}
