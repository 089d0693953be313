import { Tail } from "../tail.ts";
import type { AgentReader, AgentRecord, OutputFormat } from "./adapter.ts";
import type { Cut, Cutter } from "./bounded_text.ts";
import { type ClaudeEvent, claudeRecord, eventText, limitReset, statusEnding } from "./claude_events.ts";
import { Lines } from "./lines.ts";
import { Objects } from "./objects.ts";

/**
 * The longest event that is read, in characters; of a longer one only the beginning is logged. Several times what is
 * kept of an answer, even if every other character of it is escaped.
 */
export const MAX_EVENT = 2 * 1024 * 1024;
/** How much of the beginning, in characters. */
const OVERLONG_BEGINNING = 64 * 1024;
/** How the program begins its final record. */
const RESULT = /^\s*\{\s*"type"\s*:\s*"result"/;

/** A reader for an output format. */
export function claudeReader(format: OutputFormat): AgentReader {
  if (format === "text") return new TextReader();
  const bounds = { whole: MAX_EVENT, beginning: OVERLONG_BEGINNING };
  return new EventReader(format === "json" ? new Objects(bounds) : new Lines(bounds));
}

/** What both JSON formats know about a run. */
class Transcript {
  sessionId: string | null = null;
  turns = 0;
  record: AgentRecord | null = null;
  #resetsAt: number | null = null;

  /** Takes an event; returns it as lines for people. */
  take(event: ClaudeEvent): string {
    if (typeof event["session_id"] === "string") this.sessionId = event["session_id"];
    if (event["type"] === "assistant") this.turns++;
    this.#resetsAt = limitReset(event) ?? this.#resetsAt;
    if (event["type"] === "result") {
      const record = claudeRecord(event);
      this.record = { ...record, resetsAt: record.resetsAt ?? this.#resetsAt };
    }
    return eventText(event);
  }
}

/**
 * `stream-json`: an event on each line. `json`: one document at the end, the final record or, with `--verbose`, a list
 * of all events.
 */
class EventReader extends Transcript implements AgentReader {
  readonly #cutter: Cutter;

  constructor(cutter: Cutter) {
    super();
    this.#cutter = cutter;
  }

  push(text: string): string {
    let log = "";
    this.#cutter.push(text, (cut) => {
      log += this.#read(cut);
    });
    return log;
  }

  end(): string {
    return this.#read(this.#cutter.rest());
  }

  #read({ text, omitted }: Cut): string {
    if (omitted > 0) return this.#overlong(text, omitted);
    if (text.trim() === "") return "";
    const event = parse(text);
    return event === undefined ? `${text}\n` : this.take(event);
  }

  #overlong(beginning: string, omitted: number): string {
    const what = `more than the ${MAX_EVENT} characters that are read of one event`;
    if (RESULT.test(beginning)) this.record = tooLong(`The final record has ${what}`);
    return `${beginning}\n[... ${omitted} characters left out: ${what} ...]\n`;
  }
}

/** In place of a final record that was not read: it may have said anything, so the run counts as failed. */
function tooLong(text: string): AgentRecord {
  return { ending: "result_too_long", text, resetsAt: null, facts: {} };
}

/** `text`: only the answer; after a failed run its last words may tell what the API said. */
class TextReader extends Transcript implements AgentReader {
  readonly #tail = new Tail(2_000);

  push(text: string): string {
    this.#tail.push(text);
    return text;
  }

  end(failed: boolean): string {
    const status = failed
      ? /\bAPI Error: (?:Request rejected \()?(\d{3})\b/.exec(this.#tail.text)?.[1]
      : undefined;
    if (status === undefined) return "";
    const text = this.#tail.text.trim();
    this.record = { ...claudeRecord({ result: text }), ending: statusEnding(Number(status)), facts: {} };
    return "";
  }
}

function parse(text: string): ClaudeEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as ClaudeEvent : undefined;
  } catch {
    return undefined;
  }
}
