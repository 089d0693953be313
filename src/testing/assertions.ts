import { AssertionError } from "node:assert";
import { show } from "../domain/errors.ts";
import { formatDuration } from "../domain/duration.ts";
import type { NewJob } from "../domain/job.ts";
import { checkOf, type ExpectedCount, type ExpectedJob, showExpected } from "./expected_job.ts";
import type { Difference } from "./pattern.ts";

/** Jobs that a message lists. */
const LISTED = 20;
/** A job of another type is further away than any of the same one. */
const OTHER_TYPE = 1_000;

/** The jobs that are as expected. */
export function matching(enqueued: readonly NewJob[], expected: ExpectedJob): NewJob[] {
  const check = checkOf(expected);
  return enqueued.filter((job) => check(job).length === 0);
}

/** Fails unless there are as many as expected. */
export function assertEnqueued(enqueued: readonly NewJob[], expected: ExpectedJob & ExpectedCount): NewJob[] {
  const { count } = expected;
  const found = matching(enqueued, expected);
  if (count === undefined ? found.length > 0 : found.length === count) return found;
  const wanted = count === undefined ? "a job" : count === 1 ? "exactly 1 job" : `exactly ${count} jobs`;
  const many = count !== undefined && found.length > count;
  fail(
    [
      `Expected ${wanted} to be enqueued: ${showExpected(expected)}`,
      ...(found.length === 0 ? [] : [`There are ${found.length}.`]),
      ...(many ? [] : nearest(enqueued.filter((job) => !found.includes(job)), expected)),
      ...listed(enqueued),
    ],
    found.length,
    count ?? 1,
  );
}

/** Fails when there is one. */
export function refuteEnqueued(enqueued: readonly NewJob[], expected: ExpectedJob): void {
  const found = matching(enqueued, expected);
  if (found.length === 0) return;
  fail([`Expected no job to be enqueued: ${showExpected(expected)}`, ...listed(found)], found.length, 0);
}

function nearest(enqueued: readonly NewJob[], expected: ExpectedJob): string[] {
  const check = checkOf(expected);
  const all = enqueued.map((job) => ({ job, found: check(job) })).sort((a, b) =>
    distance(a.found) - distance(b.found)
  );
  const [first] = all;
  if (first === undefined) return [];
  return [
    `The nearest one is ${line(first.job)}`,
    ...first.found.map(({ path, actual, expected }) => `    ${path} is ${actual}, expected ${expected}`),
  ];
}

function distance(found: readonly Difference[]): number {
  return found.reduce((sum, { path }) => sum + (path === "type" ? OTHER_TYPE : 1), 0);
}

function listed(jobs: readonly NewJob[]): string[] {
  if (jobs.length === 0) return ["Nothing was enqueued."];
  const more = jobs.length > LISTED ? [`    and ${jobs.length - LISTED} more`] : [];
  const counted = jobs.length === 1 ? "1 job was" : `${jobs.length} jobs were`;
  return [
    `${counted} enqueued:`,
    ...jobs.slice(0, LISTED).map((job, index) => `    ${index + 1}. ${line(job)}`),
    ...more,
  ];
}

/** A job in one line: what is usual is left out. */
function line({ type, payload, queue, priority, createdAt, runAt, options }: NewJob): string {
  const parts = [type, show(payload)];
  if (queue !== "default") parts.push(`queue ${queue}`);
  if (priority !== 0) parts.push(`priority ${priority}`);
  if (runAt > createdAt) parts.push(`delay ${formatDuration(runAt - createdAt)}`);
  if (options.uniqueKey !== undefined) parts.push(`unique ${show(options.uniqueKey)}`);
  if (options.tags !== undefined) parts.push(`tags ${show(options.tags)}`);
  return parts.join(" ");
}

function fail(lines: readonly string[], actual: number, expected: number): never {
  throw new AssertionError({ message: lines.join("\n"), actual, expected, operator: "enqueued" });
}
