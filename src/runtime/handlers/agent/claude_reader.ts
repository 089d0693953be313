import { Tail } from "../tail.ts";
import type { AgentReader, AgentRecord, OutputFormat } from "./adapter.ts";
import {
  type ClaudeEvent,
  claudeRecord,
  eventText,
  limitReset,
  object,
  statusEnding,
} from "./claude_events.ts";
import { Lines } from "./lines.ts";

/** The longest event, and the longest document in the `json` format, in characters; more is not understood. */
const MAX_EVENT = 16 * 1024 * 1024;

/** A reader for an output format. */
export function claudeReader(format: OutputFormat): AgentReader {
  if (format === "text") return new TextReader();
  return format === "json" ? new DocumentReader() : new EventReader();
}

/** What all formats know about a run. */
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

/** `stream-json`: an event on each line. */
class EventReader extends Transcript implements AgentReader {
  readonly #lines = new Lines(MAX_EVENT);

  push(text: string): string {
    let log = "";
    this.#lines.push(text, (line, whole) => {
      log += whole ? this.#line(line) : line;
    });
    return log;
  }

  end(): string {
    return this.#line(this.#lines.rest());
  }

  #line(line: string): string {
    if (line.trim() === "") return "";
    const event = parse(line);
    return event === undefined ? `${line}\n` : this.take(event);
  }
}

/** `json`: one document at the end, the final record or, with `--verbose`, a list of all events. */
class DocumentReader extends Transcript implements AgentReader {
  #text = "";

  push(text: string): string {
    // A flood that cannot become a document any more is only logged.
    if (this.#text.length > MAX_EVENT) return text;
    this.#text += text;
    if (this.#text.length > MAX_EVENT) return this.#text;
    return /[}\]]\s*$/.test(text.slice(-64)) ? this.#document() ?? "" : "";
  }

  end(): string {
    return this.#text.length > MAX_EVENT ? "" : this.#document() ?? this.#text;
  }

  #document(): string | undefined {
    if (this.#text.trim() === "") return undefined;
    const document = parse(this.#text);
    if (document === undefined) return undefined;
    this.#text = "";
    const events = Array.isArray(document) ? document : [document];
    return events.map((event) => this.take(object(event))).join("");
  }
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
