import { JobdError } from "../../domain/errors.ts";
import type { Job } from "../../domain/job.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { Host } from "./host.ts";
import { ATTEMPT_VARIABLE, parseAttemptMark } from "../../domain/attempt_mark.ts";

/**
 * The store for a command that an agent's job runs, in its shell for example: jobs that it enqueues come from that agent and
 * are within its limits, as they would be through its tools. For everybody else it is the store as it is.
 */
export async function forRunningAgent(jobd: Jobd, { env }: Pick<Host, "env">): Promise<Jobd> {
  const mark = parseAttemptMark(env(ATTEMPT_VARIABLE) ?? "");
  const parent = mark && await found(jobd, mark.jobId);
  if (parent?.options.agent === undefined) return jobd;
  const { agent } = parent.options;
  return jobd.forAgent({ client: agent.client, tool: "jobd", parent: parent.id }, agent);
}

/** The job, if this is the store it is in. */
async function found(jobd: Jobd, id: string): Promise<Job | undefined> {
  try {
    return await jobd.jobs.get(id);
  } catch (error) {
    if (error instanceof JobdError && error.code === "not_found") return undefined;
    throw error;
  }
}
