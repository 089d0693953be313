import { type Backoff, type BackoffOptions, parseBackoff } from "../domain/backoff.ts";
import { type Duration, parseDuration } from "../domain/duration.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import { type GroupRules, parseGroupRules } from "../domain/group.ts";
import { withHeaders } from "../domain/headers.ts";
import type { FailureRecord, Job } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import { type LimitOptions, parseLimit } from "../domain/limit.ts";
import { checkName } from "../domain/names.ts";
import { joinedPaths, parseRedact } from "../domain/redaction.ts";
import type { JobRequest } from "../domain/request.ts";
import type { UniqueOptions } from "../domain/unique.ts";
import {
  type BackoffFunction,
  Directive,
  fail,
  type Handler,
  type HandlerLimit,
  type Middleware,
  type RunContext,
} from "./handler.ts";
import type { GroupContext, GroupEnds } from "./groups/group_call.ts";
import { type GroupRunner, refuseIsolatedGroup, refuseTwoRuns, runGroup } from "./groups/run_group.ts";
import type { Transaction } from "../storage/transaction.ts";
import { type Isolation, type IsolationChoice, parseIsolation } from "./isolation/isolation.ts";
import { checkPayload, issuesText, type PayloadSchema, type SchemaIssue } from "./payload_schema.ts";

/** Where a job is stored. */
export interface Within {
  /** A PostgreSQL transaction of the caller's own: the job exists when it commits, and never when it does not. */
  tx?: Transaction;
}

/** What a producer may say about one job besides its type and payload; it beats what the definition says. */
export type EnqueueOptions = Omit<JobRequest, "type" | "payload" | "namespace">;

/** What holds for all jobs of a definition unless a job says otherwise; see {@linkcode JobRequest} for each. */
export interface DefinitionDefaults<Payload> extends
  Pick<
    JobRequest,
    | "queue"
    | "priority"
    | "maxAttempts"
    | "delay"
    | "ttl"
    | "retention"
    | "tags"
    | "origin"
    | "meta"
    | "headers"
    | "encrypt"
    | "redact"
  > {
  /** The unique key of a job, or how to make it of the payload; undefined for a job without one. */
  uniqueKey?: string | ((payload: Payload) => string | undefined);
  /** What makes a job unique, in full; beats `uniqueKey`. Here the key may be made of the payload; without one the job is not unique. */
  unique?: DefinitionUnique<Payload>;
}

/** {@linkcode UniqueOptions} for all jobs of a definition. */
export type DefinitionUnique<Payload> = Omit<UniqueOptions, "key"> & {
  /** The key, or how to make it of the payload; undefined for a job that is not unique. */
  key?: string | ((payload: Payload) => string | undefined);
};

/** What {@linkcode defineJob} takes. */
export interface DefinitionOptions<Payload, Result> extends DefinitionDefaults<Payload>, IsolationChoice {
  /** The job type; what is stored, so it stays when the code around it changes. */
  type: string;
  /** Former names of the type: jobs that were enqueued under them are run too. */
  aliases?: readonly string[];
  /** Longest run when neither the job nor its queue says so. @default the worker's */
  timeout?: Duration;
  /** Delay after failures when neither the job nor its queue says so: a rule, or a function. @default the worker's */
  backoff?: BackoffOptions | BackoffFunction;
  /**
   * How many of its jobs run at a time and how often one starts, on all machines together: stored when a worker with the
   * definition starts, unless an operator has set another one. With `key` it holds for each key by itself.
   */
  limit?: LimitOptions & {
    /** What tells jobs apart, such as a customer; undefined for a job without a limit by key. */
    key?: (payload: Payload) => string | undefined;
    /** How much a job counts in the rate. @default 1 */
    weight?: (payload: Payload) => number;
  };
  /** Layers around each run, outermost first; inside those of its group and of the worker. */
  middleware?: readonly Middleware[];
  /** True when all its work happens in other processes, so that it cannot block this one. @default false */
  outOfProcess?: boolean;
  /**
   * Gathers its jobs by a key, to be handled together by `runGroup`: until there are `size` of them, the first is as old as
   * `maxAge`, or none has come for `silence`. What a job says itself (`group`) beats it.
   */
  group?: GroupRules & {
    /** What is gathered together, or how to make it of the payload; undefined for a job that is handled alone. */
    key: string | ((payload: Payload) => string | undefined);
  };
  /**
   * Runs one attempt of all jobs of a group, instead of `run`. Gives how each of them ended, in their order; what it throws is
   * a failure of all of them. Its log is kept with the first job.
   */
  runGroup?(
    jobs: readonly Job<Payload>[],
    context: GroupContext,
  ): Promise<GroupEnds<Result>> | GroupEnds<Result>;
  /** Runs one attempt, as {@linkcode Handler.run} does; absent in programs that only enqueue. */
  run?(job: Job<Payload>, context: RunContext): Promise<Result | Directive> | Result | Directive;
}

