import { z } from "zod";
import { jobView } from "../cli/actions/views.ts";
import { filterFields, given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { cursor, done, jobId, limit, page } from "./schemas/common.ts";
import { job, report } from "./schemas/job.ts";

const one = z.strictObject({ id: jobId });

/** Dead letters. */
export const DEAD_OPERATIONS: readonly Operation[] = [
  operation({
    name: "dead.list",
    summary: "List dead letters, newest first",
    role: "read",
    http: { method: "get", path: "/dlq" },
    tool: "list_dlq",
    input: z.strictObject({ ...filterFields, limit, cursor }),
    output: page(job),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.dead.page(given(input));
      return { items: items.map(jobView), ...(nextCursor === undefined ? {} : { nextCursor }) };
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
    role: "operate",
    http: { method: "post", path: "/dlq/{id}/retry" },
    tool: "retry_dlq_job",
    input: one,
    output: job,
    async run({ jobd }, { id }) {
      await jobd.dead.retry(id);
      return jobView(await jobd.jobs.get(id));
    },
  }),
  operation({
    name: "dead.retryMany",
    summary: "Start new lives of all dead letters that match",
    details: "Without any field: of all.",
    role: "operate",
    http: { method: "post", path: "/dlq/retry" },
    input: z.strictObject(filterFields),
    output: report,
    run: ({ jobd }, filter) => jobd.dead.retry(given(filter)),
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
    details: "Without any field: all.",
    role: "operate",
    http: { method: "delete", path: "/dlq" },
    destructive: true,
    input: z.strictObject(filterFields),
    output: report,
    run: ({ jobd }, filter) => jobd.dead.delete(given(filter)),
  }),
];
