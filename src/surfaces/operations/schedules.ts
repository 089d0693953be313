import { z } from "zod";
import type { ScheduleOptions } from "../../domain/schedule_request.ts";
import type { ScheduleChange } from "../../runtime/schedules.ts";
import { iso, scheduleView, tickView } from "../views.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { done, instant, name, time } from "./schemas/common.ts";
import { enqueued } from "./schemas/job.ts";
import { schedule, scheduleFields, tickRecord } from "./schemas/schedule.ts";

const one = z.strictObject({ name });

/** Schedules. */
export const SCHEDULE_OPERATIONS: readonly Operation[] = [
  operation({
    name: "schedules.list",
    summary: "All schedules",
    role: "read",
    http: { method: "get", path: "/schedules" },
    tool: "list_schedules",
    input: z.strictObject({}),
    output: z.object({ items: z.array(schedule) }),
    run: async ({ jobd }) => ({ items: (await jobd.schedules.list()).map(scheduleView) }),
  }),
  operation({
    name: "schedules.create",
    summary: "Create a schedule",
    role: "operate",
    http: { method: "post", path: "/schedules", status: 201 },
    tool: "create_schedule",
    input: z.strictObject({ name, paused: z.boolean().optional(), ...scheduleFields }),
    output: schedule,
    run: async ({ jobd }, { name, ...input }) =>
      scheduleView(await jobd.schedules.create(name, given(input) as ScheduleOptions)),
  }),
  operation({
    name: "schedules.get",
    summary: "One schedule",
    role: "read",
    http: { method: "get", path: "/schedules/{name}" },
    tool: "get_schedule",
    input: one,
    output: schedule,
    run: async ({ jobd }, { name }) => scheduleView(await jobd.schedules.get(name)),
  }),
  operation({
    name: "schedules.update",
    summary: "Change a schedule",
    details: "What is left out stays; null takes a setting away.",
    role: "operate",
    http: { method: "patch", path: "/schedules/{name}" },
    tool: "update_schedule",
    input: z.strictObject({
      name,
      ...Object.fromEntries(
        Object.entries(scheduleFields).map(([key, schema]) => [key, schema.nullable()]),
      ),
    }),
    output: schedule,
    run: async ({ jobd }, { name, ...change }) =>
      scheduleView(await jobd.schedules.update(name as string, given(change) as ScheduleChange)),
  }),
  operation({
    name: "schedules.delete",
    summary: "Remove a schedule with its history; its jobs stay",
    role: "operate",
    http: { method: "delete", path: "/schedules/{name}" },
    tool: "delete_schedule",
    destructive: true,
    input: one,
    output: done,
    async run({ jobd }, { name }) {
      await jobd.schedules.delete(name);
      return {};
    },
  }),
  operation({
    name: "schedules.pause",
    summary: "Pause a schedule",
    role: "operate",
    http: { method: "post", path: "/schedules/{name}/pause" },
    tool: "pause_schedule",
    idempotent: true,
    input: one,
    output: schedule,
    run: async ({ jobd }, { name }) => scheduleView(await jobd.schedules.pause(name)),
  }),
  operation({
    name: "schedules.resume",
    summary: "Let a paused schedule go on with its next tick",
    role: "operate",
    http: { method: "post", path: "/schedules/{name}/resume" },
    tool: "resume_schedule",
    idempotent: true,
    input: one,
    output: schedule,
    run: async ({ jobd }, { name }) => scheduleView(await jobd.schedules.resume(name)),
  }),
  operation({
    name: "schedules.run",
    summary: "Do now what a tick does",
    role: "operate",
    http: { method: "post", path: "/schedules/{name}/run" },
    tool: "run_schedule",
    input: one,
    output: z.object({ job: enqueued.nullable() }),
    async run({ jobd }, { name }) {
      const job = await jobd.schedules.run(name);
      if (job === undefined) return { job: null };
      return { job: { id: job.id, outcome: job.outcome, state: job.state } };
    },
  }),
  operation({
    name: "schedules.backfill",
    summary: "Make the jobs of ticks that have passed and have none",
    role: "operate",
    http: { method: "post", path: "/schedules/{name}/backfill" },
    tool: "backfill_schedule",
    input: z.strictObject({ name, from: time, to: time.optional() }),
    output: z.object({ ticks: z.int(), created: z.int(), existing: z.int() }),
    run: ({ jobd }, { name, from, to }) => jobd.schedules.backfill(name, { from, ...given({ to }) }),
  }),
  operation({
    name: "schedules.next",
    summary: "Coming ticks of a schedule",
    role: "read",
    http: { method: "get", path: "/schedules/{name}/next" },
    tool: "list_schedule_ticks",
    input: z.strictObject({ name, count: z.int().min(1).max(1_000).default(5), from: time.optional() }),
    output: z.object({ items: z.array(instant) }),
    async run({ jobd }, { name, ...options }) {
      const ticks = await jobd.schedules.next(name, given(options));
      return { items: ticks.map((at) => iso(at) ?? "") };
    },
  }),
  operation({
    name: "schedules.history",
    summary: "What became of the latest ticks, newest first",
    role: "read",
    http: { method: "get", path: "/schedules/{name}/history" },
    tool: "get_schedule_history",
    input: z.strictObject({ name, limit: z.int().min(1).max(100).default(20) }),
    output: z.object({ items: z.array(tickRecord) }),
    run: async ({ jobd }, { name, limit }) => ({
      items: (await jobd.schedules.history(name, { limit })).map(tickView),
    }),
  }),
];
