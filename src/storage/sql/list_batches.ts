import { type Batch, BATCH_STATES, type BatchState, countNotes, MEMBER_ENDS } from "../../domain/batch.ts";
import { invalid } from "../../domain/errors.ts";
import { isUuid } from "../../domain/uuid.ts";
import { type BatchQuery, type BatchStateCount, stateCount } from "../batch_store.ts";
import type { Page } from "../driver.ts";
import { batchColumns, toBatch } from "./batch_rows.ts";
import { badCursor, readCursor, writeCursor } from "./cursor.ts";
import { among, type Dialect } from "./dialect.ts";
import { int } from "./row.ts";
import { Params, type Row, run, type Script } from "./script.ts";
import { type Key, type Piece, type Source, walk } from "./walk.ts";

/** Batches that one page looks at. */
const PAGE_BOUND = 5_000;

/** Below and above every id. */
const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** What is noted about `batch b` and not counted yet, in the same statement, so that nothing is missed or counted twice. */
function noteColumns(d: Dialect): string {
  return MEMBER_ENDS.map((end) =>
    `(select sum(n.delta) from ${d.table("batch_note")} n where n.batch_id = b.id and n.state = '${end}') ` +
    `as noted_${end}`
  ).join(", ");
}

function withNotes(row: Row): Batch {
  const batch = toBatch(row);
  const notes = MEMBER_ENDS.map((state) => ({ state, delta: int(row[`noted_${state}`] ?? 0) }));
  return { ...batch, counts: countNotes(batch.counts, notes) };
}

/** {@linkcode BatchStore.batches}. */
export function* batches(d: Dialect, query: BatchQuery): Script<Page<Batch>> {
  if (query.ids !== undefined) return { items: yield* named(d, query, query.ids) };
  const { states, parent, limit, cursor } = query;
  const parts: (BatchState | null)[] = states === undefined || parent !== undefined ? [null] : states;
  const start = readCursor(cursor);
  if (start.part > 0 && start.part >= parts.length) throw badCursor(cursor);
  const items: Batch[] = [];
  for (const [part, state] of parts.entries()) {
    if (part < start.part) continue;
    if (items.length >= limit) return { items, nextCursor: writeCursor({ part, key: null }) };
    const after = part === start.part ? start.key : null;
    const piece = yield* stretch(d, query, { state, after, limit: limit - items.length });
    items.push(...piece.rows.map(withNotes));
    if (piece.end !== null) return { items, nextCursor: writeCursor({ part, key: piece.end }) };
  }
  return { items };
}

function* named(d: Dialect, query: BatchQuery, ids: string[]): Script<Batch[]> {
  const params = new Params();
  const filters = [...conditions(d, query, params), `b.id ${among(d, params.json(ids), "uuid")}`];
  const rows = yield* run(
    `select ${batchColumns(d)}, ${noteColumns(d)} from ${d.table("batch")} b where ${
      filters.join(" and ")
    } ` +
      "order by b.id desc",
    params.values,
  );
  return rows.map(withNotes);
}

/** One piece of those in a state, of those inside a batch, or of all. */
function* stretch(
  d: Dialect,
  query: BatchQuery,
  { state, after, limit }: { state: BatchState | null; after: Key | null; limit: number },
): Script<Piece> {
  const { namespace, parent } = query;
  if (parent !== undefined && !isUuid(parent)) throw invalid("batch", parent, "the id of a batch");
  const params = new Params();
  const filters = conditions(d, query, params);
  const columns = `${batchColumns(d)}, ${noteColumns(d)}`;
  const source: Source = {
    from: `${d.table("batch")} b`,
    join: "",
    key: [{ name: "b.id", type: "uuid" }],
    order: "desc",
    // The id is checked: a walk has no parameters of its own.
    ...(parent === undefined ? {} : { where: `b.parent_id = ${d.uuid(`'${parent}'`)}` }),
  };
  const options = { columns, filters, params, limit, bound: PAGE_BOUND };
  if (state === null) return yield* walk(d, source, { ...options, after });
  const key: Source["key"] = [{ name: "b.namespace", type: "text" }, { name: "b.state", type: "text" }];
  return yield* walk(d, { ...source, key: [...key, ...source.key] }, {
    ...options,
    after: after ?? [namespace, state, LAST_ID],
    until: [namespace, state, FIRST_ID],
  });
}

function conditions(d: Dialect, { namespace, states, types }: BatchQuery, params: Params): string[] {
  const filters = [`b.namespace = ${params.add(namespace)}`];
  if (states !== undefined) filters.push(`b.state ${among(d, params.json(states), "text")}`);
  if (types !== undefined) filters.push(`b.type ${among(d, params.json(types), "text")}`);
  return filters;
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
