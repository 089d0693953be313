import { JobdError } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";

/** The job, for those who need its result. @throws {JobdError} `key_missing` when it is encrypted and cannot be read here */
export function readable(job: Job): Job {
  if (job.sealed === undefined) return job;
  throw new JobdError("key_missing", `The result of job ${job.id} cannot be read here: ${job.sealed}`, {
    hint: "Give this program the key, by JOBD_ENCRYPTION_KEYS or `encryption` of Jobd.open().",
  });
}
