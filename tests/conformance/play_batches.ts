import { JobdError } from "../../src/domain/errors.ts";
import type { Driver } from "../../src/storage/driver.ts";
import type { BatchOperation } from "./random_batches.ts";

/** Does something with batches. */
export async function playBatch(driver: Driver, operation: BatchOperation): Promise<unknown> {
  switch (operation.do) {
    case "createBatch":
      return await refusal(driver.createBatch(operation.batch, operation.jobs));
    case "changeBatch":
      return await driver.changeBatch(operation.change);
    case "tellBatches":
      return await driver.tellBatches({ now: operation.now, limit: 10_000 });
  }
}

/** The answer of a call, or why it was refused. */
export async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.catch((error: unknown) => {
    const codes = ["conflict", "invalid_request", "not_found"];
    if (error instanceof JobdError && codes.includes(error.code)) return error.message;
    throw error;
  });
}
