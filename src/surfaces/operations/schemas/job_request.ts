import { z } from "zod";
import { JITTERS } from "../../../domain/backoff.ts";
import { PARENT_FAILURES } from "../../../domain/dependency.ts";
import type { JobUpdate } from "../../../domain/job_update.ts";
import { PRIORITY_NAMES } from "../../../domain/priority.ts";
import type { JobRequest } from "../../../domain/request.ts";
import { JOB_STATES } from "../../../domain/states.ts";
import { CONFLICT_POLICIES, REPLACEABLE, STATE_GROUPS, UNIQUE_SCOPES } from "../../../domain/unique.ts";
import { duration, jobId, json, name, time } from "./common.ts";

// What these schemas let through the domain checks again, with the limits that a schema cannot say.

const priority = z.union([z.int(), z.enum(Object.keys(PRIORITY_NAMES) as [string, ...string[]])])
  .meta({ description: "higher runs first; default 0" });

const backoff = z.strictObject({
  base: duration.optional(),
  max: duration.optional(),
  jitter: z.enum(JITTERS).optional(),
});

const after = z.union([
  jobId,
  z.array(jobId),
  z.strictObject({
    jobs: z.union([jobId, z.array(jobId)]),
    any: z.boolean().optional(),
    onFailure: z.enum(PARENT_FAILURES).optional(),
  }),
]);

const group = z.union([
  z.string(),
  z.strictObject({
    key: z.string(),
    size: z.int().optional(),
    maxAge: duration.optional(),
    silence: duration.optional(),
  }),
]);

const unique = z.strictObject({
  key: z.string().optional(),
  fields: z.array(z.string()).optional(),
  scope: z.enum(UNIQUE_SCOPES).optional(),
  per: duration.optional(),
  states: z.array(z.enum([...JOB_STATES, ...STATE_GROUPS])).optional(),
  onConflict: z.enum(CONFLICT_POLICIES).optional(),
  replace: z.array(z.enum(REPLACEABLE)).optional(),
  maxWait: duration.optional(),
  defer: z.boolean().optional(),
});

const meta = z.record(z.string(), json);
const headers = z.record(z.string(), z.string());
const tags = z.array(z.string());
const redact = z.array(z.string()).meta({
  description: "values of payload and result that nobody sees but the handler",
  examples: [["card.number", "items.*.secret"]],
});

const fields = {
  type: name.optional().meta({ description: "which handler runs it; default payload.type, else claude" }),
  payload: json.optional().meta({ description: "what the handler gets; any JSON" }),
  id: jobId.optional().meta({ description: "the job's id; repeating a request with its id is safe" }),
  queue: name.optional(),
  priority: priority.optional(),
  delay: duration.optional().meta({ description: "wait this long before the first start" }),
  runAt: time.optional().meta({ description: "do not start before; not together with delay" }),
  maxAttempts: z.int().optional().meta({ description: "dead after so many failed runs, 1 to 1000" }),
  timeout: duration.optional().meta({ description: "longest run of one attempt" }),
  ttl: duration.optional().meta({ description: "expired unless finished within this time" }),
  backoff: backoff.optional(),
  retention: duration.optional().meta({ description: "how long it is kept after its end, or `forever`" }),
  uniqueKey: z.string().optional().meta({ description: "at most one unfinished job of a type has it" }),
  limitKey: z.string().optional(),
  limitWeight: z.int().optional(),
  unique: unique.optional(),
  batch: z.uuid().optional().meta({ description: "the batch that gets it as a member" }),
  after: after.optional().meta({ description: "jobs that must have completed before" }),
  group: group.optional().meta({ description: "gather the job with others, to be handled together" }),
  tags: tags.optional(),
  origin: z.string().optional(),
  meta: meta.optional(),
  headers: headers.optional(),
  encrypt: z.boolean().optional().meta({ description: "store payload, result and steps encrypted" }),
  redact: redact.optional(),
} satisfies Record<Exclude<keyof JobRequest, "namespace">, z.ZodType>;

/** A request for a job; the namespace is the caller's. */
export const jobRequest = z.strictObject(fields).meta({ id: "JobRequest" });

/** The fields of {@linkcode JobUpdate}; null takes a setting away. */
export const updateFields = {
  queue: fields.queue,
  priority: fields.priority,
  delay: fields.delay,
  runAt: fields.runAt,
  payload: fields.payload,
  maxAttempts: fields.maxAttempts,
  timeout: duration.nullish(),
  ttl: duration.nullish(),
  backoff: backoff.nullish(),
  retention: duration.nullish(),
  limitKey: z.string().nullish(),
  limitWeight: z.int().nullish(),
  tags: tags.nullish(),
  meta: meta.nullish(),
  headers: headers.nullish(),
  redact: redact.optional(),
} satisfies Record<keyof JobUpdate, z.ZodType>;

/** Some fields, without others. */
function without<T extends object, K extends keyof T>(fields: T, ...names: K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name as K))) as Omit<
    T,
    K
  >;
}

const ticked = without(fields, "id", "delay", "runAt", "after", "batch");

/** The job of each tick of a schedule. */
export const scheduledJob = z.strictObject(ticked).meta({ id: "ScheduledJob" });

/** The job of a callback of a batch. */
export const callbackJob = z.strictObject(
  without(fields, "runAt", "after", "batch", "unique", "uniqueKey"),
).meta({ id: "CallbackJob" });
