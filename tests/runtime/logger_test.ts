import assert from "node:assert/strict";
import { createLogger, LOG_LEVELS, type LogLevel } from "../../src/mod.ts";

function lines(level: LogLevel, format: "json" | "console"): string[] {
  const written: string[] = [];
  const log = createLogger({ level, format, write: (line) => void written.push(line), now: () => 1_000 });
  for (const at of LOG_LEVELS) log[at]("a message", { job: "x" });
  return written;
}

Deno.test("createLogger() leaves out what is quieter than its level", () => {
  for (const [index, level] of LOG_LEVELS.entries()) {
    const levels = lines(level, "json").map((line) => JSON.parse(line).level);
    assert.deepEqual(levels, LOG_LEVELS.slice(index));
  }
});

Deno.test("createLogger() writes one JSON object a line, or one line of text", () => {
  assert.deepEqual(lines("error", "json"), [
    '{"time":"1970-01-01T00:00:01.000Z","level":"error","message":"a message","job":"x"}\n',
  ]);
  assert.deepEqual(lines("error", "console"), ['00:00:01.000 ERROR a message job="x"\n']);
});

Deno.test("createLogger() writes one line, whatever is in the message", () => {
  for (const format of ["json", "console"] as const) {
    const written: string[] = [];
    const log = createLogger({ format, write: (line) => void written.push(line), now: () => 0 });
    log.info("two\nlines \u001b[2J\u2028\u0085", { text: "a\nb" });
    const [line = "", ...more] = written;
    assert.deepEqual(
      [more, line.indexOf("\n"), line.includes("\u001b")],
      [[], line.length - 1, false],
      format,
    );
  }
});
