import {
  type Batch,
  BATCH_STATES,
  type BatchMoment,
  MEMBER_ENDS,
  type MemberEnd,
  type MemberNote,
} from "../../domain/batch.ts";
import type { Dialect } from "./dialect.ts";
import { int, intOrNull, json, text, textOrNull } from "./row.ts";
import { type Row, run, type Script } from "./script.ts";

const INSTANTS = ["created_at", "sealed_at", "cancel_requested_at", "finished_at"];

/** The columns of `batch b` that {@linkcode toBatch} reads. */
export function batchColumns(d: Dialect): string {
  const plain = ["id", "namespace", "type", "state", "parent_id", "total", ...MEMBER_ENDS];
  return [
    ...plain.map((name) => `b.${name} as ${name}`),
    ...["spec", "told"].map((name) => `${d.text(`b.${name}`)} as ${name}`),
    ...INSTANTS.map((name) => `${d.ms(`b.${name}`)} as ${name}_ms`),
  ].join(", ");
}

/** What the document of a batch holds: nothing of it is searched for, or changes. */
export type BatchSpec = Pick<Batch, "origin" | "meta" | "callbacks" | "retentionMs">;

/** Reads a row with the columns of {@linkcode batchColumns}. */
export function toBatch(row: Row): Batch {
  const ends = Object.fromEntries(MEMBER_ENDS.map((end) => [end, int(row[end])])) as Record<
    MemberEnd,
    number
  >;
  const total = int(row.total);
  const open = Object.values(ends).reduce((left, count) => left - count, total);
  return {
    id: text(row.id),
    namespace: text(row.namespace),
    type: text(row.type),
    state: BATCH_STATES.find((state) => state === row.state) ?? "running",
    ...json(row.spec) as unknown as BatchSpec,
    parent: textOrNull(row.parent_id),
    counts: { total, open, ...ends },
    told: json(row.told) as BatchMoment[],
    createdAt: int(row.created_at_ms),
    sealedAt: intOrNull(row.sealed_at_ms),
    cancelRequestedAt: intOrNull(row.cancel_requested_at_ms),
    finishedAt: intOrNull(row.finished_at_ms),
  };
}

/** Notes what {@linkcode BatchStore.tellBatches} is to take into account. */
export function* addNotes(
  d: Dialect,
  notes: MemberNote[],
): Script<void> {
  if (notes.length === 0) return;
  const rows = d.rows("$1", "r", { batch_id: "uuid", state: "text", delta: "integer" });
  yield* run(
    `insert into ${
      d.table("batch_note")
    } (batch_id, state, delta) select r.batch_id, r.state, r.delta from ${rows}`,
    [JSON.stringify(notes.map(({ batchId, state, delta }) => ({ batch_id: batchId, state, delta })))],
  );
}
