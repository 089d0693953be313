import { z } from "zod";
import { parseDuration } from "../../domain/duration.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import { statsView } from "../cli/actions/stats.ts";
import { executionView, workerView } from "../views.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { cursor, duration, instant, json, limit, name, page } from "./schemas/common.ts";
import { execution } from "./schemas/job.ts";

const worker = z.object({
  id: z.string(),
  namespace: z.string(),
  process: z.record(z.string(), json),
  queues: z.union([z.literal("all"), z.array(z.string())]),
  types: z.union([z.literal("all"), z.array(z.string())]),
  concurrency: z.int(),
  running: z.int(),
  startedAt: instant,
  seenAt: instant,
}).meta({ id: "Worker" });

const quantiles = z.object({ p50: z.number().nullable(), p95: z.number().nullable() });
const stats = z.object({
  at: instant,
  since: instant,
  queues: z.array(z.object({ queue: z.string(), counts: z.record(z.string(), json) })),
  runs: z.array(z.object({
    from: instant.optional(),
    queue: z.string(),
    type: z.string(),
    outcomes: z.record(z.string(), z.int()),
    perMinute: z.number(),
    waitMs: quantiles,
    runMs: quantiles,
  })),
}).meta({ id: "Stats" });

/** Over which time. */
const over = {
  since: duration.default("1h").meta({ description: "how far back ended runs are told of" }),
  step: duration.optional().meta({
    description: "by steps of this time, in whole minutes; default all together",
  }),
};

/** Facts about what goes on. */
export const FACT_OPERATIONS: readonly Operation[] = [
  operation({
    name: "executions.list",
    summary: "Attempts of all jobs, those of the newest jobs first",
    role: "read",
    http: { method: "get", path: "/executions" },
    tool: "list_executions",
    input: z.strictObject({ limit, cursor }),
    output: page(execution),
    async run({ jobd }, input) {
      const { items, nextCursor } = await jobd.executions.page(given(input));
      return { items: items.map(executionView), ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  }),
  operation({
    name: "workers.list",
    summary: "Workers that showed life within the last minute",
    role: "read",
    http: { method: "get", path: "/workers" },
    tool: "list_workers",
    input: z.strictObject({}),
    output: z.object({ items: z.array(worker) }),
    run: async ({ jobd }) => ({ items: (await jobd.workers.list()).map(workerView) }),
  }),
  operation({
    name: "workers.get",
    summary: "One worker",
    role: "read",
    http: { method: "get", path: "/workers/{id}" },
    tool: "get_worker",
    input: z.strictObject({ id: name }),
    output: worker,
    run: async ({ jobd }, { id }) => workerView(await jobd.workers.get(id)),
  }),
  operation({
    name: "stats.get",
    summary: "Counts of jobs, and ended runs with waiting and run times",
    role: "read",
    http: { method: "get", path: "/stats" },
    tool: "get_stats",
    input: z.strictObject(over),
    output: stats,
    run: async ({ jobd }, wanted) => await statsOver(jobd, wanted),
  }),
  operation({
    name: "queues.stats",
    summary: "Counts of the jobs of one queue, and its ended runs",
    role: "read",
    http: { method: "get", path: "/queues/{name}/stats" },
    noTool: "get_stats tells it of all queues, and get_queue_depth of one",
    input: z.strictObject({ name, ...over }),
    output: stats,
    async run({ jobd }, { name, ...wanted }) {
      await jobd.queues.get(name);
      return await statsOver(jobd, wanted, name);
    },
  }),
];

/** What is told of all queues, or of one. */
async function statsOver(
  jobd: Jobd,
  { since, step }: { since: string | number; step?: string | number | undefined },
  only?: string,
): Promise<Record<string, unknown>> {
  const sinceMs = parseDuration(since, "since");
  const stepMs = step === undefined ? undefined : parseDuration(step, "step");
  const all = await jobd.stats({ sinceMs, ...given({ stepMs }) });
  const wanted = ({ queue }: { queue: string }): boolean => only === undefined || queue === only;
  return statsView({ ...all, counts: all.counts.filter(wanted), rows: all.rows.filter(wanted) }, {
    sinceMs,
    stepMs,
  });
}
