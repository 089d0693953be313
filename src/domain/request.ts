import { type AgentOrigin, withAgent } from "./agent.ts";
import { type BackoffOptions, parseBackoff } from "./backoff.ts";
import { type BatchRef, parseBatchRef } from "./batch_ref.ts";
import { type After, parseAfter } from "./dependency.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { type Kept, parseKept } from "./retention.ts";
import { invalid, JobdError } from "./errors.ts";
import { type GroupRequest, parseGroup, refuseWithGroup } from "./group.ts";
import { checkHeaders, type Headers } from "./headers.ts";
import { MAX_INSTANT_MS, parseInstant } from "./instant.ts";
import type { JobOptions, NewJob } from "./job.ts";
import { checkJson, type Json, PAYLOAD_LIMITS } from "./json.ts";
import { checkLimitKey, checkWeight } from "./limit.ts";
import { checkName, checkNamespace, DEFAULT_NAMESPACE, DEFAULT_QUEUE, DEFAULT_TYPE } from "./names.ts";
import { parseRedact, refuseRedacted } from "./redaction.ts";
import { parsePriority, type Priority } from "./priority.ts";
import { checkText } from "./text.ts";
import type { UniqueOptions } from "./unique.ts";
import { parseUnique, UNIQUE_KEY_MAX, type UniqueSubject } from "./unique_request.ts";
import { isUuid } from "./uuid.ts";

/** What a producer asks for. Everything is optional: the empty request is a job of type `claude` without a prompt. */
export interface JobRequest {
  /** Which handler runs it. @default `payload.type` if that is text, else `"claude"` */
  type?: string;
  /** Any JSON. @default {} */
  payload?: unknown;
  /** The job's id, a UUID; repeating a request with its id is safe. @default a fresh UUID of version 7 */
  id?: string;
  /** The tenant. @default "default" */
  namespace?: string;
  /** The lane. @default "default" */
  queue?: string;
  /** Higher runs first. @default the queue's, else 0 */
  priority?: Priority | string;
  /** Wait this long before the first start. */
  delay?: Duration;
  /** Do not start before this time; not together with `delay`. */
  runAt?: Date | number | string;
  /** Dead after this many failed runs, 1 to 1000. @default 5 */
  maxAttempts?: number;
  /** Longest run of one attempt. @default the handler's */
  timeout?: Duration;
  /** Expired unless finished within this time. @default the queue's, else never */
  ttl?: Duration;
  /** Delay after failures. @default the queue's */
  backoff?: BackoffOptions;
  /** How long the job is kept after its end; `"forever"` is allowed. @default the queue's */
  retention?: Kept;
  /** At most one unfinished job of this type and namespace has this key; up to 512 characters. Short for `unique: { key }`. */
  uniqueKey?: string;
  /** What limits by key tell it apart by, such as a customer; up to 255 characters. */
  limitKey?: string;
  /** How much it counts in rates, 1 to 1,000,000. @default 1 */
  limitWeight?: number;
  /** What makes the job unique, and what happens when it is not; not together with `uniqueKey`. */
  unique?: UniqueOptions;
  /** Jobs that must have completed before this one may start; it is `blocked` until then. */
  after?: After;
  /** The batch that gets it as a member, or its id; refused when that has ended. */
  batch?: BatchRef;
  /**
   * Gathers the job with others of its queue, type and group key, until there are enough of them or it is time; then they are
   * handled together. A text is the key, with the usual rules.
   */
  group?: GroupRequest;
  /** Labels: up to 32, up to 128 characters each. */
  tags?: string[];
  /** Who made the job; up to 256 characters. */
  origin?: string;
  /** Free data beside the payload, up to 16 KiB of JSON. */
  meta?: { [key: string]: Json };
  /**
   * What travels with the job, such as the trace it belongs to: up to 100 texts by name, 16 KiB in all. Names are kept in lower
   * case; values have no control characters.
   */
  headers?: Headers;
  /** Whether payload, result and steps are stored encrypted; types that are always encrypted stay so. @default false */
  encrypt?: boolean;
  /**
   * Values in payload and result that nobody sees but handlers, and programs that ask for them: up to 64 paths such as
   * `"card.number"`, with `*` for each key or item (`"items.*.secret"`). They are shown as "[redacted]", also where they stand
   * in errors, logs and progress notes.
   */
  redact?: readonly string[];
}

/** Time, identity and defaults for {@linkcode newJob}. */
export interface RequestContext {
  /** The store's time, epoch milliseconds. */
  now: number;
  /** The id of a job that brings none. */
  id: string;
  /** Attempts of a job that names none. */
  maxAttempts: number;
  /** Priority of a job that names none. @default 0 */
  priority?: number;
  /** Time to live of a job that names none, in milliseconds. @default for ever */
  ttlMs?: number;
  /** The agent that asks for it. @default none */
  agent?: AgentOrigin;
}

/** Attempts of a job that names none. */
export const DEFAULT_MAX_ATTEMPTS = 5;

const KNOWN: Record<keyof JobRequest, true> = {
  type: true,
  payload: true,
  id: true,
  namespace: true,
  queue: true,
  priority: true,
  delay: true,
  runAt: true,
  maxAttempts: true,
  timeout: true,
  ttl: true,
  backoff: true,
  retention: true,
  uniqueKey: true,
  limitKey: true,
  limitWeight: true,
  unique: true,
  after: true,
  batch: true,
  group: true,
  tags: true,
  origin: true,
  meta: true,
  headers: true,
  encrypt: true,
  redact: true,
};

/**
 * Turns a request into a job that can be stored. PostgreSQL's functions for producers check the same in SQL
 * (`read_job` in `migrations/postgres`), and a test holds the two together.
 *
 * @throws {JobdError} `invalid_request` for the first thing that is wrong, naming field, value and what is allowed.
 */
