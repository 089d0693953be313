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
const failures = z.array(z.object({ id: z.string(), code: z.string(), reason: z.string() }));
const counts = z.object({ succeeded: z.int(), failed: z.int() });
export const report = z.object({
  succeeded: z.array(z.string()).meta({ description: "of an action by filter the first 1000" }),
  failed: failures.meta({ description: "of an action by filter the first 1000" }),
  counts: counts.meta({ description: "all of them, listed or not" }),
  stopped: z.enum(["limit", "signal"]).optional().meta({ description: "why it ended before all were done" }),
}).meta({ id: "ActionReport" });

/** What an action would do. */
export const actionPreview = z.object({
  dryRun: z.literal(true),
  matched: z.int(),
  capped: z.boolean().meta({ description: "whether there are more than that" }),
  counts: counts.meta({ description: "to how many it would be done, and to how many not" }),
  items: z.array(job).meta({ description: "the first of them" }),
  failed: failures.meta({ description: "the first of those to which it would not be done" }),
  until: instant.meta({ description: "give it to the action, and it is for the same jobs" }),
}).meta({ id: "ActionPreview" });
