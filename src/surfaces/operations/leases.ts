import { z } from "zod";
import { WHOLE } from "../../runtime/remote/options.ts";
import type {
  Lease,
  LeasedJob,
  LeasedRun,
  LeaseScope,
  RemoteFailure,
  RenewedLease,
} from "../../runtime/remote/options.ts";
import { iso, type View } from "../views.ts";
import { given } from "./filters.ts";
import { type Call, type Operation, operation } from "./operation.ts";
import { done, duration, jobId, json, name, time } from "./schemas/common.ts";
import { answer, ended, lease, renewed } from "./schemas/lease.ts";

const leaseId = z.string().max(64).meta({ description: "the lease" });
const leaseTime = duration.optional().meta({
  description: "how long the lease lasts from now on without renewal, 1s to 1h",
});

/** Which attempt a report is about. */
const run = {
  id: leaseId,
  jobId,
  attempt: z.int().min(1).meta({ description: "as the lease says; a report of another one changes nothing" }),
};
type Run = { id: string; jobId: string; attempt: number };

/** An agent would hold a lease that nobody renews while it thinks. */
const NO_TOOL = "workers run jobs, not agents";

const AGAIN =
  "Repeated, because its answer was lost, it is answered the same. `lease_lost` says that it came too late.";

function runOf({ id, jobId, attempt }: Run): LeasedRun {
  return { lease: id, job: jobId, attempt };
}

/** What the caller's token is for. */
function scopeOf({ caller }: Call): LeaseScope {
  return caller ?? WHOLE;
}

/** How a report about an attempt is called. */
function report(what: string): Pick<Operation, "name" | "role" | "http" | "noTool"> {
  return {
    name: `leases.${what}`,
    role: "work",
    http: { method: "post", path: `/leases/{id}/jobs/{jobId}/${what}` },
    noTool: NO_TOOL,
  };
}

