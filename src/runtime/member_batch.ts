import type { Job } from "../domain/job.ts";
import type { JobRequest } from "../domain/request.ts";
import { type EnqueueOptions, isDefinition, type JobDefinition } from "./definition.ts";
import type { EnqueueFollowUp, FollowUp, MemberBatch } from "./handler.ts";

/** Notes a job that is enqueued with the end of the attempt. */
type Enqueue = (
  job: JobDefinition | JobRequest,
  payload?: unknown,
  options?: EnqueueOptions,
) => Promise<FollowUp>;

/** The batch of a job, for its handler; undefined when it is of none. */
export function memberBatch({ options: { batch: id } }: Job, enqueue: Enqueue): MemberBatch | undefined {
  if (id === undefined) return undefined;
  const add = (job: JobDefinition | JobRequest, payload?: unknown, options?: EnqueueOptions) =>
    isDefinition(job) ? enqueue(job, payload, { ...options, batch: id }) : enqueue({ ...job, batch: id });
  return { id, add: add as EnqueueFollowUp };
}
