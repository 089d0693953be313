import { z } from "zod";
import { parseDuration } from "../../domain/duration.ts";
import { JobdError } from "../../domain/errors.ts";
import type { JobUpdate } from "../../domain/job_update.ts";
import type { JobRequest } from "../../domain/request.ts";
import { isFinal } from "../../domain/states.ts";
import { executionView, jobView, logView } from "../views.ts";
import { given, stateFilterFields } from "./filters.ts";
import { BULK_MAX, enqueuedView, keyed, touched } from "./enqueued.ts";
import { type Operation, operation } from "./operation.ts";
import { cursor, done, duration, jobId, json, limit, page } from "./schemas/common.ts";
import { enqueued, execution, job, logChunk, state } from "./schemas/job.ts";
import { jobRequest, updateFields } from "./schemas/job_request.ts";

/** The longest that an answer is waited for. */
const WAIT_MAX_MS = 60_000;
/** Pieces of a log in one answer. */
const LOG_CHUNKS = 200;

const one = z.strictObject({ id: jobId });

/** Jobs: make them, look at them. */
export const JOB_OPERATIONS: readonly Operation[] = [
  operation({
    name: "jobs.enqueue",
    summary: "Create a job",
    role: "enqueue",
    http: { method: "post", path: "/jobs", status: 201 },
    tool: "enqueue_job",
    input: jobRequest,
    output: enqueued,
    touches: (input) => [touched(input)],
    async run(call, input) {
      return enqueuedView(await call.jobd.enqueue({ ...keyed(call, 0), ...given(input) } as JobRequest));
    },
  }),
  operation({
    name: "jobs.enqueueMany",
    summary: "Create many jobs, all or none",
    role: "enqueue",
    http: { method: "post", path: "/jobs/bulk", status: 201 },
    tool: "enqueue_jobs",
    bulk: true,
    input: z.strictObject({
      jobs: z.array(jobRequest).max(BULK_MAX),
      spread: duration.optional().meta({ description: "starts are distributed evenly over this time" }),
    }),
    output: z.object({ items: z.array(enqueued) }),
    touches: ({ jobs }) => jobs.map(touched),
    async run(call, { jobs, spread }) {
      const requests = jobs.map((request, at) => ({ ...keyed(call, at), ...given(request) }) as JobRequest);
      return { items: (await call.jobd.enqueueMany(requests, given({ spread }))).map(enqueuedView) };
    },
  }),
  operation({
    name: "jobs.list",
    summary: "List jobs",
    details:
      "A page looks at a bounded number of rows: it may hold fewer jobs than wanted and still have a cursor.",
    role: "read",
    http: { method: "get", path: "/jobs" },
    tool: "list_jobs",
    input: z.strictObject({ ...stateFilterFields, limit, cursor }),
    output: page(job),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.jobs.page(given(input));
      return { items: items.map(jobView), ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  }),
  operation({
    name: "jobs.get",
    summary: "One job",
    role: "read",
    http: { method: "get", path: "/jobs/{id}" },
    tool: "get_job",
    input: one,
    output: job,
    run: async ({ jobd }, { id }) => jobView(await jobd.jobs.get(id)),
  }),
  operation({
    name: "jobs.update",
    summary: "Change a job that waits",
    details: "What is left out stays; null takes a setting away.",
    role: "operate",
    http: { method: "patch", path: "/jobs/{id}" },
    tool: "update_job",
    input: z.strictObject({ id: jobId, ...updateFields }),
    output: job,
    async run({ jobd }, { id, ...update }) {
      await jobd.jobs.update(id, given(update) as JobUpdate);
      return jobView(await jobd.jobs.get(id));
    },
  }),
  operation({
    name: "jobs.executions",
    summary: "Attempts of a job, oldest first",
    role: "read",
    http: { method: "get", path: "/jobs/{id}/executions" },
    tool: "get_job_executions",
    input: one,
    output: z.object({ items: z.array(execution) }),
    run: async ({ jobd }, { id }) => ({ items: (await jobd.executions.of(id)).map(executionView) }),
  }),
  operation({
    name: "jobs.logs",
    summary: "What a job printed",
    details: "As text/event-stream: goes on until the job has ended.",
    role: "read",
    http: { method: "get", path: "/jobs/{id}/logs" },
    tool: "get_job_logs",
    input: z.strictObject({
      id: jobId,
      after: z.string().regex(/^\d{1,9}:\d{1,9}$/).optional().meta({
        description: "only what comes after this piece, as attempt:seq",
      }),
      limit: z.int().min(1).max(LOG_CHUNKS).default(LOG_CHUNKS).meta({ description: "pieces of an answer" }),
    }),
    output: z.object({ items: z.array(logChunk), after: z.string().optional() }),
    async run({ jobd }, { id, after, limit }) {
      await jobd.jobs.get(id);
      const items = [];
      for await (const chunk of jobd.jobs.logs(id, position(after))) {
        items.push(chunk);
        if (items.length === limit) break;
      }
      const last = items.at(-1);
      return { items: items.map(logView), ...(last === undefined ? {} : { after: place(last) }) };
    },
    async *stream({ jobd, signal }, { id, after }) {
      for await (const chunk of jobd.jobs.logs(id, { ...position(after), follow: true, signal })) {
        yield { id: place(chunk), event: "log", data: logView(chunk) };
      }
      if (!signal.aborted) yield { event: "end", data: { state: (await jobd.jobs.get(id)).state } };
    },
  }),
  operation({
    name: "jobs.result",
    summary: "What came of a job, waiting for its end",
    role: "read",
    http: { method: "get", path: "/jobs/{id}/result" },
    tool: "wait_for_job",
    toolDefaults: { wait: "30s" },
    input: z.strictObject({
      id: jobId,
      wait: duration.default("0s").meta({ description: "how long at most, up to 60s" }),
    }),
    output: z.object({ id: z.uuid(), state, finished: z.boolean(), result: json, error: job.shape.error }),
    async run({ jobd, signal }, { id, wait }) {
      const timeoutMs = Math.min(parseDuration(wait, "wait"), WAIT_MAX_MS);
      await jobd.jobs.wait(id, { timeoutMs, signal }).catch((error: unknown) => {
        if (!(error instanceof JobdError) || error.code !== "timed_out") throw error;
      });
      const { state, result, error } = await jobd.jobs.get(id);
      return { id, state, finished: isFinal(state), result, error };
    },
  }),
  operation({
    name: "jobs.delete",
    summary: "Remove a job with its history",
    role: "operate",
    http: { method: "delete", path: "/jobs/{id}" },
    tool: "delete_job",
    destructive: true,
    input: one,
    output: done,
    async run({ jobd }, { id }) {
      await jobd.jobs.delete(id);
      return {};
    },
  }),
];

function position(after: string | undefined): { after?: { attempt: number; seq: number } } {
  const [attempt, seq] = after?.split(":").map(Number) ?? [];
  return attempt === undefined || seq === undefined ? {} : { after: { attempt, seq } };
}

function place({ attempt, seq }: { attempt: number; seq: number }): string {
  return `${attempt}:${seq}`;
}
