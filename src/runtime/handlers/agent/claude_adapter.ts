import type { AgentAdapter, AgentRun, PromptBy } from "./adapter.ts";
import { claudeReader } from "./claude_reader.ts";

/** Longer prompts go by stdin: Linux takes at most 128 KiB in one argument. */
const MAX_ARGUMENT_BYTES = 100_000;

/** Options of the program that take every word up to the next option. */
const GREEDY = [
  "--allowedTools",
  "--allowed-tools",
  "--disallowedTools",
  "--disallowed-tools",
  "--tools",
  "--add-dir",
  "--mcp-config",
  "--betas",
];

/** Claude Code, tried with version 2.1. */
export const claudeAdapter: AgentAdapter = {
  command: "claude",
  args: ["--dangerously-skip-permissions", "-p", "--verbose"],
  installHint:
    'Install it with "npm install -g @anthropic-ai/claude-code", or name its path in the configuration.',
  envPass: ["ANTHROPIC_*", "CLAUDE_*", "IS_SANDBOX"],
  envDrop: [
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_SESSION_*",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_REMOTE*",
    "CLAUDE_CODE_RESUME_FROM_SESSION",
    "CLAUDE_CODE_TMUX_SESSION",
    "CLAUDE_SESSION_*",
    "CLAUDE_BRIDGE_*",
    "CLAUDE_AGENT_SDK_*",
    // Numbers of open files that a child does not get.
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
  ],

  flags({ format, session, maxTurns, maxBudgetUsd, model }: AgentRun): string[] {
    const flags: string[] = [];
    if (format !== "text") flags.push("--output-format", format);
    if (session !== undefined) flags.push(session.resume ? "--resume" : "--session-id", session.id);
    if (maxTurns !== undefined) flags.push("--max-turns", String(maxTurns));
    if (maxBudgetUsd !== undefined) flags.push("--max-budget-usd", String(maxBudgetUsd));
    if (model !== undefined) flags.push("--model", model);
    return flags;
  },

  place(args: readonly string[], prompt: string, by: PromptBy): { args: string[]; stdin?: string } {
    const tooLong = new TextEncoder().encode(prompt).length > MAX_ARGUMENT_BYTES;
    if (by === "stdin" || tooLong) return { args: [...args], stdin: prompt };
    // The program takes a word that begins with "-" for a flag, wherever it stands, unless "--" stands before it.
    const guarded = prompt.startsWith("-") ||
      GREEDY.includes(args.findLast((arg) => arg.startsWith("-")) ?? "");
    return { args: guarded && !args.includes("--") ? [...args, "--", prompt] : [...args, prompt] };
  },

  continuation: (prompt) =>
    `Continue this task where the session stopped. If it is already done, report its result.\n\n${prompt}`,

  reader: claudeReader,
};
