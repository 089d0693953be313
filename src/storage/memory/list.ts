import { invalid } from "../../domain/errors.ts";
import type { Execution, Job } from "../../domain/job.ts";
import type { JobState } from "../../domain/states.ts";
import type { JobQuery, Page, QueueCount, TypeCount } from "../driver.ts";
import { compareText, copy, type JobRow, type Tables, toJob } from "./tables.ts";

/** Place of a job in a list: numbers and ids, compared one after the other. */
type Key = (number | string)[];

/** One natural order of jobs. */
interface Order {
  key(job: JobRow): Key;
  /** Whether the highest key comes first. */
  descending: boolean;
}

/** One page of jobs. The cursor is the number of the state in the query and the key of the last job. */
export function listJobs(tables: Tables, query: JobQuery): Page<Job> {
  const apart = query.states !== undefined && query.states.length > 0 && query.batch === undefined;
  const states: (JobState | null)[] = apart ? query.states ?? [] : [null];
  const [start, after] = readCursor(query.cursor, states.length);
  const found: { job: JobRow; cursor: string }[] = [];
  for (let part = start; part < states.length && found.length <= query.limit; part++) {
    const { key, descending } = query.batch === undefined
      ? orderOf(tables, states[part] ?? null)
      : OLDEST_FIRST;
    const compare = (a: Key, b: Key): number => descending ? compareKeys(b, a) : compareKeys(a, b);
    const entries = [...tables.jobs.values()]
      .filter((job) => states[part] === null || job.state === states[part])
      .filter((job) => matches(job, query))
      .map((job) => ({ job, key: key(job) }))
      .filter((entry) => part > start || after === null || compare(entry.key, after) > 0)
      .sort((a, b) => compare(a.key, b.key));
    for (const entry of entries) found.push({ job: entry.job, cursor: JSON.stringify([part, entry.key]) });
  }
  const page = found.slice(0, query.limit);
  const last = page.at(-1);
  const items = page.map(({ job }) => toJob(job));
  return found.length > page.length && last ? { items, nextCursor: last.cursor } : { items };
}

const OLDEST_FIRST: Order = { key: (job) => [job.id], descending: false };

function orderOf(tables: Tables, state: JobState | null): Order {
  switch (state) {
    case "available":
      return { key: (job) => [tables.queueOf(job).id, -job.priority, job.seq], descending: false };
    case "scheduled":
      return { key: (job) => [job.runAt, job.id], descending: false };
    case "blocked":
      return {
        key: (job) => [job.parked?.scope ?? "", -job.priority, job.parked?.turn ?? 0, job.id],
        descending: false,
      };
    case "running":
      return { key: (job) => [Number(job.leaseId), job.id], descending: false };
    case "dead":
    case "cancelled":
    case "expired":
      return { key: (job) => [job.finishedAt ?? 0, job.id], descending: true };
    default:
      return { key: (job) => [job.id], descending: true };
  }
}

function readCursor(cursor: string | undefined, states: number): [number, Key | null] {
  if (cursor === undefined) return [0, null];
  try {
    const [part, key] = JSON.parse(cursor) as [number, Key];
    if (part < states && Array.isArray(key)) return [part, key];
  } catch {
    // Not JSON: reported below.
  }
  throw invalid("cursor", cursor, "one that the previous page gave for the same query");
}

function matches(job: JobRow, query: JobQuery): boolean {
  const { namespace, queues, types, tags = [], anyTags, origin, search, createdBefore, batch } = query;
  return job.namespace === namespace &&
    (batch === undefined || (job.options.batch === batch && (query.states?.includes(job.state) ?? true))) &&
    (queues === undefined || queues.includes(job.queue)) &&
    (types === undefined || types.includes(job.type)) &&
    tags.every((tag) => job.options.tags?.includes(tag)) &&
    (anyTags === undefined || anyTags.some((tag) => job.options.tags?.includes(tag))) &&
    (origin === undefined || job.options.origin === origin) &&
    (createdBefore === undefined || job.createdAt < createdBefore) &&
    (search === undefined ||
      (job.options.redact === undefined && holds(JSON.stringify(job.payload), search)) ||
      holds(job.error?.message ?? "", search));
}

function holds(text: string, search: string): boolean {
  const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower(text).includes(lower(search));
}

/** Jobs whose id begins with the text, then those whose id ends with it, newest first. */
export function findJobs(tables: Tables, partialId: string, limit: number): Job[] {
  const part = partialId.toLowerCase();
  if (part === "") return [];
  const newest = [...tables.jobs.values()].sort((a, b) => compareText(b.id, a.id));
  const beginning = newest.filter(({ id }) => id.startsWith(part));
  const ending = newest.filter(({ id }) => id.endsWith(part) && !id.startsWith(part));
  return [...beginning, ...ending].slice(0, limit).map(toJob);
}

/** Attempts of all jobs, newest job first, latest attempt first. */
export function listAttempts(
  tables: Tables,
  query: { namespace: string; limit: number; cursor?: string },
): Page<Execution> {
  const after = query.cursor === undefined ? null : readCursor(query.cursor, 1)[1];
  const entries = [...tables.jobs.values()]
    .filter((job) => job.namespace === query.namespace)
    .flatMap((job) => tables.executionsOf(job))
    .map((execution): { execution: Execution; key: Key } => ({
      execution,
      key: [execution.jobId, execution.attempt],
    }))
    .filter((entry) => after === null || compareKeys(entry.key, after) < 0)
    .sort((a, b) => compareKeys(b.key, a.key));
  const page = entries.slice(0, query.limit);
  const items = page.map(({ execution }) => copy(execution));
  return entries.length > page.length
    ? { items, nextCursor: JSON.stringify([0, page.at(-1)?.key ?? []]) }
    : { items };
}

/** How many jobs each queue has in each state except completed. */
export function countJobs(tables: Tables, namespace: string, cap: number): QueueCount[] {
  const counts = new Map<string, QueueCount>();
  for (const { namespace: owner, queue, state } of tables.jobs.values()) {
    if (owner !== namespace || state === "completed") continue;
    const key = `${queue}\n${state}`;
    const entry = counts.get(key) ?? { queue, state, count: 0, capped: false };
    counts.set(key, entry);
    if (entry.count < cap) entry.count++;
    else entry.capped = true;
  }
  return [...counts.values()].sort((a, b) => compareText(a.queue, b.queue) || compareText(a.state, b.state));
}

/** The same by type. */
export function countTypes(tables: Tables, namespace: string, cap: number): TypeCount[] {
  const counts = new Map<string, TypeCount>();
  for (const { namespace: owner, type, state } of tables.jobs.values()) {
    if (owner !== namespace || state === "completed") continue;
    const key = `${type}\n${state}`;
    const entry = counts.get(key) ?? { type, state, count: 0, capped: false };
    counts.set(key, entry);
    if (entry.count < cap) entry.count++;
    else entry.capped = true;
  }
  return [...counts.values()].sort((a, b) => compareText(a.type, b.type) || compareText(a.state, b.state));
}

function compareKeys(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