/** A type of job: what its payload is, what holds for its jobs, and what runs them. Made by {@linkcode defineJob}. */
export interface JobDefinition<Input = unknown, Result = unknown> extends Handler {
  /** Whether it can be given to a worker. */
  readonly runs: boolean;
  /** For the type checker only: what is enqueued, and what comes out. */
  readonly "~types"?: { input: Input; result: Result };
  /**
   * The request for one job, with the payload checked and the defaults filled in.
   * @throws {JobdError} `invalid_request` naming the part of the payload that is wrong
   */
  request(payload: Input, options?: EnqueueOptions): Promise<JobRequest>;
}

/** Marks definitions, also those of another copy of this library in the same program. */
const DEFINITION = Symbol.for("jobd.definition");

/** Whether a value, such as the export of a module, is a definition. */
export function isDefinition(value: unknown): value is JobDefinition {
  return typeof value === "object" && value !== null && DEFINITION in value;
}

/** The request for a job, by its definition or as it is. */
export function requestOf(
  job: JobDefinition | JobRequest,
  payload?: unknown,
  options?: EnqueueOptions,
): JobRequest | Promise<JobRequest> {
  return isDefinition(job) ? job.request(payload, options) : job;
}

/**
 * Defines a type of job. `payload` is a validator of any library that speaks Standard Schema
 * (https://standardschema.dev): payloads are checked when they are enqueued and again before they run, when the handler
 * gets what the validator makes of them. What is stored is the payload as it was enqueued.
 *
 * @example
 * ```ts
 * import { defineJob } from "./definition.ts";
 * import { Jobd } from "./jobd.ts";
 * import { z } from "zod";
 *
 * const greet = defineJob({
 *   type: "greet",
 *   payload: z.object({ name: z.string() }),
 *   maxAttempts: 3,
 *   run: (job) => ({ text: `Hello ${job.payload.name}` }),
 * });
 * await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
 * await using worker = jobd.worker({ handlers: [greet] });
 * await worker.start();
 * const job = await jobd.enqueue(greet, { name: "Ada" });
 * console.log((await job.result()).text); // "Hello Ada"
 * ```
 *
 * @throws {JobdError} `invalid_request` for a bad type, alias, timeout, backoff, isolation or permission
 */
export function defineJob<Input, Output, Result>(
  options: DefinitionOptions<Output, Result> & { payload: PayloadSchema<Input, Output> },
): JobDefinition<Input, Result>;
/** Defines a type of job whose payload is JSON that nobody checks. */
export function defineJob<Payload = Json, Result = unknown>(
  options: DefinitionOptions<Payload, Result> & { payload?: undefined },
): JobDefinition<Payload, Result>;
export function defineJob(
  options: DefinitionOptions<unknown, unknown> & { payload?: PayloadSchema | undefined },
): JobDefinition {
  return new Definition(options);
}

class Definition implements JobDefinition {
  readonly [DEFINITION] = true;
  readonly type: string;
  readonly aliases: readonly string[];
  readonly runs: boolean;
  readonly outOfProcess: boolean;
  readonly middleware: readonly Middleware[];
  readonly queue?: string;
  readonly timeoutMs?: number;
  readonly backoff?: Backoff | BackoffFunction;
  readonly isolation?: Isolation;
  readonly limit?: HandlerLimit;
  readonly encrypt?: boolean;
  readonly redact?: readonly string[];
  readonly grouped?: boolean;
  readonly #options: DefinitionOptions<unknown, unknown>;
  readonly #schema: PayloadSchema | undefined;

  constructor(options: DefinitionOptions<unknown, unknown> & { payload?: PayloadSchema | undefined }) {
    const { aliases = [], middleware = [], queue, timeout, backoff } = options;
    this.type = checkName("job type", options.type);
    this.aliases = aliases.map((alias) => checkName("alias", alias));
    this.middleware = middleware;
    this.runs = options.run !== undefined || options.runGroup !== undefined;
    if (options.run !== undefined && options.runGroup !== undefined) throw refuseTwoRuns(options.type);
    if (options.runGroup !== undefined) this.grouped = true;
    if (options.group !== undefined) parseGroupRules(options.group);
    this.outOfProcess = options.outOfProcess ?? false;
    if (queue !== undefined) this.queue = checkName("queue", queue);
    if (timeout !== undefined) this.timeoutMs = positive(timeout);
    if (backoff !== undefined) this.backoff = typeof backoff === "function" ? backoff : parseBackoff(backoff);
    const isolation = parseIsolation(options);
    if (isolation !== undefined && this.grouped) throw refuseIsolatedGroup(this.type);
    if (isolation !== undefined) this.isolation = isolation;
    if (options.encrypt !== undefined) this.encrypt = options.encrypt;
    if (options.limit !== undefined) {
      const { key, weight: _, ...limits } = options.limit;
      this.limit = { settings: parseLimit(limits), perKey: key !== undefined };
    }
    if (options.redact !== undefined) this.redact = parseRedact(options.redact);
    this.#options = options;
    this.#schema = options.payload;
  }

