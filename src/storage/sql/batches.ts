import { type Batch, emptyBatch, lookAgain, type NewBatch } from "../../domain/batch.ts";
import type { BatchChange } from "../batch_store.ts";
import { addNotes, type BatchSpec } from "./batch_rows.ts";
import type { Dialect } from "./dialect.ts";
import { batchById } from "./list_batches.ts";
import { Params, run, type Script } from "./script.ts";

/** Writes a new batch; false when there is one with its id. */
export function* insertBatch(d: Dialect, given: NewBatch): Script<boolean> {
  const { origin, meta, callbacks, retentionMs, ...batch } = emptyBatch(given);
  const spec: BatchSpec = { origin, meta, callbacks, retentionMs };
  const params = new Params();
  const values = [
    d.uuid(params.add(batch.id)),
    params.add(batch.namespace),
    params.add(batch.type),
    params.add(batch.state),
    params.json(spec),
    batch.parent === null ? "null" : d.uuid(params.add(batch.parent)),
    d.instant(params.add(batch.createdAt)),
    d.instant(params.add(batch.sealedAt)),
  ];
  const rows = yield* run(
    `insert into ${d.table("batch")} (id, namespace, type, state, spec, parent_id, created_at, sealed_at) ` +
      `values (${values.join(", ")}) on conflict (id) do nothing returning id`,
    params.values,
  );
  return rows.length > 0;
}

/** {@linkcode BatchStore.changeBatch}; a note asks {@linkcode BatchStore.tellBatches} to look at it. */
export function* changeBatch(
  d: Dialect,
  { namespace, id, change, at }: BatchChange,
): Script<Batch | undefined> {
  const rows = yield* run(
    `update ${d.table("batch")} set sealed_at = coalesce(sealed_at, ${d.instant("$3")})` +
      (change === "cancel"
        ? `, cancel_requested_at = coalesce(cancel_requested_at, ${d.instant("$3")})`
        : "") +
      `, state = 'running' where id = ${d.uuid("$1")} and namespace = $2 and state in ('open', 'running') ` +
      "returning id",
    [id, namespace, at],
  );
  if (rows.length > 0) yield* addNotes(d, [lookAgain(id)]);
  return yield* batchById(d, { namespace, id });
}
