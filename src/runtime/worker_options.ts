import { type Backoff, DEFAULT_BACKOFF } from "../domain/backoff.ts";
import { MAX_DURATION_MS } from "../domain/duration.ts";
import { DEATHS_MAX } from "../domain/decide.ts";
import { invalid, JobdError, show } from "../domain/errors.ts";
import type { FailureRecord, Job } from "../domain/job.ts";
import { checkName } from "../domain/names.ts";
import { DEFAULT_RETENTION, type Retention } from "../domain/queue.ts";
import { type Kept, parseKept } from "../domain/retention.ts";
import { FINAL_STATES, type FinalState } from "../domain/states.ts";
import { platform } from "../storage/platform/here.ts";
import type { ScheduleDefinition } from "./schedule_definition.ts";
import { isDefinition } from "./definition.ts";
import type { Handler, Middleware } from "./handler.ts";
import type { Logger } from "./logger.ts";
import { layered } from "./middleware/layers.ts";
import { needsDeno } from "./needs_deno.ts";
import { type QueueChoice, queueNames } from "./queue_order.ts";

/** What runs jobs: a list of handlers and definitions, or functions by the type of the jobs they run. */
export type Handlers = readonly Handler[] | Readonly<Record<string, Handler["run"]>>;

/** A failed attempt, as an error handler is told of it. */
export interface AttemptFailure {
  /** The job as it was when the attempt started. */
  job: Job;
  /** What is kept about the failure. */
  error: FailureRecord;
  /** What the handler threw; undefined when it failed in another way, such as a timeout. */
  thrown: unknown;
  /** Whether the job runs again; else it is a dead letter now. */
  willRetry: boolean;
}

/** What a worker is asked to do. */
export interface WorkerOptions {
  /**
   * What runs the jobs: handlers and definitions, or functions by job type. Jobs of other types are left for other workers.
   * May be left out when there are `modules`.
   */
  handlers?: Handlers;
  /**
   * Files that export definitions, as paths or patterns (`jobs/*.ts`), loaded when the worker starts. Definitions with `isolate`
   * or `permissions` run in Deno processes of their own, the others in this one. Programs that Node.js or Bun runs can
   * load only such as run in this process.
   */
  modules?: readonly string[];
  /** Gives every definition of `modules` a process of its own, with no rights but those it declares. @default false */
  isolate?: boolean;
  /** The Deno for those processes. @default the one that runs this program */
  deno?: string;
  /** Deaths of its process in a row after which a job is dead, whatever its `maxAttempts`. @default 3 */
  maxDeaths?: number;
  /** Schedules that the program brings along; stored when the worker starts, see `defineSchedule`. */
  schedules?: readonly ScheduleDefinition[];
  /** Whether it turns ticks of schedules into jobs too: one of all processes is enough, and any number is fine. @default true */
  scheduler?: boolean;
  /** Only jobs of these types. @default all that there are handlers for */
  types?: readonly string[];
  /** Queues: all (highest priority of any queue first), a list in order, or weights. @default "all" */
  queues?: QueueChoice;
  /** Jobs at once, 1 to 10000. @default 10 */
  concurrency?: number;
  /** Longest wait before the store is asked for work without a hint, in milliseconds. @default 1000 */
  pollIntervalMs?: number;
  /** How long `stop` lets jobs finish, in milliseconds. @default 30000 */
  shutdownTimeoutMs?: number;
  /** How long a claim lasts without renewal, in milliseconds; renewed every sixth of it. @default 30000 */
  leaseMs?: number;
  /** Longest run of jobs when neither they, their queue nor their handler says so, in milliseconds. @default 300000 */
  defaultTimeoutMs?: number;
  /** Backoff of jobs when neither they nor their queue says so. @default 10 s doubled up to 1 h, equal jitter */
  backoff?: Backoff;
  /**
   * How long finished jobs are kept when neither they nor their queue says so, by final state; `"forever"` is allowed.
   * @default 7 days for completed and cancelled ones, 30 for expired ones, 90 for dead ones
   */
  retention?: Partial<Record<FinalState, Kept>>;
  /** How long entries of the audit log are kept, in milliseconds. @default 90 days */
  auditRetentionMs?: number;
  /**
   * How long statistics are kept, in milliseconds: by the minute for two days, then by the hour up to 90 days, then by the
   * day. @default 730 days
   */
  statsRetentionMs?: number;
  /** What happens when a handler blocks the event loop for ten minutes: say so, or end the process. @default "report" */
  whenBlocked?: "report" | "kill";
  /** Layers around every handler, outermost first. */
  middleware?: readonly Middleware[];
  /** Told of every failed attempt once it is written, besides the log; what it throws is logged. */
  onError?: (failure: AttemptFailure) => unknown;
  /** Where the worker says what it does. @default nowhere */
  log?: Logger;
}

