import type { NewAuditEntry } from "../../src/domain/audit.ts";
import type { Batch } from "../../src/domain/batch.ts";
import type { JobdEvent } from "../../src/domain/event.ts";
import type { Execution, Job, LogChunk } from "../../src/domain/job.ts";
import type { Limit } from "../../src/domain/limit.ts";
import type { Schedule, TickRecord } from "../../src/domain/schedule.ts";
import type { JobWait } from "../../src/domain/wait.ts";
import type { StatRow } from "../../src/domain/stat.ts";
import { JOB_STATES } from "../../src/domain/states.ts";
import type { Driver, QueueCount, TypeCount } from "../../src/storage/driver.ts";
import { GROUP_KEYS, STEPS } from "./random_operations.ts";
import { allJobs } from "./world.ts";

/** Everything of a store that its methods show, in a fixed order, so that two stores can be compared. */
export interface Visible {
  /** All jobs by id; lease ids replaced by whether there is one, because each backend numbers its own. */
  jobs: (Omit<Job, "leaseId"> & { leased: boolean })[];
  /** Ids by state, each in its natural order. */
  states: string[];
  executions: Execution[];
  logs: (LogChunk & { jobId: string })[];
  steps: string[];
  waits: JobWait[];
  counts: QueueCount[];
  types: TypeCount[];
  namespaces: unknown[];
  queues: unknown[];
  stats: StatRow[];
  limits: Limit[];
  schedules: Schedule[];
  ticks: TickRecord[][];
  batches: { batch: Batch; members: string[] }[];
  events: JobdEvent[];
  audit: NewAuditEntry[];
  /** Groups that wait, without their ids, which each backend gives itself, and the members of all groups. */
  groups: unknown[];
}

/** Reads everything of one namespace. */
export async function visible(driver: Driver, namespace = "default"): Promise<Visible> {
  const jobs = (await allJobs(driver, { namespace })).sort(by((job) => job.id));
  const states: string[] = [];
  for (const state of JOB_STATES) {
    const listed = await allJobs(driver, { namespace, states: [state], limit: 7 });
    // Which queue comes first is each backend's own affair, so available jobs are compared queue by queue.
    if (state === "available") listed.sort(by((job) => job.queue));
    states.push(...listed.map(({ id }) => `${state} ${id}`));
  }
  const ran = jobs.filter(({ attempt }) => attempt > 0);
  const logs = await Promise.all(
    ran.map(async ({ id: jobId }) =>
      (await driver.logs({ jobId, limit: 1_000 })).map((chunk) => ({ ...chunk, jobId }))
    ),
  );
  const schedules = await driver.schedules({ namespace, limit: 100 });
  const steps = await Promise.all(
    ran.flatMap(({ id }) =>
      STEPS.map(async (name) => `${id} ${name} ${JSON.stringify(await driver.step(id, name))}`)
    ),
  );
  return {
    jobs: jobs.map(({ leaseId, ...job }) => ({ ...job, leased: leaseId !== null })),
    states,
    executions: await allExecutions(driver, namespace),
    logs: logs.flat(),
    steps,
    waits: (await Promise.all(jobs.map(({ id }) => driver.waits(id)))).flat(),
    counts: (await driver.counts(namespace, 1_000))
      .filter(({ count }) => count > 0)
      .sort(by(({ queue, state }) => `${queue} ${state}`)),
    types: await driver.typeCounts(namespace, 1_000),
    namespaces: await driver.namespaces(),
    queues: await driver.queues(namespace),
    limits: await driver.limits(namespace),
    stats: (await driver.stats({ namespace, from: 0, to: Number.MAX_SAFE_INTEGER / 1_000 }))
      .sort(by((row) => JSON.stringify([row.minute, row.step, row.queue, row.type, row.outcome]))),
    schedules,
    ticks: await Promise.all(schedules.map(({ id }) => driver.ticks({ scheduleId: id, limit: 1_000 }))),
    batches: await allBatches(driver, namespace),
    events: await driver.eventsAfter(0, 1_000),
    audit: (await driver.audit({ namespace, limit: 1_000 })).items.map(({ id: _, ...entry }) => entry),
    groups: await groupsOf(driver, namespace),
  };
}

async function allBatches(driver: Driver, namespace: string): Promise<Visible["batches"]> {
  const batches: Visible["batches"] = [];
  let cursor: string | undefined;
  do {
    const page = await driver.batches({ namespace, limit: 3, ...(cursor === undefined ? {} : { cursor }) });
    for (const batch of page.items) {
      const members = await allJobs(driver, { namespace, batch: batch.id, limit: 5 });
      batches.push({ batch, members: members.map(({ id }) => id) });
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return batches;
}

async function groupsOf(driver: Driver, namespace: string): Promise<unknown[]> {
  const groups = await driver.groups({ namespace, limit: 1_000 });
  const members = await Promise.all(
    GROUP_KEYS.map(async (key) =>
      (await driver.groupJobs({ namespace, key, limit: 1_000 })).map(({ id }) => id)
    ),
  );
  return [...groups.map(({ id: _, ...group }) => group), ...members];
}

async function allExecutions(driver: Driver, namespace: string): Promise<Execution[]> {
  const executions: Execution[] = [];
  let cursor: string | undefined;
  do {
    const query = { namespace, limit: 50, ...(cursor === undefined ? {} : { cursor }) };
    const page = await driver.listExecutions(query);
    executions.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return executions;
}

/** Compares by a text. */
export function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}
