import { z } from "zod";
import type { Json } from "../../domain/json.ts";
import type { WaitTarget } from "../../runtime/job_waits.ts";
import { waitView } from "../views.ts";
import { given } from "./filters.ts";
import { type Operation, operation } from "./operation.ts";
import { instant, jobId, json } from "./schemas/common.ts";

const wait = z.object({
  name: z.string(),
  kind: z.enum(["answer", "sleep"]),
  status: z.enum(["open", "answered", "timed_out", "over"]),
  value: json,
  answerKey: z.string().nullable(),
  openedAt: instant,
  askedAt: instant.nullable(),
  until: instant.nullable(),
  answeredAt: instant.nullable(),
  timedOutAt: instant.nullable(),
}).meta({ id: "Wait" });

const resumed = z.object({
  jobId: z.uuid(),
  name: z.string(),
  outcome: z.enum(["resumed", "kept", "existing"]).meta({
    description: "the job goes on; or the answer is kept until its handler asks; or it had been given before",
  }),
});

const ended = z.object({ jobId: z.uuid() });

/** Which wait of a job, and what is said. */
const byJob = {
  id: jobId,
  name: z.string().optional().meta({ description: "which wait; needed when the job waits for several" }),
};
const byToken = { token: z.string().meta({ description: "what the handler gave away for this wait" }) };
const key = z.string().optional().meta({
  description: "given again with the same key, the first answer stands",
});

function target({ id, name }: { id: string; name?: string | undefined }): WaitTarget {
  return { job: id, ...given({ name }) };
}

/** What handlers wait for: approvals, webhooks, other programs. */
export const WAIT_OPERATIONS: readonly Operation[] = [
  operation({
    name: "waits.list",
    summary: "What a job waits for, and has waited for",
    role: "read",
    http: { method: "get", path: "/jobs/{id}/waits" },
    tool: "list_job_waits",
    input: z.strictObject({ id: jobId }),
    output: z.object({ items: z.array(wait) }),
    async run({ jobd }, { id }) {
      const now = jobd.now();
      return { items: (await jobd.waits.list(id)).map((one) => waitView(one, now)) };
    },
  }),
  operation({
    name: "waits.resumeJob",
    summary: "Answer what a job waits for; it goes on with this value",
    role: "operate",
    http: { method: "post", path: "/jobs/{id}/resume" },
    tool: "resume_job",
    input: z.strictObject({ ...byJob, value: json.optional(), key }),
    output: resumed,
    run: ({ jobd }, { value = null, key, ...which }) =>
      jobd.waits.resume(target(which), value as Json, given({ key })),
  }),
  operation({
    name: "waits.resume",
    summary: "Answer a wait by its token",
    role: "operate",
    http: { method: "post", path: "/waits/resume" },
    tool: "resume_wait",
    input: z.strictObject({ ...byToken, value: json.optional(), key }),
    output: resumed,
    run: ({ jobd }, { token, value = null, key }) => jobd.waits.resume(token, value as Json, given({ key })),
  }),
  operation({
    name: "waits.complete",
    summary: "End a job that waits with a result, without running it again",
    role: "operate",
    http: { method: "post", path: "/jobs/{id}/complete" },
    tool: "complete_waiting_job",
    input: z.strictObject({ ...byJob, result: json.optional() }),
    output: ended,
    run: ({ jobd }, { result = null, ...which }) => jobd.waits.complete(target(which), result as Json),
  }),
  operation({
    name: "waits.fail",
    summary: "Make a job that waits a dead letter, without running it again",
    role: "operate",
    http: { method: "post", path: "/jobs/{id}/fail" },
    tool: "fail_waiting_job",
    destructive: true,
    input: z.strictObject({ ...byJob, error: z.string().min(1) }),
    output: ended,
    run: ({ jobd }, { error, ...which }) => jobd.waits.fail(target(which), error),
  }),
];
