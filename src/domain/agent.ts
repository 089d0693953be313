import { JobdError } from "./errors.ts";
import type { Job, JobOptions } from "./job.ts";

/** How far agents may go on their own. */
export interface AgentLimits {
  /** Jobs of an agent whose agent enqueues jobs whose agent ...: so many generations. @default 2 */
  maxDepth: number;
  /** Jobs that one run of a job may enqueue. @default 100 */
  maxJobs: number;
}

/** What agents may do when nobody says otherwise. */
export const AGENT_LIMITS: AgentLimits = { maxDepth: 2, maxJobs: 100 };

/** An agent that wants something. */
export interface AgentCall {
  /** The agent's program. */
  client: string;
  /** Which of the tools it has been given it uses. */
  tool: string;
  /** The id of the token that it came with. */
  token?: string;
}

/**
 * Which agent a job comes from, and how many generations of agents stand between it and a person. It is kept with the job, cannot
 * be changed, and jobs that this one enqueues get it as well, with the limits it was made under.
 */
export interface AgentOrigin extends AgentCall, AgentLimits {
  /** 1 for the job of an agent that a person runs, 2 for one that such a job has enqueued. */
  depth: number;
  /** The job that enqueued it. */
  parent?: string;
  /** The first one of its line. */
  root?: string;
}

/**
 * The origin of the jobs that an agent asks for.
 *
 * @param parent the job in which the agent runs, if it runs in one
 * @throws {JobdError} `conflict` when that would be a generation too many
 */
export function agentOrigin(
  call: AgentCall,
  limits: AgentLimits,
  parent?: Pick<Job, "id" | "options">,
): AgentOrigin {
  const above = parent?.options.agent;
  // Whoever is given less by the job above cannot give more to the jobs below.
  const maxDepth = Math.min(limits.maxDepth, above?.maxDepth ?? Infinity);
  const maxJobs = Math.min(limits.maxJobs, above?.maxJobs ?? Infinity);
  const depth = (above?.depth ?? 0) + 1;
  if (depth > maxDepth) {
    throw new JobdError(
      "conflict",
      `Agents may enqueue jobs ${maxDepth} generations deep, and this one would be the ${ordinal(depth)}`,
      { hint: "Let the agent do the work itself, or raise JOBD_AGENT_MAX_DEPTH." },
    );
  }
  return {
    ...call,
    depth,
    maxDepth,
    maxJobs,
    ...(parent === undefined ? {} : { parent: parent.id, root: above?.root ?? parent.id }),
  };
}

/** The origin of what a job enqueues by itself; undefined when the job is not an agent's. @throws {JobdError} `conflict` */
export function inheritedOrigin(parent: Pick<Job, "id" | "options">): AgentOrigin | undefined {
  const { agent } = parent.options;
  return agent && agentOrigin({ client: agent.client, tool: "enqueue" }, agent, parent);
}

/** The settings of a job that an agent asked for. It is found by the agent's name, unless it has an origin of its own. */
export function withAgent(options: JobOptions, agent: AgentOrigin | undefined): JobOptions {
  return agent === undefined ? options : { origin: `agent:${agent.client}`, ...options, agent };
}

/** @throws {JobdError} `conflict` when a run of a job has enqueued as many jobs as it may */
export function checkAllowance({ maxJobs }: AgentLimits, before: number, more: number): void {
  if (before + more <= maxJobs) return;
  throw new JobdError(
    "conflict",
    `A run of an agent's job may enqueue ${maxJobs} jobs: it has enqueued ${before}, and ${more} more is too many`,
    { hint: "Put more work into each job, or raise JOBD_AGENT_MAX_JOBS." },
  );
}

function ordinal(number: number): string {
  return `${number}${["th", "st", "nd", "rd"][number] ?? "th"}`;
}
