import {
  type Batch,
  batchHasEnded,
  CANCELLED_BATCH,
  countNotes,
  hasEnded,
  joinsBatch,
  noSuchBatch,
} from "../../domain/batch.ts";
import type { NewJob } from "../../domain/job.ts";
import { isFinal } from "../../domain/states.ts";
import type { InsertResult } from "../driver.ts";
import { amendJob } from "./amend.ts";
import { compareText, copy, type JobRow, type Tables } from "./tables.ts";

/** Refuses jobs of batches that do not exist or have ended; nothing is inserted yet. */
export function refuseMembers(tables: Tables, jobs: NewJob[]): void {
  const members = jobs.filter(joinsBatch);
  for (const { namespace, options: { batch = "" } } of members) {
    if (tables.batches.get(batch)?.namespace !== namespace) throw noSuchBatch(batch, namespace);
  }
  const groups = [...Map.groupBy(members, ({ options }) => options.batch ?? "")];
  for (const [id, group] of groups.sort(([a], [b]) => compareText(a, b))) {
    const batch = tables.batches.get(id);
    if (batch !== undefined && group.some((job) => !tables.jobs.has(job.id))) refuseEnded(tables, batch);
  }
}

/** One that has ended may be open again, when a member was retried and that was not counted yet. */
export function refuseEnded(tables: Tables, batch: Batch): void {
  if (hasEnded(batch) && withNotes(tables, batch).counts.open === 0) throw batchHasEnded(batch);
}

/** Counts new jobs as members; those of a batch that is being cancelled are cancelled at once. */
export function countMembers(tables: Tables, jobs: NewJob[], results: InsertResult[]): InsertResult[] {
  return results.map((result, at) => {
    const job = jobs[at] as NewJob;
    const batch = tables.batches.get(job.options.batch ?? "");
    if (batch === undefined || result.id !== job.id || result.outcome === "existing") return result;
    addMember(batch);
    const { id, state: from, attempt } = tables.jobs.get(job.id) as JobRow;
    if (batch.cancelRequestedAt === null || isFinal(from)) return result;
    const change = { kind: "cancel", reason: CANCELLED_BATCH } as const;
    amendJob(tables, { id, from, attempt, at: job.createdAt, change });
    return { ...result, state: "cancelled" };
  });
}

/** One member more. */
export function addMember({ counts }: Batch): void {
  counts.total += 1;
  counts.open += 1;
}

/** A copy with the counts of this moment. */
export function withNotes(tables: Tables, batch: Batch): Batch {
  const notes = tables.batchNotes.filter(({ batchId }) => batchId === batch.id);
  return copy({ ...batch, counts: countNotes(batch.counts, notes) });
}
