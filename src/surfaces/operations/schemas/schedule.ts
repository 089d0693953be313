import { z } from "zod";
import { MISSED_POLICIES, OVERLAP_POLICIES } from "../../../domain/schedule.ts";
import type { ScheduleOptions } from "../../../domain/schedule_request.ts";
import { duration, instant, json, time } from "./common.ts";
import { scheduledJob } from "./job_request.ts";

/** The fields of {@linkcode ScheduleOptions}. */
export const scheduleFields = {
  cron: z.string().max(1_000).optional().meta({
    description: "when; or every",
    examples: ["0 9 * * 1-5", "@daily"],
  }),
  timezone: z.string().max(255).optional().meta({ description: "whose clocks cron is about; default UTC" }),
  every: duration.optional().meta({ description: "a period, at least 1s; or cron" }),
  anchor: time.optional().meta({ description: "with every: one of the ticks" }),
  startAt: time.optional(),
  endAt: time.optional(),
  jitter: duration.optional(),
  missed: z.enum(MISSED_POLICIES).optional(),
  window: duration.optional().meta({ description: "missed ticks that are older do not take effect" }),
  overlap: z.enum(OVERLAP_POLICIES).optional(),
  pauseAfterFailures: z.int().optional(),
  job: scheduledJob.optional().meta({
    description: "what a tick enqueues; without it ticks are told as events",
  }),
  description: z.string().optional(),
} satisfies Record<keyof ScheduleOptions, z.ZodType>;

/** A schedule. */
export const schedule = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  status: z.enum(["active", "paused", "ended"]),
  source: z.enum(["code", "operator"]),
  overridden: z.boolean().meta({ description: "an operator has changed what a definition in code says" }),
  revision: z.int(),
  pauseReason: z.string().nullable(),
  spec: z.record(z.string(), json),
  nextTick: instant.nullable(),
  lastTick: instant.nullable(),
  waitingTick: instant.nullable(),
  lastJobId: z.string().nullable(),
  failures: z.int(),
  pausedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
}).meta({ id: "Schedule" });

/** An entry of a schedule's history. */
export const tickRecord = z.object({
  number: z.int(),
  tick: instant,
  until: instant.optional(),
  count: z.int().optional(),
  at: instant,
  outcome: z.enum(["started", "emitted", "skipped", "missed", "failed"]),
  reason: z.string().optional(),
  jobId: z.string().optional(),
  manual: z.enum(["run", "backfill"]).optional(),
}).meta({ id: "TickRecord" });
