import { type Duration, parseDuration } from "./duration.ts";
import { invalid, JobdError } from "./errors.ts";
import { parseInstant } from "./instant.ts";
import { newJob } from "./request.ts";
import {
  MISSED_POLICIES,
  type MissedPolicy,
  OVERLAP_POLICIES,
  type OverlapPolicy,
  type ScheduledJob,
  type ScheduleSpec,
} from "./schedule.ts";
import { checkText } from "./text.ts";
import { TimeZone } from "./time_zone.ts";
import { Ticks } from "./ticks.ts";

/** When a schedule has ticks and what they do, as people say it. */
export interface ScheduleOptions {
  /**
   * A cron expression: minute, hour, day of the month, month, day of the week, with seconds in front of them if wanted; or
   * `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Either this or `every`.
   */
  cron?: string;
  /** The IANA time zone whose clocks `cron` is about. @default "UTC" */
  timezone?: string;
  /** A period, at least one second; it does not care about clock changes. Either this or `cron`. */
  every?: Duration;
  /** With `every`: one of the ticks, from which the others are counted. @default the start, or else the creation */
  anchor?: Date | number | string;
  /** No tick before this time. */
  startAt?: Date | number | string;
  /** No tick after this time. */
  endAt?: Date | number | string;
  /** The job of a tick starts up to this much later; how much follows from the tick. */
  jitter?: Duration;
  /**
   * What happens with ticks that came while nobody could act on them (no scheduler ran, or the store was away):
   * - `latest`: the last one takes effect, the others do not.
   * - `all`: all take effect.
   * - `skip`: none takes effect; a tick that is up to a minute late still counts as on time.
   * @default "latest"
   */
  missed?: MissedPolicy;
  /** With `latest` and `all`: ticks that are older than this do not take effect. @default no limit with `latest`, "1d" with `all` */
  window?: Duration;
  /**
   * What a tick does while the job of an earlier one has not ended, retries included:
   * - `allow`: its job starts too.
   * - `skip`: nothing.
   * - `queue`: its job is made when the earlier one has ended; further ticks do nothing meanwhile.
   * - `cancel`: the earlier job is cancelled; its job is made when that one has ended.
   * @default "allow"
   */
  overlap?: OverlapPolicy;
  /** After so many jobs in a row that are dead or expired the schedule is paused, 1 to 1000. @default never */
  pauseAfterFailures?: number;
  /** What each tick enqueues. @default nothing: ticks are told as `schedule.tick` events to whoever listens */
  job?: ScheduledJob;
  /** For people; up to 1000 characters. */
  description?: string;
}

const KNOWN: Record<keyof ScheduleOptions, true> = {
  cron: true,
  timezone: true,
  every: true,
  anchor: true,
  startAt: true,
  endAt: true,
  jitter: true,
  missed: true,
  window: true,
  overlap: true,
  pauseAfterFailures: true,
  job: true,
  description: true,
};

const SHORTEST_MS = 1_000;
const ALL_WINDOW_MS = 86_400_000;
/** What the tick brings to its job, so that nobody else may. */
const OF_THE_TICK = ["id", "namespace", "delay", "runAt", "after", "batch"] as const;

/** Reads a rule. @throws {JobdError} `invalid_request` for the first thing that is wrong: what, the value, what is allowed */
export function parseSchedule(options: ScheduleOptions): ScheduleSpec {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalid("schedule", options, "an object");
  }
  refuseUnknown(options);
  const { jitter, pauseAfterFailures, job, description } = options;
  const spec: ScheduleSpec = {
    ...times(options),
    ...bounds(options),
    ...(jitter === undefined ? {} : { jitterMs: parseDuration(jitter, "jitter") }),
    ...missed(options),
    overlap: oneOf("overlap", options.overlap ?? "allow", OVERLAP_POLICIES),
    ...(pauseAfterFailures === undefined ? {} : { pauseAfterFailures: failures(pauseAfterFailures) }),
    ...(job === undefined ? {} : { job: parseJob(job) }),
    ...(description === undefined ? {} : { description: checkText("description", description, 1_000) }),
  };
  if (job === undefined) refuseForJobs(options);
  return spec;
}

/** The options that a rule was made of, but normalised: durations in milliseconds. */
export function scheduleOptions(spec: ScheduleSpec): ScheduleOptions {
  const { everyMs, anchorAt, jitterMs, windowMs, ...rest } = spec;
  return {
    ...rest,
    ...(everyMs === undefined ? {} : { every: everyMs }),
    ...(anchorAt === undefined ? {} : { anchor: anchorAt }),
    ...(jitterMs === undefined ? {} : { jitter: jitterMs }),
    ...(windowMs === undefined ? {} : { window: windowMs }),
  };
}

