import { invalid } from "../domain/errors.ts";
import { checkName } from "../domain/names.ts";
import type { JobRequest } from "../domain/request.ts";
import type { ScheduledJob, ScheduleSpec } from "../domain/schedule.ts";
import { parseSchedule, type ScheduleOptions } from "../domain/schedule_request.ts";
import { isDefinition, type JobDefinition } from "./definition.ts";

/** The job of each tick by its definition, with the payload that each gets. */
export interface ScheduledDefinition<Input> {
  /** The definition. */
  job: JobDefinition<Input, unknown>;
  /** The payload of each job. @default {} */
  payload?: NoInfer<Input>;
}

/** {@linkcode ScheduleOptions}, where the job may be given by its definition. */
export type ScheduleInput<Input = unknown> =
  | ScheduleOptions
  | (Omit<ScheduleOptions, "job"> & ScheduledDefinition<Input>);

/** Marks what {@linkcode defineSchedule} gives, also for another copy of the library. */
const SCHEDULE = Symbol.for("jobd.schedule");

/** A schedule that a program brings along; made by {@linkcode defineSchedule}. */
export interface ScheduleDefinition {
  /** Its name. */
  readonly name: string;
  /** What it says. @throws {JobdError} `invalid_request` for a payload that does not fit its job */
  spec(): Promise<ScheduleSpec>;
}

/**
 * Defines a schedule in code: stored when a worker with it starts, or by `jobd.schedules.declare()`. What an operator
 * changes about it later stays changed, and a pause stays; what nobody has changed follows the code.
 *
 * @example
 * ```ts
 * import { defineJob } from "./definition.ts";
 * import { defineSchedule } from "./schedule_definition.ts";
 *
 * const report = defineJob({ type: "report", run: ({ options }) => ({ tick: options.schedule?.tick ?? null }) });
 * const nightly = defineSchedule({
 *   name: "nightly-report",
 *   cron: "30 2 * * *",
 *   timezone: "Europe/Berlin",
 *   job: report,
 *   overlap: "skip",
 * });
 * console.log(nightly.name);
 * ```
 *
 * @throws {JobdError} `invalid_request` for a bad name or option
 */
export function defineSchedule<Input>(
  { name, ...input }: { name: string } & ScheduleInput<Input>,
): ScheduleDefinition {
  const { job, payload: _, ...rest } = input as ScheduleOptions & { payload?: unknown };
  // Everything but the payload is known now.
  parseSchedule({
    ...rest,
    ...(isDefinition(job) ? { job: { type: job.type } } : job === undefined ? {} : { job }),
  });
  const definition: ScheduleDefinition & { [SCHEDULE]: true } = {
    [SCHEDULE]: true,
    name: checkName("schedule", name),
    spec: async () => parseSchedule(await plainOptions(input as ScheduleInput)),
  };
  return definition;
}

/** Whether {@linkcode defineSchedule} has made it. */
export function isScheduleDefinition(value: unknown): value is ScheduleDefinition {
  return typeof value === "object" && value !== null && SCHEDULE in value;
}

/** A schedule of which only plain data is known. */
export function definedSchedule({ name, spec }: { name: string; spec: ScheduleSpec }): ScheduleDefinition {
  return { name, spec: () => Promise.resolve(spec) };
}

/** Options in which the job is a request. */
export async function plainOptions(input: ScheduleInput): Promise<ScheduleOptions> {
  if (typeof input !== "object" || input === null) throw invalid("schedule", input, "an object");
  const { job, ...rest } = input;
  if (!isDefinition(job)) return input as ScheduleOptions;
  const { payload = {}, ...options } = rest as { payload?: unknown };
  return { ...options, job: scheduled(await job.request(payload)) };
}

/** The usual delay of a job is for those who enqueue it: a tick has its own time. */
function scheduled({ delay: _, ...request }: JobRequest): ScheduledJob {
  return request;
}
