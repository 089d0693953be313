import { AGENT_RULES, LOSSES } from "../mcp/context.ts";
import { choice, integer, type Reader } from "./readers.ts";

/** Names of tools, or beginnings of them with a star, separated by commas. */
const toolList: Reader<string[]> = {
  allowed: "a list of names of tools, or beginnings of names with a star, separated by commas (get_*,list_*)",
  read(value) {
    const names = typeof value === "string" ? value.split(",").map((name) => name.trim()) : value;
    if (!Array.isArray(names) || names.length === 0) return undefined;
    return names.every((name) => typeof name === "string" && /^[a-z_]*\*?$/.test(name) && name !== "")
      ? names as string[]
      : undefined;
  },
};

/** Settings about what agents may do: part of the table of settings. */
export const AGENT_SETTINGS = {
  agentMaxDepth: {
    reader: integer(1, 100),
    key: "agents.maxDepth",
    env: "JOBD_AGENT_MAX_DEPTH",
    placeholder: "n",
    default: String(AGENT_RULES.limits.maxDepth),
    summary:
      "how many generations of jobs agents may enqueue: 1 for the jobs of an agent that a person runs, 2 for the jobs of their agents",
    scope: "all",
  },
  agentMaxJobs: {
    reader: integer(1, 1_000_000),
    key: "agents.maxJobs",
    env: "JOBD_AGENT_MAX_JOBS",
    placeholder: "n",
    default: String(AGENT_RULES.limits.maxJobs),
    summary: "how many jobs an agent that runs in a job may enqueue in one run of it",
    scope: "all",
  },
  mcpDestructive: {
    reader: choice(LOSSES),
    key: "mcp.destructive",
    env: "JOBD_MCP_DESTRUCTIVE",
    placeholder: "choice",
    default: AGENT_RULES.destructive,
    summary:
      "what agents may cancel, delete and purge through MCP: none, one thing in a call, or many (whole queues, whatever matches)",
    scope: "all",
  },
  mcpTools: {
    reader: toolList,
    key: "mcp.tools",
    env: "JOBD_MCP_TOOLS",
    placeholder: "list",
    default: AGENT_RULES.tools.join(","),
    summary: "which tools agents have through MCP: names, or beginnings of names with a star (get_*,list_*)",
    scope: "all",
  },
} as const;