/** Refuses a rule that never has a tick. @throws {JobdError} `invalid_request` */
export function checkHasTick(spec: ScheduleSpec, now: number): void {
  if (new Ticks(spec, now).next(now) !== null) return;
  throw new JobdError("invalid_request", "The schedule would never have a tick", {
    hint: "Look at its expression, start and end: is there such a day, and is it still to come?",
  });
}

function refuseUnknown(options: ScheduleOptions): void {
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(KNOWN, key));
  if (unknown === undefined) return;
  throw new JobdError("invalid_request", `Unknown schedule field ${JSON.stringify(unknown)}`, {
    hint: `Known fields: ${Object.keys(KNOWN).join(", ")}.`,
  });
}

function times({ cron, timezone, every, anchor }: ScheduleOptions): Partial<ScheduleSpec> {
  if ((cron === undefined) === (every === undefined)) {
    throw new JobdError("invalid_request", "A schedule has either a cron expression or a period", {
      hint: "Give one of `cron` and `every`.",
    });
  }
  if (cron !== undefined) {
    if (anchor !== undefined) throw onlyWith("anchor", "every");
    const spec = { cron, timezone: timezone ?? "UTC" };
    TimeZone.of(spec.timezone);
    new Ticks({ ...spec, missed: "latest", overlap: "allow" }, 0);
    return spec;
  }
  if (timezone !== undefined) throw onlyWith("timezone", "cron");
  const everyMs = parseDuration(every ?? 0, "period");
  if (everyMs < SHORTEST_MS) throw invalid("period", every, "at least one second");
  return { everyMs, ...(anchor === undefined ? {} : { anchorAt: parseInstant(anchor, "anchor") }) };
}

function bounds({ startAt, endAt }: ScheduleOptions): Partial<ScheduleSpec> {
  const start = startAt === undefined ? undefined : parseInstant(startAt, "start");
  const end = endAt === undefined ? undefined : parseInstant(endAt, "end");
  if (start !== undefined && end !== undefined && end < start) {
    throw invalid("end", endAt, "a time after the start");
  }
  return { ...(start === undefined ? {} : { startAt: start }), ...(end === undefined ? {} : { endAt: end }) };
}

function missed({ missed: given, window }: ScheduleOptions): Pick<ScheduleSpec, "missed" | "windowMs"> {
  const policy = oneOf("missed", given ?? "latest", MISSED_POLICIES);
  if (policy === "skip" && window !== undefined) throw onlyWith("window", 'missed: "latest" or "all"');
  const windowMs = window === undefined
    ? policy === "all" ? ALL_WINDOW_MS : undefined
    : parseDuration(window, "window");
  return { missed: policy, ...(windowMs === undefined ? {} : { windowMs }) };
}

function refuseForJobs({ jitter, overlap, pauseAfterFailures }: ScheduleOptions): void {
  for (const [name, value] of Object.entries({ jitter, overlap, pauseAfterFailures })) {
    // What is allowed anyway may be said.
    if (value !== undefined && value !== "allow") throw onlyWith(name, "job");
  }
}

/** What is stored is the request itself; whether a job can be made of it is found out now, not at each tick. */
function parseJob(job: ScheduledJob): ScheduledJob {
  if (typeof job !== "object" || job === null || Array.isArray(job)) throw invalid("job", job, "an object");
  const own = OF_THE_TICK.find((key) => key in job);
  if (own !== undefined) {
    throw new JobdError("invalid_request", `The job of a schedule cannot have ${JSON.stringify(own)}`, {
      hint: "Each tick brings its own.",
    });
  }
  const { options } = newJob(job, { now: 0, id: "", maxAttempts: 1 });
  if (options.unique?.onConflict === "fail") {
    throw new JobdError("invalid_request", 'The job of a schedule cannot say onConflict "fail"', {
      hint: "Nobody would hear of it. `overlap` says what a tick does while an earlier job has not ended.",
    });
  }
  return JSON.parse(JSON.stringify(job));
}

function oneOf<T extends string>(what: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) throw invalid(what, value, `one of ${allowed.join(", ")}`);
  return value as T;
}

function failures(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 1_000) return value;
  throw invalid("pauseAfterFailures", value, "an integer from 1 to 1000");
}

function onlyWith(what: string, other: string): JobdError {
  return new JobdError("invalid_request", `A schedule has ${what} only together with ${other}`);
}
