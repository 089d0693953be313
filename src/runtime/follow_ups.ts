import { checkAllowance, inheritedOrigin, withAgent } from "../domain/agent.ts";
import { JobdError } from "../domain/errors.ts";
import type { NewJob } from "../domain/job.ts";
import type { JobRequest } from "../domain/request.ts";
import { failsOnConflict } from "../domain/unique.ts";
import { attemptOver } from "./attempt_over.ts";
import { type EnqueueOptions, type JobDefinition, requestOf } from "./definition.ts";
import type { FollowUp } from "./handler.ts";
import type { Slot } from "./slots.ts";

/** Jobs that one attempt can enqueue with its end. */
const MAX = 10_000;

/** Makes jobs of requests, for the namespace of the worker. */
export type NewJobs = (requests: readonly JobRequest[]) => Promise<NewJob[]>;

/** Notes a job that an attempt wants to be enqueued with its end. */
export async function addFollowUp(
  slot: Slot,
  newJobs: NewJobs,
  wanted: { job: JobDefinition | JobRequest; payload: unknown; options: EnqueueOptions | undefined },
): Promise<FollowUp> {
  const { job, payload, options } = wanted;
  const agent = inheritedOrigin(slot.job);
  const made = (await newJobs([await requestOf(job, payload, options)])).map((one) => ({
    ...one,
    options: withAgent(one.options, agent),
  }));
  if (made.some(failsOnConflict)) {
    throw new JobdError(
      "invalid_request",
      'A job that is enqueued with the end of an attempt cannot say onConflict "fail"',
      {
        hint: "The attempt has done its work by then. Choose another onConflict, or use `jobd.enqueue()`.",
      },
    );
  }
  const own = slot.job.options.batch;
  const other = made.find(({ options: { batch } }) => batch !== undefined && batch !== own);
  if (other !== undefined) {
    throw new JobdError(
      "invalid_request",
      `A job that is enqueued with the end of an attempt cannot join batch ${other.options.batch}: that is not the batch of the attempt`,
      {
        hint: "That batch may have ended by then. Use `jobd.batches.add()`, which does not wait for the end.",
      },
    );
  }
  if (slot.ended) throw attemptOver();
  slot.followUps ??= [];
  if (slot.followUps.length >= MAX) {
    throw new JobdError("invalid_request", `One attempt can enqueue no more than ${MAX} jobs with its end`, {
      hint:
        "Enqueue a job that enqueues the others, or use `jobd.enqueueMany()`, which does not wait for the end.",
    });
  }
  if (agent !== undefined) checkAllowance(agent, slot.followUps.length, made.length);
  slot.followUps.push(...made);
  return { id: made[0]?.id ?? "" };
}
