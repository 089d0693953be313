import { z } from "zod";
import { EXECUTION_OUTCOMES } from "../../../domain/job.ts";
import { JOB_STATES } from "../../../domain/states.ts";
import { instant, jobText, json } from "./common.ts";

/** Where a job is in its life. */
export const state = z.enum(JOB_STATES).meta({ id: "JobState" });

/** Why an attempt did not succeed. */
export const failure = z.object({
  code: z.string(),
  message: jobText,
  stack: jobText.optional(),
  causes: z.array(jobText).optional(),
  data: json.optional(),
  deaths: z.int().optional(),
  retryInMs: z.int().optional(),
}).meta({ id: "Failure" });

/** A job. */
export const job = z.object({
  id: z.uuid(),
  namespace: z.string(),
  queue: z.string(),
  type: z.string(),
  priority: z.int(),
  state,
  payload: json,
  attempt: z.int().meta({ description: "starts so far" }),
  failures: z.int().meta({ description: "failed and lost runs since it was enqueued or retried" }),
  releases: z.int(),
  maxAttempts: z.int(),
  createdAt: instant,
  runAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  expireAt: instant.nullable(),
  cancelRequestedAt: instant.nullable(),
  worker: z.string().nullable(),
  waitingFor: z.string().nullable().meta({ description: "the wait in which its handler is" }),
  blockedBy: z.enum(["jobs", "limit", "wait", "group"]).nullable(),
  options: z.record(z.string(), json).meta({ description: "the rest of its settings" }),
  progress: json,
  result: json,
  error: failure.nullable(),
  sealed: z.string().optional().meta({ description: "why payload and result cannot be read by this server" }),
}).meta({ id: "Job" });

/** What became of a request for a job. */
export const enqueued = z.object({
  id: z.uuid(),
  outcome: z.enum(["created", "existing", "replaced"]),
  state,
  displaced: z.object({ id: z.uuid(), state }).optional(),
}).meta({ id: "Enqueued" });

/** An attempt. */
export const execution = z.object({
  jobId: z.uuid(),
  attempt: z.int(),
  worker: z.string().nullable(),
  startedAt: instant,
  finishedAt: instant.nullable(),
  durationMs: z.number().nullable(),
  outcome: z.enum(EXECUTION_OUTCOMES),
  error: failure.nullable(),
}).meta({ id: "Execution" });

/** A piece of a job's log. */
export const logChunk = z.object({
  attempt: z.int(),
  seq: z.int(),
  at: instant,
  stream: z.enum(["stdout", "stderr", "system"]),
  offset: z.int(),
  text: jobText,
}).meta({ id: "LogChunk" });

/** What became of an action on many jobs. */
export const report = z.object({
  succeeded: z.array(z.string()),
  failed: z.array(z.object({ id: z.string(), code: z.string(), reason: z.string() })),
}).meta({ id: "ActionReport" });
