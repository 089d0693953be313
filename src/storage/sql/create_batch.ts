import { lookAgain, type NewBatch, noSuchBatch } from "../../domain/batch.ts";
import type { Dialect } from "./dialect.ts";
import { addNotes } from "./batch_rows.ts";
import { insertBatch } from "./batches.ts";
import { addMembers, lockBatches, refuseEnded } from "./join_batches.ts";
import type { Script } from "./script.ts";

/**
 * The first part of {@linkcode BatchStore.createBatch}, before its jobs are inserted; false when there is one with this id.
 *
 * @throws {JobdError} `not_found`, `conflict` for a parent that does not exist or has ended
 */
export function* beginBatch(d: Dialect, batch: NewBatch): Script<boolean> {
  // The batch around it is the older one, so it is locked first here as everywhere.
  const parents = batch.parent === null ? new Map() : yield* lockBatches(d, [batch.parent]);
  if (!(yield* insertBatch(d, batch))) return false;
  // It may have ended already: its jobs may all be there under other batches, or there are none.
  if (batch.sealedAt !== null) yield* addNotes(d, [lookAgain(batch.id)]);
  if (batch.parent === null) return true;
  const parent = parents.get(batch.parent);
  if (parent?.namespace !== batch.namespace) throw noSuchBatch(batch.parent, batch.namespace);
  yield* refuseEnded(d, parent);
  yield* addMembers(d, new Map([[parent.id, 1]]));
  return true;
}
