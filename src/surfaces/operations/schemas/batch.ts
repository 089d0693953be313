import { z } from "zod";
import { BATCH_STATES, MEMBER_ENDS } from "../../../domain/batch.ts";
import type { BatchCallbacks, BatchSettings } from "../../../domain/batch_request.ts";
import { duration, instant, json, name } from "./common.ts";
import { callbackJob } from "./job_request.ts";

/** Where a batch is in its life. */
export const batchState = z.enum(BATCH_STATES).meta({ id: "BatchState" });

/** The fields of {@linkcode BatchSettings} and its callbacks. */
export const batchFields = {
  type: name.optional().meta({ description: "what kind of batch, for people and filters" }),
  id: z.uuid().optional().meta({
    description: "its id; repeating a request with its id makes no second batch",
  }),
  origin: z.string().optional(),
  meta: z.record(z.string(), json).optional(),
  parent: z.uuid().optional().meta({ description: "the batch in which it counts as one member" }),
  open: z.boolean().optional().meta({ description: "stays open for more jobs until it is sealed" }),
  retention: duration.optional(),
  onComplete: callbackJob.optional().meta({ description: "enqueued once, when all members have completed" }),
  onFinish: callbackJob.optional().meta({
    description: "enqueued once, when all members have ended, however",
  }),
  onDead: callbackJob.optional().meta({ description: "enqueued once, when the first member is dead" }),
} satisfies Record<keyof (BatchSettings & BatchCallbacks), z.ZodType>;

const callback = z.object({ id: z.uuid(), type: z.string(), queue: z.string(), enqueued: z.boolean() });

/** A batch. */
export const batch = z.object({
  id: z.uuid(),
  namespace: z.string(),
  type: z.string(),
  state: batchState,
  origin: z.string().nullable(),
  meta: z.record(z.string(), json),
  parent: z.uuid().nullable(),
  counts: z.object({
    total: z.int(),
    open: z.int(),
    ...Object.fromEntries(MEMBER_ENDS.map((end) => [end, z.int()])),
  }),
  callbacks: z.object({
    complete: callback.optional(),
    finish: callback.optional(),
    dead: callback.optional(),
  }),
  retentionMs: z.number().nullable(),
  createdAt: instant,
  sealedAt: instant.nullable(),
  cancelRequestedAt: instant.nullable(),
  finishedAt: instant.nullable(),
}).meta({ id: "Batch" });
