import { AGENT_LIMITS, type AgentLimits } from "../../domain/agent.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Jobd } from "../../runtime/jobd.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { TokenView } from "../../runtime/tokens.ts";
import type { Origin } from "../http/route.ts";

/** What agents may lose: nothing, one thing at a time, or any number of them at once. */
export const LOSSES = ["none", "one", "many"] as const;
/** One of {@linkcode LOSSES}. */
export type Loss = (typeof LOSSES)[number];

/** What the operator allows agents. */
export interface AgentRules {
  /** How far agents in jobs may go. */
  limits: AgentLimits;
  /** What they may lose. */
  destructive: Loss;
  /** Which tools they have: names, and beginnings of names with `*`. */
  tools: readonly string[];
}

/** What agents may do where nobody has said anything. */
export const AGENT_RULES: AgentRules = { limits: AGENT_LIMITS, destructive: "one", tools: ["*"] };

/** What the MCP surface needs. */
export interface McpContext {
  /** The store as a tenant sees it. */
  jobdOf(namespace: string): Promise<Jobd>;
  /** What the operator allows agents. */
  rules: AgentRules;
  /** The program's version. */
  version: string;
  /** Time. */
  clock: Clock;
  /** Where failures are told. */
  log: Logger;
}

/** Who calls. */
export interface McpCaller {
  /** What it may do. */
  token: TokenView;
  /** The tenant whose jobs it sees. */
  namespace: string;
  /** What is known of its program, where the protocol does not say. */
  program?: string;
  /** The job in which it runs. */
  parent?: string;
  /** From where, for the audit log. */
  origin?: Origin;
  /** Aborted when it has gone, or the program stops. */
  signal: AbortSignal;
}
