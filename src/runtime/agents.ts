import {
  type AgentCall,
  type AgentLimits,
  type AgentOrigin,
  agentOrigin,
  checkAllowance,
} from "../domain/agent.ts";
import { JobdError } from "../domain/errors.ts";
import type { Job } from "../domain/job.ts";

/** Runs of jobs whose enqueues are remembered at most. */
const REMEMBERED = 10_000;

/** {@linkcode AgentCall} with the job in which the agent runs. */
export interface AgentCaller extends AgentCall {
  /** The id of that job. @default none: a person runs the agent */
  parent?: string;
}

/**
 * Asks for the origin of so many jobs that an agent is about to enqueue.
 *
 * @throws {JobdError} `conflict` when that is more than it may, or when it runs in a job that this store does not have
 */
export type ActingAgent = (jobs: number) => Promise<AgentOrigin>;

/** How many jobs the agents inside jobs have enqueued, by this process. */
export class AgentAllowances {
  readonly #taken = new Map<string, number>();

  /** An agent that is to be worked for. */
  of(
    { parent: id, ...call }: AgentCaller,
    limits: AgentLimits,
    get: (id: string) => Promise<Job>,
  ): ActingAgent {
    return async (jobs) => {
      if (id === undefined) return agentOrigin(call, limits);
      const parent = await this.#parent(id, get);
      const origin = agentOrigin(call, limits, parent);
      const run = `${parent.id}:${parent.attempt}`;
      const before = this.#taken.get(run) ?? 0;
      checkAllowance(origin, before, jobs);
      this.#note(run, before + jobs);
      return origin;
    };
  }

  /** Who cannot say how deep it is does not enqueue: the limits would not hold. */
  async #parent(id: string, get: (id: string) => Promise<Job>): Promise<Job> {
    try {
      return await get(id);
    } catch (error) {
      if (!(error instanceof JobdError) || error.code !== "not_found") throw error;
      throw new JobdError(
        "conflict",
        `This agent runs in job ${id}, which is not in this store or namespace`,
        {
          hint:
            "Use the store and namespace of that job; or clear JOBD_ATTEMPT for a server that serves another one.",
          cause: error,
        },
      );
    }
  }

  #note(run: string, count: number): void {
    this.#taken.delete(run);
    this.#taken.set(run, count);
    if (this.#taken.size > REMEMBERED) this.#taken.delete(this.#taken.keys().next().value ?? run);
  }
}
