import { z } from "zod";
import { EXECUTION_OUTCOMES } from "../../../domain/job.ts";
import { instant, json } from "./common.ts";
import { failure } from "./job.ts";

/** A job that a remote worker is to run. */
const leasedJob = z.object({
  id: z.uuid(),
  attempt: z.int().meta({ description: "which attempt this is; every report names it" }),
  queue: z.string(),
  type: z.string(),
  priority: z.int(),
  payload: json,
  deadline: instant.meta({ description: "when the attempt must have ended" }),
  timeoutMs: z.int().meta({ description: "how long that is from its start on" }),
  failures: z.int(),
  maxAttempts: z.int(),
  createdAt: instant,
  startedAt: instant,
  headers: z.record(z.string(), z.string()),
  tags: z.array(z.string()),
  meta: z.record(z.string(), json),
  progress: json.meta({ description: "the latest progress note, of an earlier attempt too" }),
  error: failure.nullable().meta({ description: "the latest failure" }),
}).meta({ id: "LeasedJob" });

/** Jobs under a lease. */
export const lease = z.object({
  lease: z.object({
    id: z.string(),
    worker: z.string(),
    expiresAt: instant,
    leaseMs: z.int().meta({ description: "renew it well before so much time has passed" }),
  }).nullable().meta({ description: "null when there is nothing to do" }),
  jobs: z.array(leasedJob),
}).meta({ id: "Lease" });

/** What became of a lease. */
export const renewed = z.object({
  id: z.string(),
  expiresAt: instant,
  leaseMs: z.int(),
  jobs: z.array(z.object({
    id: z.string(),
    status: z.enum(["running", "cancel", "lost"]).meta({
      description: "go on; stop and report; or stop and forget it, because others may have it",
    }),
  })),
}).meta({ id: "RenewedLease" });

/** How an attempt ended. */
export const ended = z.object({
  jobId: z.uuid(),
  attempt: z.int(),
  outcome: z.enum(EXECUTION_OUTCOMES),
  willRunAgain: z.boolean(),
}).meta({ id: "AttemptEnd" });

/** What came of asking for an answer. */
export const answer = z.object({
  status: z.enum(["answered", "timed_out", "parked"]).meta({
    description:
      "here it is; nobody answered in time; or the attempt has ended and the job runs again with the answer",
  }),
  value: json.optional(),
}).meta({ id: "WaitAnswer" });