/** How long the audit log remembers. */
const AUDIT_RETENTION_MS = 90 * 86_400_000;
/** How long statistics are kept. */
const STATS_RETENTION_MS = 730 * 86_400_000;

/** How a program looks after a store without running jobs itself. */
export type UpkeepOptions = Pick<
  WorkerOptions,
  "leaseMs" | "pollIntervalMs" | "backoff" | "retention" | "auditRetentionMs" | "statsRetentionMs" | "log"
>;

/** {@linkcode UpkeepOptions}, checked, with defaults filled in. */
export type UpkeepSettings = Pick<WorkerSettings, Exclude<keyof UpkeepOptions, "log">>;

/** Settings of a worker: checked, with defaults filled in. */
export type WorkerSettings =
  & Required<Omit<WorkerOptions, "log" | "handlers" | "onError" | "retention" | "deno" | "types">>
  & Pick<WorkerOptions, "onError" | "deno" | "types">
  & { handlers: ReadonlyMap<string, Handler>; retention: Retention };

/**
 * Checks what a worker is asked to do.
 *
 * @throws {JobdError} `invalid_request` naming the option, its value and what is allowed.
 */
export function workerSettings(options: WorkerOptions): WorkerSettings {
  const { queues = "all", whenBlocked = "report", middleware = [], onError } = options;
  checkQueues(queues);
  const { handlers = [], modules = [], deno, types } = options;
  if (platform.name !== "Deno") refuseDeno(options);
  const settings: WorkerSettings = {
    handlers: handlersByType(handlers, middleware),
    middleware,
    modules,
    isolate: options.isolate ?? false,
    schedules: options.schedules ?? [],
    scheduler: options.scheduler ?? true,
    maxDeaths: whole("maxDeaths", options.maxDeaths ?? DEATHS_MAX, 1, 1_000_000),
    ...(onError === undefined ? {} : { onError }),
    ...(deno === undefined ? {} : { deno }),
    ...(types === undefined ? {} : { types }),
    queues,
    whenBlocked,
    concurrency: whole("concurrency", options.concurrency ?? 10, 1, 10_000),
    shutdownTimeoutMs: whole("shutdownTimeoutMs", options.shutdownTimeoutMs ?? 30_000, 0, MAX_DURATION_MS),
    defaultTimeoutMs: whole("defaultTimeoutMs", options.defaultTimeoutMs ?? 300_000, 1, MAX_DURATION_MS),
    ...upkeepSettings(options),
  };
  // What the modules hold is known only when they are loaded.
  return modules.length === 0 ? withHandlers(settings, []) : settings;
}

/** Checks how a store is to be looked after. @throws {JobdError} `invalid_request` naming the option, its value and what is allowed */
export function upkeepSettings(options: UpkeepOptions): UpkeepSettings {
  const { pollIntervalMs = 1_000, leaseMs = 30_000, backoff = DEFAULT_BACKOFF, retention } = options;
  const { auditRetentionMs = AUDIT_RETENTION_MS, statsRetentionMs = STATS_RETENTION_MS } = options;
  return {
    pollIntervalMs: whole("pollIntervalMs", pollIntervalMs, 1, 3_600_000),
    leaseMs: whole("leaseMs", leaseMs, 100, 3_600_000),
    backoff,
    retention: retentionOf(retention),
    auditRetentionMs: whole("auditRetentionMs", auditRetentionMs, 0, MAX_DURATION_MS),
    statsRetentionMs: whole("statsRetentionMs", statsRetentionMs, 0, MAX_DURATION_MS),
  };
}

/**
 * The settings with what the modules hold, and without what the worker shall not run.
 *
 * @throws {JobdError} `invalid_request` when nothing is left to run, or a type is wanted that nothing runs
 */