  async request(payload: unknown, options: EnqueueOptions = {}): Promise<JobRequest> {
    const {
      queue,
      priority,
      maxAttempts,
      delay,
      ttl,
      retention,
      tags,
      origin,
      meta,
      headers,
      encrypt,
      limit,
    } = this.#options;
    const checked = await checkPayload(this.#schema, payload);
    if (checked.issues !== undefined) {
      throw new JobdError(
        "invalid_request",
        `Invalid payload for ${this.type}: ${issuesText(checked.issues)}`,
      );
    }
    const own = options.unique !== undefined || options.uniqueKey !== undefined;
    const limited = { limitKey: limit?.key?.(checked.value), limitWeight: limit?.weight?.(checked.value) };
    const defaults = {
      ...given({ queue, priority, maxAttempts, ttl, retention, tags, origin, meta, encrypt, ...limited }),
      ...(options.group === undefined ? groupFor(this.#options, checked.value) : {}),
      ...(own ? {} : uniqueOf(this.#options, checked.value)),
      // A start time of the job's own takes the place of the usual delay.
      ...(options.runAt === undefined ? given({ delay }) : {}),
    };
    const all = headers === undefined && options.headers === undefined
      ? {}
      : { headers: withHeaders(headers, options.headers) };
    const redact = joinedPaths(this.redact, options.redact);
    return { ...defaults, ...options, ...all, ...given({ redact }), type: this.type, payload };
  }

  async run(job: Job, context: RunContext): Promise<unknown> {
    const { run, runGroup: group } = this.#options;
    if (group !== undefined) {
      const check = (one: Job) => this.#checked(one);
      const call: GroupRunner["runGroup"] = (jobs, context) => group.call(this.#options, jobs, context);
      return await runGroup({ check, runGroup: call }, job, context);
    }
    if (run === undefined) throw new JobdError("internal", `The definition of ${this.type} has no run`);
    const checked = await this.#checked(job);
    return checked instanceof Directive ? checked : await run.call(this.#options, checked, context);
  }

  async #checked(job: Job): Promise<Job | Directive> {
    const checked = await checkPayload(this.#schema, job.payload);
    return checked.issues === undefined
      ? { ...job, payload: checked.value as Json }
      : invalidPayload(checked.issues);
  }
}

/** What a job of a definition is gathered by. */
function groupFor(
  { group }: Pick<DefinitionOptions<unknown, unknown>, "group">,
  payload: unknown,
): Pick<JobRequest, "group"> {
  if (group === undefined) return {};
  const { key, ...rules } = group;
  const text = typeof key === "function" ? key(payload) : key;
  return text === undefined ? {} : { group: { ...rules, key: text } };
}

/** What makes a job of a definition unique. */
function uniqueOf(
  { uniqueKey, unique }: DefinitionDefaults<unknown>,
  payload: unknown,
): Pick<JobRequest, "uniqueKey" | "unique"> {
  const keyOf = (key: NonNullable<typeof uniqueKey>) => typeof key === "function" ? key(payload) : key;
  if (unique === undefined) {
    return given({ uniqueKey: uniqueKey === undefined ? undefined : keyOf(uniqueKey) });
  }
  const { key, ...rest } = unique;
  if (key === undefined) return { unique: rest };
  const text = keyOf(key);
  return text === undefined ? {} : { unique: { ...rest, key: text } };
}

/** No retry helps a payload that does not fit, so the job waits among the dead letters for somebody to look at it. */
function invalidPayload(issues: readonly SchemaIssue[]): Directive {
  const error: FailureRecord = { code: "invalid_payload", message: issuesText(issues) };
  return fail(error, { permanent: true });
}

function positive(timeout: Duration): number {
  const ms = parseDuration(timeout, "timeout");
  if (ms === 0) throw invalid("timeout", timeout, "longer than 0");
  return ms;
}

/** Only what is there: an absent option must not hide another one. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
