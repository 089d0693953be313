import { z } from "zod";
import type { JobUpdate } from "../../domain/job_update.ts";
import type { DeadFilter } from "../../runtime/dead_letters.ts";
import type { RetryOptions } from "../../runtime/job_actions.ts";
import { errorGroupView, jobView } from "../views.ts";
import { filterFields, given } from "./filters.ts";
import { manyFields, manyOutput, onMany } from "./many.ts";
import { type Operation, operation } from "./operation.ts";
import { cursor, done, instant, jobId, jobText, limit, page } from "./schemas/common.ts";
import { job } from "./schemas/job.ts";
import { updateFields } from "./schemas/job_request.ts";

const one = z.strictObject({ id: jobId });
const deadFields = {
  ...filterFields,
  group: z.string().optional().meta({ description: "those that failed for this reason: the key of a group" }),
} satisfies Record<keyof DeadFilter, z.ZodType>;

const update = z.strictObject(updateFields).optional().meta({ description: "what is new about them" });

function edits(changes: z.infer<typeof update>): RetryOptions {
  return changes === undefined ? {} : { update: given(changes) as JobUpdate };
}

/** Dead letters. */
export const DEAD_OPERATIONS: readonly Operation[] = [
  operation({
    name: "dead.list",
    summary: "List dead letters, newest first",
    role: "read",
    http: { method: "get", path: "/dlq" },
    tool: "list_dlq",
    input: z.strictObject({ ...deadFields, limit, cursor }),
    output: page(job),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.dead.page(given(input));
      return { items: items.map(jobView), ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  }),
  operation({
    name: "dead.groups",
    summary: "Dead letters by why they failed, the largest groups first",
    role: "read",
    http: { method: "get", path: "/dlq/groups" },
    tool: "list_dlq_groups",
    input: z.strictObject({
      ...deadFields,
      searched: z.int().min(1).max(1_000_000).optional().meta({
        description: "look at so many of the latest ones; default 10000",
      }),
    }),
    output: z.object({
      items: z.array(z.object({
        key: z.string(),
        type: z.string(),
        code: z.string(),
        message: jobText,
        count: z.int(),
        example: z.uuid(),
        firstAt: instant,
        lastAt: instant,
      })),
      searched: z.int(),
      more: z.boolean(),
    }),
    async run({ jobd }, query) {
      const found = await jobd.dead.groups(given(query));
      return { ...found, items: found.items.map(errorGroupView) };
    },
  }),
  operation({
    name: "dead.get",
    summary: "One dead letter",
    role: "read",
    http: { method: "get", path: "/dlq/{id}" },
    tool: "get_dlq_job",
    input: one,
    output: job,
    run: async ({ jobd }, { id }) => jobView(await jobd.dead.get(id)),
  }),
  operation({
    name: "dead.retry",
    summary: "Start a new life of a dead letter",
    details: "With `update`: changed from its beginning.",
    role: "operate",
    http: { method: "post", path: "/dlq/{id}/retry" },
    tool: "retry_dlq_job",
    input: z.strictObject({ id: jobId, update }),
    output: job,
    async run({ jobd }, { id, update }) {
      await jobd.dead.retry(id, edits(update));
      return jobView(await jobd.jobs.get(id));
    },
  }),
  operation({
    name: "dead.retryMany",
    summary: "Start new lives of all dead letters that match",
    details:
      "Without any field: of all. With `update`: changed from its beginning, in another queue for example.",
    role: "operate",
    http: { method: "post", path: "/dlq/retry" },
    tool: "retry_dlq_jobs",
    input: z.strictObject({ ...deadFields, ...manyFields, update }),
    output: manyOutput,
    run: ({ jobd }, { update, dryRun, until, limit, ...fields }) => {
      const filter = given(fields);
      return onMany({ dryRun, until, limit }, {
        preview: (options) => jobd.dead.preview("retry", filter, { ...options, ...edits(update) }),
        act: (options) => jobd.dead.retry(filter, { ...options, ...edits(update) }),
      });
    },
  }),
  operation({
    name: "dead.delete",
    summary: "Remove a dead letter with its history",
    role: "operate",
    http: { method: "delete", path: "/dlq/{id}" },
    tool: "delete_dlq_job",
    destructive: true,
    input: one,
    output: done,
    async run({ jobd }, { id }) {
      await jobd.dead.delete(id);
      return {};
    },
  }),
  operation({
    name: "dead.purge",
    summary: "Remove all dead letters that match",
    details: "Without any field: all. With `dryRun`: what would be removed, counted up to a cap.",
    role: "operate",
    http: { method: "delete", path: "/dlq" },
    tool: "purge_dlq",
    sweeping: true,
    destructive: true,
    input: z.strictObject({ ...deadFields, ...manyFields }),
    output: manyOutput,
    run: ({ jobd }, { dryRun, until, limit, ...fields }) => {
      const filter = given(fields);
      return onMany({ dryRun, until, limit }, {
        preview: (options) => jobd.dead.preview("delete", filter, options),
        act: (options) => jobd.dead.delete(filter, options),
      });
    },
  }),
];
