import {
  type Batch,
  batchKeptUntil,
  emptyBatch,
  hasEnded,
  idOfAnother,
  lookAgain,
  type MemberNote,
  type NewBatch,
  noSuchBatch,
  reviewBatch,
} from "../../domain/batch.ts";
import { invalid } from "../../domain/errors.ts";
import type { NewJob } from "../../domain/job.ts";
import { isUuid } from "../../domain/uuid.ts";
import { withResults } from "../callbacks.ts";
import type {
  BatchChange,
  BatchQuery,
  CreatedBatch,
  Page,
  PruneRequest,
  TellRequest,
  ToldBatches,
} from "../driver.ts";
import { insertJobs } from "./life.ts";
import { addMember, refuseEnded, withNotes } from "./members.ts";
import { compareText, copy, type Tables } from "./tables.ts";

/** Makes a batch with its first jobs. */
export function createBatch(tables: Tables, given: NewBatch, jobs: NewJob[]): CreatedBatch {
  const { id, namespace, parent } = given;
  const existing = tables.batches.get(id);
  if (existing !== undefined) {
    if (existing.namespace !== namespace) throw idOfAnother(given);
    return { outcome: "existing", batch: withNotes(tables, existing), jobs: [] };
  }
  const outer = parent === null ? undefined : tables.batches.get(parent);
  if (parent !== null) {
    if (outer?.namespace !== namespace) throw noSuchBatch(parent, namespace);
    refuseEnded(tables, outer);
  }
  const batch = emptyBatch(copy(given));
  tables.batches.set(id, batch);
  try {
    const results = insertJobs(tables, jobs);
    if (outer !== undefined) addMember(outer);
    if (batch.sealedAt !== null) tables.batchNotes.push(lookAgain(id));
    return { outcome: "created", batch: withNotes(tables, batch), jobs: results };
  } catch (error) {
    tables.batches.delete(id);
    throw error;
  }
}

/** Seals a batch, or notes that it is to be cancelled. */
export function changeBatch(tables: Tables, { namespace, id, change, at }: BatchChange): Batch | undefined {
  const batch = tables.batches.get(id);
  if (batch?.namespace !== namespace) return undefined;
  if (!hasEnded(batch)) {
    batch.sealedAt ??= at;
    if (change === "cancel") batch.cancelRequestedAt ??= at;
    batch.state = "running";
    tables.batchNotes.push(lookAgain(id));
  }
  return withNotes(tables, batch);
}

/** One page of batches. The cursor is the number of the state in the query and the id of the last batch. */
export function listBatches(tables: Tables, query: BatchQuery): Page<Batch> {
  const { namespace, ids, states, types, parent, limit, cursor } = query;
  const parts = states === undefined || parent !== undefined || ids !== undefined ? [null] : states;
  const [start, after] = readCursor(cursor, parts.length);
  const found = parts.flatMap((state, part) =>
    [...tables.batches.values()].filter((batch) =>
      batch.namespace === namespace && (ids?.includes(batch.id) ?? true) &&
      (states?.includes(batch.state) ?? true) && (state === null || batch.state === state) &&
      (types?.includes(batch.type) ?? true) && (parent === undefined || batch.parent === parent) &&
      (part > start || (part === start && (after === "" || batch.id < after)))
    ).sort((a, b) => compareText(b.id, a.id)).map((batch) => ({ part, batch }))
  );
  const items = ids === undefined ? found.slice(0, limit) : found;
  const last = items.at(-1);
  return {
    items: items.map(({ batch }) => withNotes(tables, batch)),
    ...(items.length < found.length && last !== undefined
      ? { nextCursor: JSON.stringify([last.part, last.batch.id]) }
      : {}),
  };
}

function readCursor(cursor: string | undefined, parts: number): [part: number, after: string] {
  if (cursor === undefined) return [0, ""];
  try {
    const [part, after] = JSON.parse(cursor) as [number, string];
    if (part < parts && isUuid(after)) return [part, after];
  } catch {
    // Not JSON: reported below.
  }
  throw invalid("cursor", cursor, "one that the previous page gave for the same query");
}

/** Counts what was noted and does what follows. */
export function tellBatches(tables: Tables, { now, limit }: TellRequest): ToldBatches {
  const noted = tables.batchNotes.splice(0, limit);
  const unfinished = new Set(tables.batchNotes.map(({ batchId }) => batchId));
  const passedOn: MemberNote[] = [];
  const told: ToldBatches = { turns: [], callbacks: [], more: false };
  const groups = [...Map.groupBy(noted, ({ batchId }) => batchId)].sort(([a], [b]) => compareText(a, b));
  for (const [id, notes] of groups) {
    const batch = tables.batches.get(id);
    if (batch === undefined) continue;
    const verdict = reviewBatch(batch, { notes, rest: unfinished.has(id), now });
    tables.batches.set(id, verdict.batch);
    passedOn.push(...verdict.notes);
    told.turns.push(...verdict.turns.map((turn) => ({ batch: copy(verdict.batch), turn })));
    const jobs = copy(verdict.callbacks);
    told.callbacks.push(...withResults(jobs, insertJobs(tables, jobs)));
  }
  tables.batchNotes.push(...passedOn);
  told.more = noted.length === limit || passedOn.length > 0;
  return told;
}

/** Removes batches whose time has passed and that have no jobs any more. */
export function pruneBatches(tables: Tables, { now, retention }: PruneRequest): void {
  const used = new Set([...tables.jobs.values()].map(({ options }) => options.batch));
  for (const [id, batch] of tables.batches) {
    if (!used.has(id) && batchKeptUntil(batch, retention) <= now) tables.batches.delete(id);
  }
}
