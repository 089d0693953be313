import {
  type Batch,
  type BatchVerdict,
  type MemberEnd,
  type MemberNote,
  reviewBatch,
} from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import type { TellRequest, ToldBatches } from "../driver.ts";
import { addNotes } from "./batch_rows.ts";
import { among, type Dialect } from "./dialect.ts";
import { lockBatches } from "./join_batches.ts";
import { int, text } from "./row.ts";
import { run, type Script } from "./script.ts";

/** What was counted: the callbacks are still to be inserted, in the same transaction. */
export interface Counted extends Pick<ToldBatches, "turns" | "more"> {
  /** Callbacks. */
  callbacks: NewJob[];
}

/**
 * {@linkcode BatchStore.tellBatches}, but for inserting the callbacks. Notes of one job come in the order of their numbers,
 * because each was written while that job was locked; so whoever takes the first ones sees each job as it was at some time.
 */
export function* countBatches(d: Dialect, { now, limit }: TellRequest): Script<Counted> {
  const seen = yield* oldestNotes(d, limit);
  const batches = yield* lockBatches(d, [...new Set(seen.map(({ batchId }) => batchId))]);
  const notes = Map.groupBy(yield* takeNotes(d, seen), ({ batchId }) => batchId);
  const touched = [...batches.values()].filter(({ id }) => notes.has(id));
  const unfinished = yield* withMoreNotes(d, touched);
  const verdicts = touched.map((batch) =>
    reviewBatch(batch, { notes: notes.get(batch.id) ?? [], rest: unfinished.has(batch.id), now })
  );
  yield* write(d, verdicts);
  const passedOn = verdicts.flatMap((verdict) => verdict.notes);
  yield* addNotes(d, passedOn);
  return {
    turns: verdicts.flatMap(({ batch, turns }) => turns.map((turn) => ({ batch, turn }))),
    callbacks: verdicts.flatMap((verdict) => verdict.callbacks),
    more: seen.length === limit || passedOn.length > 0,
  };
}

/** Whether there is something to count. */
export function* someNoted(d: Dialect): Script<boolean> {
  return (yield* run(`select 1 as one from ${d.table("batch_note")} limit 1`)).length > 0;
}

function* oldestNotes(d: Dialect, limit: number): Script<{ seq: string; batchId: string }[]> {
  const rows = yield* run(
    `select n.seq as seq, n.batch_id as batch_id from ${
      d.table("batch_note")
    } n order by n.seq limit ${limit}`,
  );
  return rows.map((row) => ({ seq: text(row.seq), batchId: text(row.batch_id) }));
}

/** The notes that nobody else has taken since they were seen, oldest first. */
function* takeNotes(d: Dialect, seen: { seq: string }[]): Script<MemberNote[]> {
  if (seen.length === 0) return [];
  const rows = yield* run(
    `delete from ${d.table("batch_note")} where seq ${among(d, "$1", "bigint")} ` +
      "returning seq, batch_id, state, delta",
    [JSON.stringify(seen.map(({ seq }) => seq))],
  );
  return rows.map((row) => ({
    batchId: text(row.batch_id),
    state: text(row.state) as MemberEnd,
    delta: int(row.delta),
  }));
}

function* withMoreNotes(d: Dialect, batches: Batch[]): Script<Set<string>> {
  if (batches.length === 0) return new Set();
  const rows = yield* run(
    `select v.value as id from ${d.values("$1", "v", "uuid")} ` +
      `where exists (select 1 from ${d.table("batch_note")} n where n.batch_id = v.value)`,
    [JSON.stringify(batches.map(({ id }) => id))],
  );
  return new Set(rows.map((row) => text(row.id)));
}

function* write(d: Dialect, verdicts: BatchVerdict[]): Script<void> {
  if (verdicts.length === 0) return;
  const rows = d.rows("$1", "r", {
    batch_id: "uuid",
    new_state: "text",
    new_told: "json",
    completed: "bigint",
    dead: "bigint",
    cancelled: "bigint",
    expired: "bigint",
    deleted: "bigint",
    new_cancel: "instant",
    new_finish: "instant",
  });
  yield* run(
    `update ${
      d.table("batch")
    } as b set state = r.new_state, told = r.new_told, completed = r.completed, dead = r.dead, ` +
      "cancelled = r.cancelled, expired = r.expired, deleted = r.deleted, cancel_requested_at = r.new_cancel, " +
      `finished_at = r.new_finish from ${rows} where b.id = r.batch_id`,
    [JSON.stringify(verdicts.map(({ batch }) => {
      const { completed, dead, cancelled, expired, deleted } = batch.counts;
      return {
        batch_id: batch.id,
        new_state: batch.state,
        new_told: batch.told,
        ...{ completed, dead, cancelled, expired, deleted },
        new_cancel: batch.cancelRequestedAt,
        new_finish: batch.finishedAt,
      };
    }))],
  );
}
