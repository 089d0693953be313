import { idOfAnother, type NewBatch } from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import type { CreatedBatch, TellRequest, ToldBatches } from "../driver.ts";
import { withResults } from "../callbacks.ts";
import { batchById } from "../sql/list_batches.ts";
import { beginBatch } from "../sql/create_batch.ts";
import { countBatches } from "../sql/tell_batches.ts";
import type { Connection } from "./connection.ts";
import { sqliteDialect } from "./dialect.ts";
import { insertJobs } from "./insert.ts";

/** {@linkcode BatchStore.createBatch}, inside a transaction. */
export function createBatch(c: Connection, batch: NewBatch, jobs: NewJob[]): CreatedBatch {
  const made = c.drive(beginBatch(sqliteDialect, batch));
  const results = made && jobs.length > 0 ? insertJobs(c, jobs) : [];
  const now = c.drive(batchById(sqliteDialect, batch));
  if (now === undefined) throw idOfAnother(batch);
  return { outcome: made ? "created" : "existing", batch: now, jobs: results };
}

/** {@linkcode BatchStore.tellBatches}, inside a transaction. */
export function tellBatches(c: Connection, request: TellRequest): ToldBatches {
  const { callbacks, ...told } = c.drive(countBatches(sqliteDialect, request));
  const results = callbacks.length === 0 ? [] : insertJobs(c, callbacks);
  return { ...told, callbacks: withResults(callbacks, results) };
}
