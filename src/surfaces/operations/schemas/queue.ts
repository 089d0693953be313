import { z } from "zod";
import { JITTERS } from "../../../domain/backoff.ts";
import type { QueueSettings } from "../../../domain/queue.ts";
import { FINAL_STATES } from "../../../domain/states.ts";
import { instant, json } from "./common.ts";

const ms = z.int().min(0);

/** The settings of a queue; durations in milliseconds. */
export const settingsFields = {
  maxAttempts: z.int().optional(),
  backoff: z.strictObject({ baseMs: ms, maxMs: ms, jitter: z.enum(JITTERS) }).optional(),
  timeoutMs: ms.optional(),
  ttlMs: ms.optional(),
  retentionMs: z.strictObject(
    Object.fromEntries(FINAL_STATES.map((state) => [state, ms.optional()])),
  ).optional(),
  ageingMs: ms.optional(),
  priority: z.int().optional().meta({ description: "of jobs that name none" }),
} satisfies Record<keyof QueueSettings, z.ZodType>;

/** A queue with its counts. */
export const queue = z.object({
  namespace: z.string(),
  name: z.string(),
  createdAt: instant,
  pausedAt: instant.nullable(),
  settings: z.object(settingsFields),
  counts: z.record(z.string(), json).meta({
    description: "jobs by state, counted up to 10000; `capped` names the states of which there may be more",
  }),
}).meta({ id: "Queue" });
