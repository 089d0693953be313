import { invalid } from "./errors.ts";
import { isUuid } from "./uuid.ts";

/** A batch, by its id or by what `jobd.batch()` has answered. */
export type BatchRef = string | { readonly id: string };

/** The id of a batch. @throws {JobdError} `invalid_request` */
export function parseBatchRef(batch: unknown): string {
  const id = typeof batch === "object" && batch !== null && "id" in batch ? batch.id : batch;
  if (typeof id !== "string" || !isUuid(id)) throw invalid("batch", id, "a batch, or its full id");
  return id;
}
