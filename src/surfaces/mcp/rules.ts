import type { SettingValues } from "../config/settings.ts";
import type { AgentRules } from "./context.ts";

/** What the configuration lets agents do. */
export function agentRules(values: SettingValues): AgentRules {
  const { agentMaxDepth: maxDepth, agentMaxJobs: maxJobs, mcpDestructive: destructive, mcpTools: tools } =
    values;
  return { limits: { maxDepth, maxJobs }, destructive, tools };
}
