import { z } from "zod";
import { checkQueueSettings, type Queue } from "../../domain/queue.ts";
import { WAITING_STATES } from "../../domain/states.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import { queueView, type View } from "../views.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { name } from "./schemas/common.ts";
import { queue, settingsFields } from "./schemas/queue.ts";

const one = z.strictObject({ name });

/** Queues. */
export const QUEUE_OPERATIONS: readonly Operation[] = [
  operation({
    name: "queues.list",
    summary: "All queues, with their counts",
    role: "read",
    http: { method: "get", path: "/queues" },
    tool: "list_queues",
    input: z.strictObject({}),
    output: z.object({ items: z.array(queue) }),
    async run({ jobd }) {
      const [queues, counts] = await Promise.all([jobd.queues.list(), jobd.queues.counts()]);
      return { items: queues.map((one) => queueView(one, counts)) };
    },
  }),
  operation({
    name: "queues.create",
    summary: "Create a queue",
    role: "operate",
    http: { method: "post", path: "/queues", status: 201 },
    tool: "create_queue",
    input: z.strictObject({ name, ...settingsFields }),
    output: queue,
    run: async ({ jobd }, { name, ...settings }) =>
      view(jobd, await jobd.queues.create(name, checked(settings))),
  }),
  operation({
    name: "queues.get",
    summary: "One queue, with its counts",
    role: "read",
    http: { method: "get", path: "/queues/{name}" },
    tool: "get_queue_depth",
    input: one,
    output: queue,
    run: async ({ jobd }, { name }) => view(jobd, await jobd.queues.get(name)),
  }),
  operation({
    name: "queues.update",
    summary: "Change settings of a queue",
    details: "What is left out stays; null takes a setting back, so that the program's default holds again.",
    role: "operate",
    http: { method: "patch", path: "/queues/{name}" },
    tool: "update_queue",
    input: z.strictObject({
      name,
      ...Object.fromEntries(
        Object.entries(settingsFields).map(([key, schema]) => [key, schema.nullable()]),
      ),
    }),
    output: queue,
    async run({ jobd }, { name, ...change }) {
      const { settings } = await jobd.queues.get(name as string);
      const merged = Object.entries({ ...settings, ...given(change) }).filter(([, value]) => value !== null);
      return view(jobd, await jobd.queues.update(name as string, checked(Object.fromEntries(merged))));
    },
  }),
  operation({
    name: "queues.pause",
    summary: "Stop starting jobs of a queue; running ones go on",
    role: "operate",
    http: { method: "post", path: "/queues/{name}/pause" },
    idempotent: true,
    tool: "pause_queue",
    input: one,
    output: queue,
    run: async ({ jobd }, { name }) => view(jobd, await jobd.queues.pause(name)),
  }),
  operation({
    name: "queues.resume",
    summary: "Start jobs of a paused queue again",
    role: "operate",
    http: { method: "post", path: "/queues/{name}/resume" },
    idempotent: true,
    tool: "resume_queue",
    input: one,
    output: queue,
    run: async ({ jobd }, { name }) => view(jobd, await jobd.queues.resume(name)),
  }),
  operation({
    name: "queues.drain",
    summary: "Cancel the jobs of a queue that wait; running ones go on",
    role: "operate",
    http: { method: "post", path: "/queues/{name}/drain" },
    tool: "drain_queue",
    sweeping: true,
    idempotent: true,
    destructive: true,
    input: z.strictObject({ name, state: z.array(z.enum(WAITING_STATES)).optional() }),
    output: z.object({ cancelled: z.int(), running: z.int() }),
    run: ({ jobd }, { name, ...options }) => jobd.queues.drain(name, given(options)),
  }),
  operation({
    name: "queues.delete",
    summary: "Remove a queue with its settings and limits",
    details:
      "One that has jobs, or that a schedule names, needs `force`: running jobs are told to stop, all are deleted.",
    role: "operate",
    http: { method: "delete", path: "/queues/{name}" },
    tool: "delete_queue",
    sweeping: true,
    destructive: true,
    input: z.strictObject({ name, force: z.boolean().default(false) }),
    output: z.object({
      deleted: z.int().meta({ description: "jobs that were deleted with it" }),
      schedules: z.array(z.string()).meta({ description: "those whose next tick makes the queue again" }),
    }),
    run: ({ jobd }, { name, force }) => jobd.queues.delete(name, { force }),
  }),
];

function checked(settings: object): ReturnType<typeof checkQueueSettings> {
  return checkQueueSettings(given(settings));
}

async function view(jobd: Jobd, queue: Queue): Promise<View> {
  return queueView(queue, await jobd.queues.counts());
}
