import { parseJson } from "../../../domain/json.ts";
import { joinedPaths } from "../../../domain/redaction.ts";
import type { MissedPolicy, OverlapPolicy, ScheduledJob } from "../../../domain/schedule.ts";
import type { ScheduleChange } from "../../../runtime/schedules.ts";
import type { OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { compact } from "./compact.ts";
import { headersOf } from "./headers.ts";
import { payloadSource, readWhole, sourceName } from "./payload.ts";

type Given<T> = OptionSpec<T | undefined>;
type OrUnset<T> = OptionSpec<T | "default" | undefined>;

/** Flags about times. */
export type TimeFlags = {
  cron: Given<string>;
  timezone: Given<string>;
  every: Given<number>;
  anchor: OrUnset<number>;
};

/** Flags about the rule. */
export type RuleFlags = TimeFlags & {
  start: OrUnset<number>;
  end: OrUnset<number>;
  jitter: OrUnset<number>;
  missed: OrUnset<MissedPolicy>;
  window: OrUnset<number>;
  overlap: OrUnset<OverlapPolicy>;
  pauseAfterFailures: OrUnset<number>;
  description: OrUnset<string>;
};

/** Flags about the job. */
export type JobFlags = {
  type: Given<string>;
  payload: Given<string>;
  queue: Given<string>;
  priority: Given<number>;
  maxAttempts: Given<number>;
  timeout: Given<number>;
  ttl: Given<number>;
  tag: OptionSpec<string[]>;
  redact: OptionSpec<string[]>;
  limitKey: Given<string>;
  header: OptionSpec<(readonly [string, string])[]>;
};

/** The values of flags. */
export type Values<F> = { [K in keyof F]: F[K] extends OptionSpec<infer T> ? T : never };

/** What flags say about the rule; null takes a setting back. */
export function ruleChange(flags: Values<RuleFlags>): ScheduleChange {
  const { cron, timezone, every, anchor, start, end, ...rest } = flags;
  const { jitter, missed, window, overlap, pauseAfterFailures, description } = rest;
  const unset = <T>(value: T | "default" | undefined): T | null | undefined =>
    value === "default" ? null : value;
  return compact({
    cron,
    timezone,
    every,
    anchor: unset(anchor),
    startAt: unset(start),
    endAt: unset(end),
    jitter: unset(jitter),
    missed: unset(missed),
    window: unset(window),
    overlap: unset(overlap),
    pauseAfterFailures: unset(pauseAfterFailures),
    description: unset(description),
  });
}

/** The job with what flags say about it; undefined when they say nothing. */
export async function jobOf(
  flags: Values<JobFlags>,
  before: ScheduledJob | undefined,
  { host }: Context,
): Promise<ScheduledJob | undefined> {
  const { type, queue, priority, maxAttempts, timeout, ttl, tag, redact, limitKey, header } = flags;
  const given = compact({
    type,
    payload: await payloadOf(flags.payload, host),
    queue,
    priority,
    maxAttempts,
    timeout,
    ttl,
    tags: tag.length === 0 ? undefined : tag,
    // Taken away from a payload that stays, a path would show what was kept from everybody.
    redact: redact.length === 0 ? undefined : joinedPaths(before?.redact, redact),
    limitKey,
    headers: headersOf(header),
  });
  return Object.keys(given).length === 0 ? undefined : { ...before, ...given };
}

async function payloadOf(given: string | undefined, host: Context["host"]): Promise<unknown> {
  if (given === undefined) return undefined;
  const source = payloadSource(given);
  const what = source.kind === "text" ? "--payload" : `payload from ${sourceName(source)}`;
  return parseJson(what, await readWhole(source, host));
}