export function newJob(request: JobRequest, context: RequestContext): NewJob {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw invalid("job", request, "an object");
  }
  refuseUnknown(request);
  const payload = request.payload === undefined ? {} : request.payload;
  checkJson("payload", payload, PAYLOAD_LIMITS);
  const ttlMs = request.ttl === undefined ? context.ttlMs : positive("ttl", request.ttl);
  const runAt = firstStart(request, context.now);
  const options = jobOptions(request, ttlMs);
  refuseRedacted(payload as Json, options.redact);
  return {
    id: request.id === undefined ? context.id : jobId(request.id),
    namespace: checkNamespace(request.namespace ?? DEFAULT_NAMESPACE),
    queue: checkName("queue", request.queue ?? DEFAULT_QUEUE),
    type: checkName("type", request.type ?? payloadType(payload)),
    priority: parsePriority(request.priority ?? context.priority ?? 0),
    payload: payload as Json,
    maxAttempts: attempts(request.maxAttempts ?? context.maxAttempts),
    createdAt: context.now,
    runAt,
    expireAt: ttlMs === undefined ? null : Math.min(context.now + ttlMs, MAX_INSTANT_MS),
    options: withAgent({
      ...options,
      ...uniqueness(request, { payload: payload as Json, now: context.now, runAt }),
    }, context.agent),
  };
}

/** A key and nothing else is stored as it always was. */
function uniqueness({ uniqueKey, unique }: JobRequest, subject: UniqueSubject): JobOptions {
  if (unique === undefined) {
    return uniqueKey === undefined ? {} : { uniqueKey: checkText("unique key", uniqueKey, UNIQUE_KEY_MAX) };
  }
  if (uniqueKey !== undefined) {
    throw new JobdError("invalid_request", "A job cannot have both uniqueKey and unique", {
      hint: "Give the key as `unique: { key }`.",
    });
  }
  const { key, ...rest } = parseUnique(unique, subject);
  const plain = key !== undefined && Object.keys(rest).length === 0;
  return plain ? { uniqueKey: key } : { unique: { ...(key === undefined ? {} : { key }), ...rest } };
}

function refuseUnknown(request: JobRequest): void {
  for (const key of Object.keys(request)) {
    if (!Object.hasOwn(KNOWN, key)) {
      throw new JobdError("invalid_request", `Unknown job field ${JSON.stringify(key)}`, {
        hint: `Known fields: ${Object.keys(KNOWN).join(", ")}.`,
      });
    }
  }
}

function jobId(id: unknown): string {
  if (typeof id !== "string" || !isUuid(id)) throw invalid("job id", id, "a UUID in lower case");
  return id;
}

/** The type of a job whose request names none: what the payload says, else the type of agent prompts. */
export function payloadType(payload: unknown): string {
  const type = typeof payload === "object" && payload !== null
    ? (payload as { type?: unknown }).type
    : undefined;
  return typeof type === "string" ? type : DEFAULT_TYPE;
}

function attempts(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 1000) {
    throw invalid("maxAttempts", value, "an integer from 1 to 1000");
  }
  return value;
}

function firstStart(request: JobRequest, now: number): number {
  if (request.delay !== undefined && request.runAt !== undefined) {
    throw new JobdError("invalid_request", "A job cannot have both a delay and a start time", {
      hint: "Give one of the two.",
    });
  }
  if (request.delay !== undefined) {
    return Math.min(now + parseDuration(request.delay, "delay"), MAX_INSTANT_MS);
  }
  return request.runAt === undefined ? now : parseInstant(request.runAt, "start time");
}

function jobOptions(request: JobRequest, ttlMs: number | undefined): JobOptions {
  const options: JobOptions = {};
  if (request.timeout !== undefined) options.timeoutMs = positive("timeout", request.timeout);
  if (request.backoff !== undefined) options.backoff = parseBackoff(request.backoff);
  if (request.retention !== undefined) options.retentionMs = parseKept(request.retention);
  if (ttlMs !== undefined) options.ttlMs = ttlMs;
  if (request.limitKey !== undefined) options.limitKey = checkLimitKey(request.limitKey);
  if (request.limitWeight !== undefined) options.limitWeight = checkWeight(request.limitWeight);
  if (request.after !== undefined) options.after = parseAfter(request.after);
  if (request.batch !== undefined) options.batch = parseBatchRef(request.batch);
  if (request.group !== undefined) {
    refuseWithGroup(request);
    options.group = parseGroup(request.group);
  }
  if (request.origin !== undefined) options.origin = checkText("origin", request.origin, 256);
  if (request.tags !== undefined) options.tags = tags(request.tags);
  if (request.meta !== undefined) {
    if (typeof request.meta !== "object" || request.meta === null || Array.isArray(request.meta)) {
      throw invalid("meta", request.meta, "an object");
    }
    checkJson("meta", request.meta, { maxBytes: 16 * 1024, maxDepth: 16, maxItems: 1000 });
    options.meta = request.meta;
  }
  if (request.redact !== undefined) {
    const paths = parseRedact(request.redact);
    if (paths.length > 0) options.redact = paths;
  }
  if (request.headers !== undefined) options.headers = checkHeaders(request.headers);
  if (request.encrypt !== undefined && typeof request.encrypt !== "boolean") {
    throw invalid("encrypt", request.encrypt, "true or false");
  }
  return options;
}

function positive(what: string, value: Duration): number {
  const ms = parseDuration(value, what);
  if (ms === 0) throw invalid(what, value, "longer than 0");
  return ms;
}

function tags(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > 32) throw invalid("tags", value, "a list of at most 32 texts");
  return [...new Set(value.map((tag) => checkText("tag", tag, 128)))];
}