/** What workers in other programs and languages do. */
export const LEASE_OPERATIONS: readonly Operation[] = [
  operation({
    name: "leases.claim",
    summary: "Claim jobs to run them elsewhere",
    details:
      "Waits for work, if asked to. The jobs are the worker's until the lease ends, so it renews the lease while it runs " +
      "them, and reports how each of them ended. What a token is not for is left out.",
    role: "work",
    http: { method: "post", path: "/leases" },
    noTool: NO_TOOL,
    late: true,
    input: z.strictObject({
      worker: name.meta({ description: "the worker's name, the same for each call" }),
      queues: z.array(name).optional().meta({ description: "in order of preference; default all" }),
      types: z.array(name).optional().meta({ description: "what it can run; default everything" }),
      limit: z.int().min(1).max(100).default(1).meta({ description: "jobs at most" }),
      wait: duration.default(0).meta({ description: "how long to wait for work, at most 50s" }),
      lease: leaseTime,
    }),
    output: lease,
    touches: ({ queues = [], types = [] }) => [
      ...queues.map((queue) => ({ queue })),
      ...types.map((type) => ({ type })),
    ],
    async run(call, input) {
      const scope = scopeOf(call);
      const claimed = await call.jobd.leases.claim(given(input), { scope, signal: call.signal });
      return claimed === undefined ? { lease: null, jobs: [] } : leaseView(claimed);
    },
  }),
  operation({
    name: "leases.extend",
    summary: "Renew a lease, and hear which of its jobs are to be stopped",
    details:
      "Call it at least every third of the lease. Attempts that have taken longer than they may end here, and are lost to " +
      "the worker. `lease_lost` says that all of them are.",
    role: "work",
    http: { method: "patch", path: "/leases/{id}" },
    noTool: NO_TOOL,
    input: z.strictObject({
      id: leaseId,
      jobs: z.array(jobId).max(100).optional().meta({
        description: "tell of these; default all that still run. The lease is renewed for all of them",
      }),
      lease: leaseTime,
    }),
    output: renewed,
    run: async (call, { id, ...options }) =>
      renewedView(await call.jobd.leases.extend(id, given(options), scopeOf(call))),
  }),
  operation({
    ...report("complete"),
    summary: "The attempt succeeded",
    details: AGAIN,
    input: z.strictObject({ ...run, result: json.optional() }),
    output: ended,
    run: (call, { result, ...which }) =>
      call.jobd.leases.complete(runOf(which), result ?? null, scopeOf(call)),
  }),
  operation({
    ...report("fail"),
    summary: "The attempt failed: the job runs again after its backoff, or is a dead letter",
    details: AGAIN,
    input: z.strictObject({
      ...run,
      error: z.union([
        z.string(),
        z.strictObject({
          code: z.string().min(1).optional(),
          message: z.string(),
          stack: z.string().optional(),
          causes: z.array(z.string()).optional(),
          data: json.optional(),
        }),
      ]).meta({ description: "what went wrong: a message, or more about it" }),
      permanent: z.boolean().optional().meta({ description: "retrying cannot help: a dead letter at once" }),
      transient: z.boolean().optional().meta({ description: "costs none of the job's attempts" }),
      retryIn: duration.optional().meta({ description: "wait this long, instead of the backoff" }),
    }),
    output: ended,
    run: (call, { id, jobId, attempt, ...failure }) =>
      call.jobd.leases.fail(runOf({ id, jobId, attempt }), given(failure) as RemoteFailure, scopeOf(call)),
  }),
  operation({
    ...report("snooze"),
    summary: "Run the job again later; costs none of its attempts",
    details: AGAIN,
    input: z.strictObject({
      ...run,
      delay: duration.optional().meta({ description: "for so long; or else until" }),
      until: time.optional().meta({ description: "until then; or else delay" }),
      reason: z.string().optional().meta({ description: "why; kept with the attempt" }),
      coolDown: z.boolean().optional().meta({
        description:
          "nothing else of the job's limit key, or of its type without one, starts before that either",
      }),
    }),
    output: ended,
    run: (call, { id, jobId, attempt, ...options }) =>
      call.jobd.leases.snooze(runOf({ id, jobId, attempt }), given(options), scopeOf(call)),
  }),
  operation({
    ...report("release"),
    summary: "Hand the job back unfinished, so that others have it at once: for a worker that stops",
    details: AGAIN,
    input: z.strictObject(run),
    output: ended,
    run: (call, which) => call.jobd.leases.release(runOf(which), scopeOf(call)),
  }),
  operation({
    ...report("wait"),
    summary: "Ask for an answer from outside; without one the attempt ends until it comes",
    details: AGAIN,
    input: z.strictObject({
      ...run,
      name: z.string().meta({ description: "the wait, within the job" }),
      timeout: duration.optional().meta({ description: "how long to wait from the first time on" }),
    }),
    output: answer,
    run: (call, { id, jobId, attempt, ...options }) =>
      call.jobd.leases.wait(runOf({ id, jobId, attempt }), given(options), scopeOf(call)),
  }),
  operation({
    ...report("progress"),
    summary: "Keep a progress note",
    input: z.strictObject({ ...run, progress: json.optional() }),
    output: done,
    async run(call, { progress, ...which }) {
      await call.jobd.leases.progress(runOf(which), progress ?? null, scopeOf(call));
      return {};
    },
  }),
  operation({
    ...report("logs"),
    summary: "Add a piece to the log of the attempt",
    details: "Whole lines, best: values that nobody may see are looked for in each piece by itself.",
    input: z.strictObject({
      ...run,
      seq: z.int().min(0).meta({
        description: "which piece of this attempt, from 0 on; sent again, it is stored once",
      }),
      text: z.string().meta({ description: "up to 65536 characters" }),
      stream: z.enum(["stdout", "stderr"]).default("stdout"),
    }),
    output: done,
    async run(call, { id, jobId, attempt, ...piece }) {
      await call.jobd.leases.log(runOf({ id, jobId, attempt }), piece, scopeOf(call));
      return {};
    },
  }),
];

function leaseView({ id, worker, expiresAt, leaseMs, jobs }: Lease): View {
  return { lease: { id, worker, expiresAt: iso(expiresAt), leaseMs }, jobs: jobs.map(jobView) };
}

function jobView({ job, deadline }: LeasedJob): View {
  const { id, attempt, queue, type, priority, payload, failures, maxAttempts, progress, error } = job;
  const { headers = {}, tags = [], meta = {} } = job.options;
  const startedAt = job.startedAt ?? deadline;
  return {
    ...{ id, attempt, queue, type, priority, payload, failures, maxAttempts, progress, error },
    ...{ headers, tags, meta, deadline: iso(deadline), timeoutMs: deadline - startedAt },
    createdAt: iso(job.createdAt),
    startedAt: iso(startedAt),
  };
}

function renewedView({ expiresAt, ...rest }: RenewedLease): View {
  return { ...rest, expiresAt: iso(expiresAt) };
}
