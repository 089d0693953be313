/** Rounds of jobs with groups, for tests in which the process dies in between. */
import assert from "node:assert/strict";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { decideAt, newJob } from "../conformance/world.ts";

/** When a round begins. */
export const T = Date.UTC(2026, 0, 1);
/** How many are enough. */
export const SIZE = 3;
/** Jobs of a round: two full groups and one that is not. */
export const COUNT = 7;
const LEASE = 30_000;

/** The jobs of a round, always the same. */
export function jobsOfRound(round: number): NewJob[] {
  const group = { key: `round ${round}`, size: SIZE, maxAgeMs: 60_000 };
  return Array.from(
    { length: COUNT },
    (_, at) =>
      newJob(round * 100 + at, { createdAt: T, runAt: T, payload: at, maxAttempts: 100, options: { group } }),
  );
}

/** Lets groups go that are due and handles them; gives the groups. */
export async function handOver(
  driver: Driver,
  now: number,
  end: (job: Job) => "completed" | "failed",
): Promise<string[][]> {
  await driver.ripen(now, 100);
  await driver.promote(now, 100);
  const claim = await driver.claim({
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 100,
    now,
    expiresAt: now + LEASE,
  });
  const { leaseId } = claim;
  if (leaseId === null) return [];
  const runs = claim.jobs.map(({ id, attempt }) => ({ id, attempt }));
  const gathered = await driver.gather({ leaseId, runs, apart: [], now });
  const groups = gathered.map(({ runs, jobs }) => [...runs, ...jobs.map(({ id }) => id)]);
  for (const ids of groups) assert.ok(ids.length <= SIZE, `a group of ${ids.length}`);
  const jobs = [...claim.jobs, ...gathered.flatMap((group) => group.jobs)];
  const outcome = (job: Job): Outcome =>
    end(job) === "completed"
      ? { kind: "completed", result: job.attempt }
      : { kind: "failed", error: { code: "error", message: "again" } };
  const transitions = jobs.map((job) => decideAt(job, outcome(job), now));
  const results = await driver.settle({ transitions, close: [leaseId] });
  assert.ok(results.every((result) => result === "applied"), "every job that is handed over is ours");
  return groups;
}

/** Takes back what dead processes have left. */
export async function rescue(driver: Driver, now: number): Promise<void> {
  for (const { leaseId, expiresAt, jobs } of await driver.orphans({ now, workers: [], limit: 100 })) {
    const transitions = jobs.map((job) => decideAt(job, { kind: "lost", message: "gone" }, now));
    await driver.settle({ transitions, close: [leaseId], rescue: { leaseId, expiresAt } });
  }
}
