import { idOfAnother, type NewBatch } from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import type { CreatedBatch, TellRequest, ToldBatches } from "../driver.ts";
import { withResults } from "../callbacks.ts";
import { batchById } from "../sql/list_batches.ts";
import { beginBatch } from "../sql/create_batch.ts";
import { countBatches } from "../sql/tell_batches.ts";
import type { Connections } from "./connections.ts";
import { postgresDialect } from "./dialect.ts";
import type { Inserted, Inserter } from "./inserter.ts";
import type { Names } from "./names.ts";
import { drive } from "./scripts.ts";

/** What operations on batches need. */
export interface BatchSite {
  /** Where statements run. */
  connections: Connections;
  /** What tables are called. */
  names: Names;
  /** Inserts their jobs. */
  inserter: Inserter;
}

/** An answer, and what the inserted jobs mean for others. */
export interface WithEffects<T> {
  /** The answer. */
  answer: T;
  /** Effects of the inserted jobs. */
  effects: Omit<Inserted, "results">;
}

/** {@linkcode BatchStore.createBatch}, in one transaction; queues are created before it. */
export async function createBatch(
  { connections, names, inserter }: BatchSite,
  batch: NewBatch,
  jobs: NewJob[],
): Promise<WithEffects<CreatedBatch>> {
  const dialect = postgresDialect(names);
  const entries = await inserter.prepare(jobs);
  return await connections.transaction(async (run) => {
    const made = await drive(run, beginBatch(dialect, batch));
    const { results, ...effects } = await inserter.insertWithin(run, made ? entries : []);
    const now = await drive(run, batchById(dialect, batch));
    if (now === undefined) throw idOfAnother(batch);
    // Without jobs it may have ended: nobody else will say so.
    const ended = effects.ended === true || jobs.length === 0;
    const outcome = made ? "created" : "existing";
    return { answer: { outcome, batch: now, jobs: results }, effects: { ...effects, ended } };
  });
}

/** {@linkcode BatchStore.tellBatches}, in one transaction. */
export async function tellBatches(
  { connections, names, inserter }: BatchSite,
  request: TellRequest,
): Promise<WithEffects<ToldBatches>> {
  return await connections.transaction(async (run) => {
    const { callbacks, ...told } = await drive(run, countBatches(postgresDialect(names), request));
    const entries = await inserter.prepare(callbacks);
    const { results, ...effects } = await inserter.insertWithin(run, entries);
    return { answer: { ...told, callbacks: withResults(callbacks, results) }, effects };
  });
}
