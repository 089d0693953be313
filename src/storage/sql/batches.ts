import {
  type Batch,
  BATCH_STATES,
  type BatchMoment,
  type BatchState,
  countNotes,
  emptyBatch,
  lookAgain,
  MEMBER_ENDS,
  type MemberEnd,
  type MemberNote,
  type NewBatch,
} from "../../domain/batch.ts";
import { type BatchChange, type BatchQuery, type BatchStateCount, stateCount } from "../batch_store.ts";
import type { Page } from "../driver.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import { among, type Dialect } from "./dialect.ts";
import { int, intOrNull, json, text, textOrNull } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";
import { type Source, walk } from "./walk.ts";

/** Batches that one page looks at. */
const PAGE_BOUND = 5_000;

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

/** What is noted about `batch b` and not counted yet, in the same statement, so that nothing is missed or counted twice. */
function noteColumns(d: Dialect): string {
  return MEMBER_ENDS.map((end) =>
    `(select sum(n.delta) from ${d.table("batch_note")} n where n.batch_id = b.id and n.state = '${end}') ` +
    `as noted_${end}`
  ).join(", ");
}

/** What the document of a batch holds: nothing of it is searched for, or changes. */
type Spec = Pick<Batch, "origin" | "meta" | "callbacks" | "retentionMs">;

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
    ...json(row.spec) as unknown as Spec,
    parent: textOrNull(row.parent_id),
    counts: { total, open, ...ends },
    told: json(row.told) as BatchMoment[],
    createdAt: int(row.created_at_ms),
    sealedAt: intOrNull(row.sealed_at_ms),
    cancelRequestedAt: intOrNull(row.cancel_requested_at_ms),
    finishedAt: intOrNull(row.finished_at_ms),
  };
}

function withNotes(row: Row): Batch {
  const batch = toBatch(row);
  const notes = MEMBER_ENDS.map((state) => ({ state, delta: int(row[`noted_${state}`] ?? 0) }));
  return { ...batch, counts: countNotes(batch.counts, notes) };
}

/** {@linkcode BatchStore.batches}. */
export function* batches(d: Dialect, query: BatchQuery): Script<Page<Batch>> {
  const { states, types, ids, parent, limit, cursor } = query;
  const params = new Params();
  const filters = [`b.namespace = ${params.add(query.namespace)}`];
  if (states !== undefined) filters.push(`b.state ${among(d, params.json(states), "text")}`);
  if (types !== undefined) filters.push(`b.type ${among(d, params.json(types), "text")}`);
  if (ids !== undefined) filters.push(`b.id ${among(d, params.json(ids), "uuid")}`);
  if (parent !== undefined) filters.push(`b.parent_id = ${d.uuid(params.add(parent))}`);
  const columns = `${batchColumns(d)}, ${noteColumns(d)}`;
  if (ids !== undefined) {
    const rows = yield* run(
      `select ${columns} from ${d.table("batch")} b where ${filters.join(" and ")} order by b.id desc`,
      params.values,
    );
    return { items: rows.map(withNotes) };
  }
  const source: Source = {
    from: `${d.table("batch")} b`,
    join: "",
    key: [{ name: "b.id", type: "uuid" }],
    order: "desc",
  };
  const { key: after } = readCursor(cursor);
  const piece = yield* walk(d, source, { columns, filters, params, after, limit, bound: PAGE_BOUND });
  const nextCursor = piece.end === null ? {} : { nextCursor: writeCursor({ part: 0, key: piece.end }) };
  return { items: piece.rows.map(withNotes), ...nextCursor };
}

/** {@linkcode BatchStore.batchCounts}. */
export function* batchCounts(d: Dialect, namespace: string, cap: number): Script<BatchStateCount[]> {
  const one = (state: BatchState): string =>
    `(select count(*) from (select 1 as one from ${
      d.table("batch")
    } where namespace = $1 and state = '${state}' ` +
    `limit ${cap + 1}) c) as ${state}`;
  const [row] = yield* run(`select ${BATCH_STATES.map(one).join(", ")}`, [namespace]);
  return BATCH_STATES.map((state) => stateCount(state, int(row?.[state]), cap));
}

/** One batch, as {@linkcode batches} gives it. */
export function* batchById(
  d: Dialect,
  { namespace, id }: Pick<Batch, "namespace" | "id">,
): Script<Batch | undefined> {
  return (yield* batches(d, { namespace, ids: [id], limit: 1 })).items[0];
}

/** Writes a new batch; false when there is one with its id. */
export function* insertBatch(d: Dialect, given: NewBatch): Script<boolean> {
  const { origin, meta, callbacks, retentionMs, ...batch } = emptyBatch(given);
  const spec: Spec = { origin, meta, callbacks, retentionMs };
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
