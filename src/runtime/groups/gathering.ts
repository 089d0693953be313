import type { Gathering } from "../../domain/group.ts";
import type { Job } from "../../domain/job.ts";
import type { ClaimResult, Driver } from "../../storage/driver.ts";
import type { Handler } from "../handler.ts";

/** What is started after a claim. */
export interface Starting {
  /** All jobs. */
  jobs: Job[];
  /** Those that are handled together, by id. */
  groups: string[][];
}

/**
 * Starts, with jobs that lead groups, those who have gathered there. Claims without such jobs cost nothing more. When it
 * fails, the claim is left alone: nobody knows what was started, and the end of the lease brings all of it back.
 */
export async function gatherGroups(
  { driver, handlers, now }: {
    driver: Pick<Driver, "gather">;
    handlers: ReadonlyMap<string, Handler>;
    now: number;
  },
  { leaseId, jobs }: ClaimResult,
): Promise<Starting> {
  const leaders = jobs.filter(({ options }) => options.group !== undefined);
  if (leaseId === null || leaders.length === 0) return { jobs, groups: [] };
  const types = [...new Set(leaders.map(({ type }) => type))];
  const apart = types.filter((type) => handlers.get(type)?.grouped !== true);
  const runs = leaders.map(({ id, attempt }) => ({ id, attempt }));
  const gathered = await driver.gather({ leaseId, runs, apart, now });
  const all = new Map([...jobs, ...gathered.flatMap((group) => group.jobs)].map((job) => [job.id, job]));
  const groups = gathered
    .map((group) => [...group.runs, ...group.jobs.map(({ id }) => id)])
    .flatMap((ids) => pieces(ids, sizeOf(all.get(ids[0] ?? ""))));
  return { jobs: [...all.values()], groups };
}

function sizeOf(job: Job | undefined): number {
  return (job?.options.group as Gathering).size;
}

/** Jobs that an operator has retried may be more than their group takes at a time. */
function pieces(ids: string[], size: number): string[][] {
  return Array.from(
    { length: Math.ceil(ids.length / size) },
    (_, at) => ids.slice(at * size, (at + 1) * size),
  );
}
