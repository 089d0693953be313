import { JobdError } from "../domain/errors.ts";
import type { JobRequest } from "../domain/request.ts";
import type { DefinedJob, PlainJob } from "./jobd_options.ts";

/** The most jobs in one call of {@linkcode Jobd.enqueueMany}. */
export const BULK_MAX = 10_000;

/** The requests of jobs, some of which are given by their definitions. @throws {JobdError} `invalid_request`, also for too many */
export async function requestsOf(
  items: readonly (PlainJob | DefinedJob<unknown>)[],
): Promise<readonly JobRequest[]> {
  if (items.length > BULK_MAX) {
    throw new JobdError(
      "invalid_request",
      `Too many jobs in one call: ${items.length} are more than ${BULK_MAX}`,
      { hint: "Split them over several calls." },
    );
  }
  return items.some(isDefined)
    ? await Promise.all(items.map((item) => isDefined(item) ? definedRequest(item) : item))
    : items as readonly PlainJob[];
}

/** Whether a job is given by its definition. */
export function isDefined(item: PlainJob | DefinedJob<unknown>): item is DefinedJob<unknown> {
  return typeof item === "object" && item !== null && "job" in item;
}

/** The request of a job that is given by its definition. */
export function definedRequest({ job, payload, ...options }: DefinedJob<unknown>): Promise<JobRequest> {
  return job.request(payload, options);
}
