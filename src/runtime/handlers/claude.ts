import type { Handler } from "../handler.ts";
import type { AgentConfig } from "./agent/agent_config.ts";
import { agentHandler, type AgentHandlerOptions } from "./agent/agent_handler.ts";
import { claudeAdapter } from "./agent/claude_adapter.ts";

/** The settings of the `claude` handler. */
export type ClaudeConfig = AgentConfig;

/**
 * The handler of type `claude`: runs `claude --dangerously-skip-permissions -p --verbose PROMPT` in the payload's
 * `cwd`, or another command line that the configuration names.
 *
 * @throws {JobdError} `invalid_config` when the configuration is wrong.
 */
export function claudeHandler(config: ClaudeConfig = {}, options: AgentHandlerOptions = {}): Handler {
  return agentHandler("claude", claudeAdapter, config, options);
}