export function withHandlers(settings: WorkerSettings, loaded: readonly Handler[]): WorkerSettings {
  const handlers = new Map([...settings.handlers, ...handlersByType(loaded, settings.middleware)]);
  const twice = [...settings.handlers.keys()].find((type) =>
    loaded.some((one) => typesOf(one).includes(type))
  );
  if (twice !== undefined) throw twoHandlers(twice);
  if (handlers.size === 0) {
    throw new JobdError("invalid_request", "A worker without handlers cannot run anything", {
      hint: "Give it at least one handler.",
    });
  }
  const { types } = settings;
  if (types === undefined) return { ...settings, handlers };
  const unknown = types.find((type) => !handlers.has(type));
  if (unknown !== undefined) {
    throw new JobdError("invalid_request", `types: there is no handler for type ${show(unknown)}`, {
      hint: `Known types: ${[...handlers.keys()].join(", ")}.`,
    });
  }
  return { ...settings, handlers: new Map([...handlers].filter(([type]) => types.includes(type))) };
}

/** The handlers as a list. */
export function handlerList(handlers: Handlers = []): readonly Handler[] {
  if (Array.isArray(handlers)) return handlers as readonly Handler[];
  return Object.entries(handlers).map(([type, run]): Handler => ({ type, run }));
}

function handlersByType(handlers: Handlers, middleware: readonly Middleware[]): Map<string, Handler> {
  const byType = new Map<string, Handler>();
  for (const given of handlerList(handlers)) {
    checkRuns(given);
    const handler = layered(given, middleware);
    for (const type of typesOf(handler)) {
      checkName("handler type", type);
      if (byType.has(type)) throw twoHandlers(type);
      byType.set(type, handler);
    }
  }
  return byType;
}

function typesOf({ type, aliases = [] }: Handler): string[] {
  return [type, ...aliases];
}

function twoHandlers(type: string): JobdError {
  return new JobdError("invalid_request", `Two handlers for the type "${type}"`, {
    hint: "Keep one of them.",
  });
}

function checkRuns(handler: Handler): void {
  if (isDefinition(handler) && !handler.runs) {
    throw new JobdError("invalid_request", `The definition of "${handler.type}" has no run`, {
      hint: "A worker needs one that runs its jobs; without it a definition can only be enqueued.",
    });
  }
  if (handler.isolation !== undefined) {
    if (platform.name !== "Deno") {
      throw needsDeno(
        `The definition of "${handler.type}" wants a process of its own, which needs`,
        "invalid_request",
      );
    }
    throw new JobdError("invalid_request", `The definition of "${handler.type}" wants a process of its own`, {
      hint: "Such a process loads it from its file: give the worker the file in `modules` instead.",
    });
  }
}

function refuseDeno({ isolate, deno }: WorkerOptions): void {
  if (isolate) throw needsDeno("The option `isolate` needs", "invalid_request");
  if (deno !== undefined) throw needsDeno("The option `deno` needs", "invalid_request");
}

function checkQueues(choice: QueueChoice): void {
  const names = queueNames(choice);
  if (names === "all") return;
  if (names.length === 0) throw invalid("queues", names, 'a list with at least one queue, or "all"');
  for (const name of names) checkName("queue", name);
  if (choice === "all" || Array.isArray(choice)) return;
  for (const [name, weight] of Object.entries(choice)) {
    if (!Number.isFinite(weight) || weight <= 0) {
      throw invalid(`weight of queue "${name}"`, weight, "a number above 0");
    }
  }
}

function retentionOf(given: WorkerOptions["retention"] = {}): Retention {
  const states: readonly string[] = FINAL_STATES;
  const unknown = Object.keys(given).find((state) => !states.includes(state));
  if (unknown !== undefined) throw invalid("state of retention", unknown, FINAL_STATES.join(", "));
  const kept = FINAL_STATES.map((state) => {
    const wanted = given[state];
    return [
      state,
      wanted === undefined ? DEFAULT_RETENTION[state] : parseKept(wanted, `retention of ${state} jobs`),
    ];
  });
  return Object.fromEntries(kept) as Retention;
}

function whole(what: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(what, value, `an integer from ${min} to ${max}`);
  }
  return value;
}
