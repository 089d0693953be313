import assert from "node:assert/strict";
import type { AgentReader } from "../../src/runtime/handlers/agent/adapter.ts";
import { claudeReader, MAX_EVENT } from "../../src/runtime/handlers/agent/claude_reader.ts";

const FORMATS = ["stream-json", "json"] as const;
const PIECE = 64 * 1024;

/** The output of a run in one of the formats. */
function output(format: (typeof FORMATS)[number], events: string[]): string {
  return format === "json" ? `[${events.join(",")}]\n` : events.map((event) => `${event}\n`).join("");
}

/** Reads as a pipe would give it; returns the log. */
function read(reader: AgentReader, text: string): string {
  let log = "";
  for (let at = 0; at < text.length; at += PIECE) log += reader.push(text.slice(at, at + PIECE));
  return log;
}

function result(fields: Record<string, unknown>): string {
  return JSON.stringify({ type: "result", subtype: "success", is_error: false, ...fields });
}

function endingOf(reader: AgentReader): string | undefined {
  return reader.record?.ending;
}

/** An event of so many characters. */
function assistant(length: number): string {
  const event = (text: string): string =>
    JSON.stringify({ type: "assistant", message: { content: [{ type: "text", text }] } });
  return event("x".repeat(length - event("").length));
}

for (const format of FORMATS) {
  Deno.test(`${format}: an event as long as allowed is read`, () => {
    const reader = claudeReader(format);
    const log = read(reader, output(format, [assistant(MAX_EVENT)]));
    assert.equal(reader.turns, 1);
    assert.match(log, /^x+\n$/);
  });

  Deno.test(`${format}: 25: of a longer event the log has the beginning, and the next record decides`, () => {
    const reader = claudeReader(format);
    const text = output(format, [assistant(MAX_EVENT + 1), result({ result: "done" })]);
    const log = read(reader, text) + reader.end(false);
    assert.deepEqual([reader.turns, reader.record?.ending, reader.record?.text], [0, "success", "done"]);
    assert.ok(log.startsWith('{"type":"assistant","message"') && log.length < 70_000);
    assert.match(log, /x\n\[\.\.\. 2031617 characters left out: .* 2097152 characters .*\]\nresult: success/);
  });

  Deno.test(`${format}: 25: a final record that is too long is a failure of its own`, () => {
    const reader = claudeReader(format);
    read(reader, output(format, [result({ result: "x".repeat(MAX_EVENT) })]));
    assert.equal(reader.record?.ending, "result_too_long");
    assert.match(reader.record.text, /^The final record has more than the 2097152 characters/);
  });

  Deno.test(`${format}: 25: a final record that is too long and has no end is the same failure`, () => {
    const reader = claudeReader(format);
    read(reader, result({ result: "x".repeat(MAX_EVENT) }).slice(0, -2));
    assert.equal(endingOf(reader), undefined);
    reader.end(true);
    assert.equal(endingOf(reader), "result_too_long");
  });

  Deno.test(`${format}: 25: an event that is too long makes no record`, () => {
    const reader = claudeReader(format);
    read(reader, output(format, [assistant(MAX_EVENT * 2)]));
    reader.end(true);
    assert.equal(reader.record, null);
  });
}

Deno.test("json: the events of a document longer than any event are read one by one", () => {
  const reader = claudeReader("json");
  const events = Array.from({ length: 10 }, () => assistant(MAX_EVENT));
  read(reader, output("json", [...events, result({ result: "done", session_id: "one" })]));
  assert.deepEqual([reader.turns, reader.sessionId, reader.record?.text], [10, "one", "done"]);
});
