import type { NewJob } from "../../src/domain/job.ts";
import { type Limit, limitName, type LimitSettings } from "../../src/domain/limit.ts";
import type { ClaimRequest, Driver } from "../../src/storage/driver.ts";
import { done, LEASE, T, type World } from "./world.ts";

/** A limit of type "t" unless another name is given. */
export async function limit(
  w: World,
  settings: LimitSettings,
  { queue, type = "t", key, source = "operator", pausedAt = null, at = T }: {
    queue?: string;
    type?: string;
    key?: string;
    source?: Limit["source"];
    pausedAt?: number | null;
    at?: number;
  } = {},
): Promise<Limit> {
  const about = queue === undefined ? { type } : { queue };
  const name = limitName("default", { ...about, ...(key === undefined ? {} : { key }) });
  return await w.driver.saveLimit({ ...name, settings, pausedAt, source }, at);
}

/** Adds jobs of type "t". */
export function addJobs(
  w: World,
  count: number,
  key?: string,
  over: Partial<NewJob> = {},
): Promise<string[]> {
  const options = { ...over.options, ...(key === undefined ? {} : { limitKey: key }) };
  return w.addMany(count, { type: "t", ...over, options });
}

/** Claims what is available and lets it pass its limits; gives what started and what waits. */
export async function begin(
  w: World,
  over: Partial<ClaimRequest> = {},
  driver: Driver = w.driver,
): Promise<{ started: string[]; parked: string[] }> {
  const request = { limit: 100, ...over };
  const { leaseId, jobs } = await w.claim(request, driver);
  if (leaseId === null) return { started: [], parked: [] };
  const runs = jobs.map(({ id, attempt }) => ({ id, attempt }));
  const results = await driver.acquire({ namespace: "default", leaseId, runs, now: over.now ?? T });
  const those = (result: string): string[] =>
    jobs.filter((_, at) => results[at] === result).map(({ id }) => id);
  return { started: those("granted"), parked: those("parked") };
}

/** Starts jobs that wait at limits. */
export async function next(w: World, over: Partial<ClaimRequest> = {}): Promise<string[]> {
  const now = over.now ?? T;
  const { jobs } = await w.driver.claimParked({
    worker: "w1",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 100,
    now,
    expiresAt: now + LEASE,
    ...over,
  });
  return jobs.map(({ id }) => id);
}

/** Ends a job, and says so to those who wait. */
export async function finish(w: World, id: string, at = T): Promise<void> {
  await w.settle(await w.job(id), done, at);
  await w.driver.release([id], at);
}

export async function states(w: World, ids: string[]): Promise<string[]> {
  return (await Promise.all(ids.map((id) => w.job(id)))).map(({ state }) => state);
}
