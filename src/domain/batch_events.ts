import type { Batch, BatchTurn } from "./batch.ts";
import type { NewEvent } from "./event.ts";

/** Something has happened to a batch: as it is from then on. */
export function batchEvent(turn: BatchTurn, batch: Batch, at: number): NewEvent {
  const { id, namespace, type, origin, state, counts } = batch;
  return {
    kind: `batch.${turn}`,
    at,
    namespace,
    batch: id,
    batchType: type,
    ...(origin === null ? {} : { batchOrigin: origin }),
    batchState: state,
    counts,
  };
}
