import { z } from "zod";
import type { PlainJob } from "../../runtime/jobd_options.ts";
import type { AnyBatchOptions } from "../../runtime/batch_options.ts";
import { batchView } from "../views.ts";
import { given } from "./filters.ts";
import { BULK_MAX, enqueuedView, keyed, touched } from "./enqueued.ts";
import { type Operation, operation } from "./operation.ts";
import { batch, batchFields, batchState } from "./schemas/batch.ts";
import { cursor, limit, page, texts } from "./schemas/common.ts";
import { enqueued, report } from "./schemas/job.ts";
import { jobRequest } from "./schemas/job_request.ts";

const one = z.strictObject({ id: z.uuid() });
const jobs = z.array(jobRequest).max(BULK_MAX);

/** Jobs that are tracked as one unit. */
export const BATCH_OPERATIONS: readonly Operation[] = [
  operation({
    name: "batches.create",
    summary: "Create jobs that are tracked as one unit, all or none",
    role: "enqueue",
    http: { method: "post", path: "/batches", status: 201 },
    tool: "create_batch",
    bulk: true,
    input: z.strictObject({ jobs: jobs.default([]), ...batchFields }),
    output: z.object({
      id: z.uuid(),
      outcome: z.enum(["created", "existing"]),
      jobs: z.array(enqueued),
    }),
    touches: ({ jobs, onComplete, onFinish, onDead }) =>
      [...jobs, onComplete, onFinish, onDead].filter((job) => job !== undefined).map(touched),
    async run(call, { jobs, ...options }) {
      const made = await call.jobd.batch(
        jobs.map((request) => given(request) as PlainJob),
        { ...keyed(call, 0), ...given(options) } as AnyBatchOptions,
      );
      return { id: made.id, outcome: made.outcome, jobs: made.jobs.map(enqueuedView) };
    },
  }),
  operation({
    name: "batches.list",
    summary: "List batches, newest first",
    role: "read",
    http: { method: "get", path: "/batches" },
    tool: "list_batches",
    input: z.strictObject({
      state: z.union([z.array(batchState), batchState]).optional(),
      type: texts.optional(),
      parent: z.uuid().optional(),
      limit,
      cursor,
    }),
    output: page(batch),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.batches.page(given(input));
      return { items: items.map(batchView), ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  }),
  operation({
    name: "batches.get",
    summary: "One batch, with how its members stand",
    details: "`GET /jobs?batch={id}` lists its members.",
    role: "read",
    http: { method: "get", path: "/batches/{id}" },
    tool: "get_batch",
    input: one,
    output: batch,
    run: async ({ jobd }, { id }) => batchView(await jobd.batches.get(id)),
  }),
  operation({
    name: "batches.add",
    summary: "Add jobs to a batch that has not ended, all or none",
    role: "enqueue",
    http: { method: "post", path: "/batches/{id}/jobs", status: 201 },
    tool: "add_to_batch",
    bulk: true,
    input: z.strictObject({ id: z.uuid(), jobs }),
    output: z.object({ items: z.array(enqueued) }),
    touches: ({ jobs }) => jobs.map(touched),
    async run(call, { id, jobs }) {
      const requests = jobs.map((request, at) => ({ ...keyed(call, at), ...given(request) }) as PlainJob);
      return { items: (await call.jobd.batches.add(id, requests)).map(enqueuedView) };
    },
  }),
  operation({
    name: "batches.seal",
    summary: "Say that all jobs have been added: the batch ends when its members have",
    role: "enqueue",
    http: { method: "post", path: "/batches/{id}/seal" },
    tool: "seal_batch",
    idempotent: true,
    input: one,
    output: batch,
    run: async ({ jobd }, { id }) => batchView(await jobd.batches.seal(id)),
  }),
  operation({
    name: "batches.cancel",
    summary: "Cancel all members that wait and tell those that run to stop",
    role: "operate",
    http: { method: "post", path: "/batches/{id}/cancel" },
    tool: "cancel_batch",
    sweeping: true,
    idempotent: true,
    destructive: true,
    input: one,
    output: batch,
    run: async ({ jobd }, { id }) => batchView(await jobd.batches.cancel(id)),
  }),
  operation({
    name: "batches.retry",
    summary: "Retry all members that are dead",
    role: "operate",
    http: { method: "post", path: "/batches/{id}/retry" },
    tool: "retry_batch",
    input: one,
    output: report,
    run: ({ jobd }, { id }) => jobd.batches.retry(id),
  }),
];
