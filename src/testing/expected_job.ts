import { type Duration, formatDuration, parseDuration } from "../domain/duration.ts";
import { invalid, JobdError } from "../domain/errors.ts";
import { formatInstant, parseInstant } from "../domain/instant.ts";
import type { NewJob } from "../domain/job.ts";
import { parsePriority, type Priority } from "../domain/priority.ts";
import { isDefinition, type JobDefinition } from "../runtime/definition.ts";
import { type Difference, differences, different, type Pattern, showPattern } from "./pattern.ts";

/** What an enqueued job should be like; what is not named may be anything. */
export interface ExpectedJob<Payload = unknown> {
  /** Its type. */
  type?: string;
  /** Its payload: of objects only the fields that are named, regular expressions for texts, functions that judge. */
  payload?: Pattern<Payload>;
  /** Its queue. */
  queue?: string;
  /** Its priority, a number or a name. */
  priority?: Priority | string;
  /** Tags that it has, among others. */
  tags?: readonly string[];
  /** Its unique key. */
  uniqueKey?: string | RegExp;
  /** Its origin. */
  origin?: string | RegExp;
  /** Its free data, like the payload. */
  meta?: Pattern<Record<string, unknown>>;
  /** Its headers, like the payload; names are in lower case. */
  headers?: Pattern<Record<string, unknown>>;
  /** How often it may fail. */
  maxAttempts?: number;
  /** How long after it was enqueued it may start. */
  delay?: Duration;
  /** When it may start. */
  runAt?: Date | number | string;
  /** By how much `delay` and `runAt` may be missed. @default 0 */
  within?: Duration;
}

/** How many jobs should be there. */
export interface ExpectedCount {
  /** Exactly so many. @default at least one */
  count?: number;
}

type Check = (job: NewJob) => Difference[];

const KNOWN: Record<keyof (ExpectedJob & ExpectedCount), true> = {
  type: true,
  payload: true,
  queue: true,
  priority: true,
  tags: true,
  uniqueKey: true,
  origin: true,
  meta: true,
  headers: true,
  maxAttempts: true,
  delay: true,
  runAt: true,
  within: true,
  count: true,
};

/** What is expected, by a definition and more, or all in one. */
export function expectation(
  job: Pick<JobDefinition, "type"> | (ExpectedJob & ExpectedCount),
  more: ExpectedJob & ExpectedCount = {},
): ExpectedJob & ExpectedCount {
  const expected = isDefinition(job) ? { ...more, type: job.type } : { ...job as ExpectedJob, ...more };
  for (const key of Object.keys(expected)) {
    if (Object.hasOwn(KNOWN, key)) continue;
    throw new JobdError("invalid_request", `Unknown field ${JSON.stringify(key)} of an expected job`, {
      hint: `Known fields: ${Object.keys(KNOWN).join(", ")}.`,
    });
  }
  const { count } = expected;
  if (count !== undefined && (!Number.isInteger(count) || count < 0)) {
    throw invalid("count", count, "a whole number from 0");
  }
  return expected;
}

/** Compares jobs with what is expected of them. */
export function checkOf(expected: ExpectedJob): Check {
  const { type, queue, tags, origin, uniqueKey, maxAttempts } = expected;
  const checks: Check[] = [];
  const field = (name: string, pattern: unknown, of: (job: NewJob) => unknown): void => {
    if (pattern !== undefined) checks.push((job) => differences(name, of(job), pattern));
  };
  field("type", type, (job) => job.type);
  field("queue", queue, (job) => job.queue);
  field(
    "priority",
    expected.priority === undefined ? undefined : parsePriority(expected.priority),
    (job) => job.priority,
  );
  field("maxAttempts", maxAttempts, (job) => job.maxAttempts);
  field("uniqueKey", uniqueKey, (job) => job.options.uniqueKey ?? job.options.unique?.key);
  field("origin", origin, (job) => job.options.origin);
  field("meta", expected.meta, (job) => job.options.meta);
  field("headers", expected.headers, (job) => job.options.headers);
  field("payload", expected.payload, (job) => job.payload);
  if (tags !== undefined) checks.push((job) => tagDifferences(job, tags));
  checks.push(...timeChecks(expected));
  return (job) => checks.flatMap((check) => check(job));
}

function tagDifferences({ options: { tags = [] } }: NewJob, expected: readonly string[]): Difference[] {
  const missing = expected.filter((tag) => !tags.includes(tag));
  return missing.length === 0
    ? []
    : [different("tags", tags, `with ${missing.map((tag) => `"${tag}"`).join(", ")}`)];
}

function timeChecks({ delay, runAt, within = 0 }: ExpectedJob): Check[] {
  const toleranceMs = parseDuration(within, "tolerance");
  const about = toleranceMs === 0 ? "" : `, give or take ${formatDuration(toleranceMs)}`;
  const checks: Check[] = [];
  if (delay !== undefined) {
    const ms = parseDuration(delay, "delay");
    checks.push((job) => {
      const actual = job.runAt - job.createdAt;
      if (Math.abs(actual - ms) <= toleranceMs) return [];
      return [{ path: "delay", actual: formatDuration(actual), expected: `${formatDuration(ms)}${about}` }];
    });
  }
  if (runAt !== undefined) {
    const at = parseInstant(runAt, "start time");
    checks.push((job) => {
      if (Math.abs(job.runAt - at) <= toleranceMs) return [];
      return [{ path: "runAt", actual: formatInstant(job.runAt), expected: `${formatInstant(at)}${about}` }];
    });
  }
  return checks;
}

/** What is expected, in words. */
export function showExpected({ type, count: _, ...rest }: ExpectedJob & ExpectedCount): string {
  const fields = Object.entries(rest).filter(([, value]) => value !== undefined);
  const like = fields.map(([key, value]) =>
    `${key} ${value instanceof Date ? value.toISOString() : showPattern(value)}`
  );
  return [type === undefined ? "any type" : `type "${type}"`, ...like].join(", ");
}
