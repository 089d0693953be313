import { type Batch, BATCH_STATES, type NewBatch } from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import type {
  BatchChange,
  BatchQuery,
  BatchStateCount,
  BatchStore,
  CreatedBatch,
  InsertResult,
  Page,
  TellRequest,
  ToldBatches,
} from "../driver.ts";
import { stateCount } from "../batch_store.ts";
import { changeBatch, createBatch, listBatches, tellBatches } from "./batches.ts";
import { MemoryTokens } from "./token_operations.ts";
import { copy } from "./tables.ts";

/** The operations on batches in memory. */
export abstract class MemoryBatches extends MemoryTokens implements BatchStore {
  createBatch(batch: NewBatch, jobs: NewJob[]): Promise<CreatedBatch> {
    return this.run(() => {
      const created = createBatch(this.tables, batch, copy(jobs));
      this.#wakeFor(created.jobs);
      return created;
    });
  }

  batches(query: BatchQuery): Promise<Page<Batch>> {
    return this.run(() => listBatches(this.tables, query));
  }

  batchCounts(namespace: string, cap: number): Promise<BatchStateCount[]> {
    return this.run(() => {
      const own = [...this.tables.batches.values()].filter((batch) => batch.namespace === namespace);
      return BATCH_STATES.map((state) =>
        stateCount(state, own.filter((batch) => batch.state === state).length, cap)
      );
    });
  }

  changeBatch(change: BatchChange): Promise<Batch | undefined> {
    return this.run(() => {
      const batch = changeBatch(this.tables, change);
      this.wake("ended");
      return batch;
    });
  }

  tellBatches(request: TellRequest): Promise<ToldBatches> {
    return this.run(() => {
      const told = tellBatches(this.tables, request);
      this.#wakeFor(told.callbacks.map(({ result }) => result));
      return told;
    });
  }

  #wakeFor(inserted: InsertResult[]): void {
    for (const state of ["available", "scheduled"] as const) {
      if (inserted.some((result) => result.state === state)) this.wake(state);
    }
    // Those that gather wait for a time, too.
    if (inserted.some(({ state }) => state === "blocked")) this.wake("scheduled");
    if (inserted.some(({ displaced }) => displaced?.state === "running")) this.wake("cancel");
    if (this.tables.ended.length + this.tables.batchNotes.length > 0) this.wake("ended");
  }
}
