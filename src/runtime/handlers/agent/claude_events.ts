import type { Json } from "../../../domain/json.ts";
import { storableText } from "../../../domain/json.ts";
import type { AgentEnding, AgentRecord } from "./adapter.ts";

/** An event of the program: any JSON object. */
export type ClaudeEvent = { [key: string]: unknown };

/** Longest answer that is kept, in characters. */
const MAX_TEXT = 256 * 1024;
/** Longest piece of a tool's input or output in the log, in characters. */
const MAX_TOOL_TEXT = 2_000;

/** An event as lines for people; empty for those that say nothing to them. */
export function eventText(event: ClaudeEvent): string {
  switch (event["type"]) {
    case "system":
      return event["subtype"] === "init"
        ? `session ${word(event["session_id"])}, model ${word(event["model"])}\n`
        : "";
    case "assistant":
    case "user":
      return blocks(event).map((block) => blockText(block)).join("");
    case "result":
      return `result: ${claudeRecord(event).ending}, ${word(event["num_turns"])} turns, $${
        word(event["total_cost_usd"])
      }\n`;
    default:
      return "";
  }
}

function blocks(event: ClaudeEvent): ClaudeEvent[] {
  const content = object(event["message"])["content"];
  return Array.isArray(content) ? content.map(object) : [{ type: "text", text: content }];
}

function blockText(block: ClaudeEvent): string {
  switch (block["type"]) {
    case "text":
      return typeof block["text"] === "string" ? `${block["text"]}\n` : "";
    case "tool_use":
      return `> ${word(block["name"])} ${
        storableText(JSON.stringify(block["input"]) ?? "", MAX_TOOL_TEXT)
      }\n`;
    case "tool_result": {
      const content = block["content"];
      const text = Array.isArray(content)
        ? content.map((part) => object(part)["text"]).filter((part) => typeof part === "string").join("\n")
        : typeof content === "string"
        ? content
        : "";
      return text === "" ? "" : `${storableText(text, MAX_TOOL_TEXT)}\n`;
    }
    default:
      return "";
  }
}

/**
 * The final record. `is_error` and `api_error_status` decide: runs that the API refused say `subtype: "success"` too.
 */
export function claudeRecord(event: ClaudeEvent): AgentRecord {
  const errors = Array.isArray(event["errors"])
    ? event["errors"].filter((error) => typeof error === "string")
    : [];
  const text = typeof event["result"] === "string" ? event["result"] : errors.join("; ");
  return {
    ending: ending(event),
    text: storableText(text, MAX_TEXT),
    resetsAt: resetTime(text),
    facts: facts(event),
  };
}

function ending(event: ClaudeEvent): AgentEnding {
  const subtype = event["subtype"];
  if (subtype === "error_max_budget_usd") return "budget_stop";
  if (subtype === "error_max_turns") return "turn_limit";
  const status = event["api_error_status"];
  if (typeof status === "number") return statusEnding(status);
  return event["is_error"] === false && subtype === "success" ? "success" : "agent_error";
}

/** What an HTTP status of the API means for the run. */
export function statusEnding(status: number): AgentEnding {
  if (status === 401 || status === 403) return "unauthorised";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "overloaded" : "agent_error";
}

/** Some limits name their end as seconds since 1970 behind a bar. */
function resetTime(text: string): number | null {
  const seconds = /\|(\d{10})\b/.exec(text)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/** When a limit that an event reports ends, epoch milliseconds; null for other events. */
export function limitReset(event: ClaudeEvent): number | null {
  const seconds = object(event["rate_limit_info"])["resetsAt"];
  return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : null;
}

function facts(event: ClaudeEvent): { [key: string]: Json } {
  return {
    sessionId: typeof event["session_id"] === "string" ? storableText(event["session_id"], 128) : null,
    turns: number(event["num_turns"]),
    costUsd: number(event["total_cost_usd"]),
    tokens: tokens(event),
  };
}

/** Counted per model where the program does that: after a stop for money its plain count is zero. */
function tokens(event: ClaudeEvent): Json {
  const models = Object.values(object(event["modelUsage"])).map(object);
  const sum = (key: string): number => models.reduce((total, model) => total + (number(model[key]) ?? 0), 0);
  if (models.length > 0) {
    return {
      input: sum("inputTokens"),
      output: sum("outputTokens"),
      cacheRead: sum("cacheReadInputTokens"),
      cacheWrite: sum("cacheCreationInputTokens"),
    };
  }
  const usage = object(event["usage"]);
  return {
    input: number(usage["input_tokens"]),
    output: number(usage["output_tokens"]),
    cacheRead: number(usage["cache_read_input_tokens"]),
    cacheWrite: number(usage["cache_creation_input_tokens"]),
  };
}

/** Anything as an object; an empty one for what is none. */
export function object(value: unknown): ClaudeEvent {
  return typeof value === "object" && value !== null ? value as ClaudeEvent : {};
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value).slice(0, 128) : "?";
}
