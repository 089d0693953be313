import type { FailureRecord, Job } from "../domain/job.ts";
import type { Json } from "../domain/json.ts";
import type { JobState } from "../domain/states.ts";
import { readable } from "./encryption/readable.ts";
import type { Driver } from "../storage/driver.ts";

/** A job that another one was to come after, as it is now. */
export interface Parent {
  /** Its id. */
  id: string;
  /** Its type. */
  type: string;
  /** Its state: `completed`, unless the job was to start whatever becomes of it, or one of several was enough. */
  state: JobState;
  /** What its handler returned. */
  result: Json;
  /** Its latest failure. */
  error: FailureRecord | null;
}

/** Reads the jobs that a job has come after, in the order in which it names them; those that are gone are left out. */
export async function parentsOf(driver: Driver, { options }: Job): Promise<Parent[]> {
  const ids = options.after?.jobs ?? [];
  if (ids.length === 0) return [];
  const found = new Map((await driver.get(ids)).map((job) => [job.id, job]));
  return ids.flatMap((id) => {
    const job = found.get(id);
    return job === undefined ? [] : [toParent(job.state === "completed" ? readable(job) : job)];
  });
}

function toParent({ id, type, state, result, error }: Job): Parent {
  return { id, type, state, result, error };
}
