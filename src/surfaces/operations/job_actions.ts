import { z } from "zod";
import { JobdError } from "../../domain/errors.ts";
import type { JobAction } from "../../domain/amendment.ts";
import { jobView } from "../views.ts";
import { given, stateFilterFields } from "./filters.ts";
import { manyFields, manyOutput, onMany } from "./many.ts";
import { type Operation, operation } from "./operation.ts";
import { jobId } from "./schemas/common.ts";
import { job } from "./schemas/job.ts";

/** Ids of one request at most. */
const IDS_MAX = 10_000;
/** What may be done to many jobs by id or by filter. */
const ACTIONS = ["cancel", "retry", "run", "archive", "delete"] as const satisfies readonly JobAction[];

/** An action on one job, by its id. */
function action(
  name: Exclude<(typeof ACTIONS)[number], "delete">,
  rest: Pick<Operation, "summary"> & Partial<Pick<Operation, "tool" | "destructive" | "idempotent">>,
): Operation {
  return operation({
    name: `jobs.${name}`,
    role: "operate",
    http: { method: "post", path: `/jobs/{id}/${name}` },
    input: z.strictObject({ id: jobId }),
    output: job,
    async run({ jobd }, { id }) {
      await jobd.jobs[name](id);
      return jobView(await jobd.jobs.get(id));
    },
    ...rest,
  });
}

/** What can be done to jobs. */
export const JOB_ACTION_OPERATIONS: readonly Operation[] = [
  action("cancel", {
    summary: "Cancel a job: one that has not started never starts, a running one is told to stop",
    tool: "cancel_job",
    destructive: true,
    idempotent: true,
  }),
  action("retry", { summary: "Start a new life of a job that has ended", tool: "retry_job" }),
  action("run", { summary: "Let a job that waits for a time run now", tool: "run_job" }),
  action("archive", { summary: "Put a waiting job among the dead letters", tool: "archive_job" }),
  operation({
    name: "jobs.act",
    summary: "Do the same to many jobs",
    details:
      "By ids, or by a filter, which takes the jobs that were created before `until`. With `dryRun`: what would be done, counted up to a cap.",
    role: "operate",
    http: { method: "post", path: "/jobs/actions" },
    tool: "act_on_jobs",
    sweeping: true,
    destructive: true,
    input: z.strictObject({
      action: z.enum(ACTIONS),
      ids: z.array(jobId).max(IDS_MAX).optional(),
      filter: z.strictObject(stateFilterFields).optional(),
      ...manyFields,
    }),
    output: manyOutput,
    async run({ jobd }, { action, ids, filter, ...how }) {
      if ((ids === undefined) === (filter === undefined)) {
        throw new JobdError("invalid_request", "An action needs either ids or a filter");
      }
      const which = ids ?? given(filter ?? {});
      return await onMany(how, {
        preview: (options) => jobd.jobs.preview(action, which, options),
        act: (options) => jobd.jobs[action](which, options),
      });
    },
  }),
];
