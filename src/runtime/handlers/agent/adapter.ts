import type { Json } from "../../../domain/json.ts";

/** How an agent program reports: only its answer, one document at the end, or one event per line. */
export const OUTPUT_FORMATS = ["text", "json", "stream-json"] as const;
/** One of {@linkcode OUTPUT_FORMATS}. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** How the prompt gets to the program. */
export type PromptBy = "argument" | "stdin";

/** What one kind of agent program needs to be run without a person. Another kind is another object of this shape. */
export interface AgentAdapter {
  /** The program, when the configuration names none. */
  readonly command: string;
  /** Its flags, when the configuration names none. */
  readonly args: readonly string[];
  /** What to do when it is missing: a sentence. */
  readonly installHint: string;
  /** Variables of the daemon that it needs, in the notation of `childEnvironment`. */
  readonly envPass: readonly string[];
  /** Variables that would tie it to another session of an agent in which the daemon was started. */
  readonly envDrop: readonly string[];
  /** The flags that this run needs besides the configured ones. */
  flags(run: AgentRun): string[];
  /** Puts the prompt where it can be nothing but the prompt. */
  place(args: readonly string[], prompt: string, by: PromptBy): { args: string[]; stdin?: string };
  /** What to ask of a session that is continued. */
  continuation(prompt: string): string;
  /** Reads what it prints. */
  reader(format: OutputFormat): AgentReader;
}

/** What the configuration and the job ask of one run. */
export interface AgentRun {
  /** How it reports. */
  format: OutputFormat;
  /** The session to begin or to continue; undefined leaves that to the program. */
  session?: { id: string; resume: boolean };
  /** Most turns. */
  maxTurns?: number;
  /** Most money, in US dollars. */
  maxBudgetUsd?: number;
  /** The model. */
  model?: string;
}

/** Reads what an agent program prints on stdout. */
export interface AgentReader {
  /** Takes the next piece; returns what of it is worth a place in the job's log. */
  push(text: string): string;
  /** The output is over; returns the rest for the log. Also looks for an ending in plain text when the run failed. */
  end(failed: boolean): string;
  /** The session, once the program has named it. */
  readonly sessionId: string | null;
  /** Answers of the model so far. */
  readonly turns: number;
  /** The final record; null until there is one. */
  readonly record: AgentRecord | null;
}

/** How an agent says that its run ended. */
export type AgentEnding =
  | "success"
  | "unauthorised"
  | "rate_limited"
  | "overloaded"
  | "budget_stop"
  | "turn_limit"
  | "result_too_long"
  | "agent_error";

/** The final record of a run. */
export interface AgentRecord {
  /** How it ended. */
  ending: AgentEnding;
  /** The answer, or the reason. */
  text: string;
  /** When a limit ends, epoch milliseconds; null when it does not say. */
  resetsAt: number | null;
  /** What is kept about the run: session, turns, tokens, cost. */
  facts: { [key: string]: Json };
}
