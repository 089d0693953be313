import assert from "node:assert/strict";
import fc from "fast-check";
import { oneLine, safeJson, severalLines } from "../../src/surfaces/cli/sanitize.ts";
import { FakeWorld } from "./fake_host.ts";

/** Texts with which output has taken over terminals. */
const HOSTILE = [
  "\u001b[31mred\u001b[0m",
  "\u001b[2J\u001b[H cleared",
  "\u001b]0;title\u0007",
  "\u001b]52;c;ZXZpbA==\u0007",
  "\u001b]52;c;ZXZpbA==\u001b\\",
  "\u001b]8;;http://evil.example\u001b\\click\u001b]8;;\u001b\\",
  "\u001bP+q544e\u001b\\",
  "\u001b^privacy\u001b\\",
  "\u001b_application\u001b\\",
  "\u009b31mC1 colour",
  "\u009d0;C1 title\u009c",
  "\u001bc reset",
  "\u001b[",
  "\u001b",
  "ends with \u001b]52;c;",
  "before\rafter",
  "bell\u0007 back\b\b\b del\u007f",
  "\u202e evil reversed \u202c",
  "\u2066isolate\u2069",
  "\u061c\u200e\u200f",
  "line\u2028separator\u2029",
  "nul\u0001\u0002",
  "\u001b[6n answer",
  "\u001b[?1049h",
  "shift \u000e out \u000f in",
];

const FORBIDDEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

Deno.test("oneLine, severalLines, safeJson: no control character of the corpus comes through", () => {
  for (const text of HOSTILE) {
    assert.doesNotMatch(oneLine(text), FORBIDDEN);
    assert.doesNotMatch(oneLine(text), /[\t\n]/);
    assert.doesNotMatch(severalLines(text), FORBIDDEN);
    assert.doesNotMatch(safeJson({ text }, 2), FORBIDDEN);
    assert.deepEqual(JSON.parse(safeJson({ text })), { text });
  }
});

Deno.test("oneLine, severalLines, safeJson: no control character of any text comes through", () => {
  const char = fc.oneof(
    fc.integer({ min: 0, max: 0xa0 }),
    fc.integer({ min: 0x2000, max: 0x2070 }),
    fc.constant(0x1b),
  )
    .map((code) => String.fromCharCode(code));
  fc.assert(
    fc.property(fc.array(char).map((chars) => chars.join("")), (text) => {
      assert.doesNotMatch(oneLine(text), FORBIDDEN);
      assert.doesNotMatch(severalLines(text), FORBIDDEN);
      assert.equal(JSON.parse(safeJson(text)), text);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("severalLines: colours go, lines and tabs stay", () => {
  assert.equal(
    severalLines("\u001b[1;31merror:\u001b[0m no\r\n\tfile\r50%\r100%\n"),
    "error: no\n\tfile\n50%\n100%\n",
  );
});

Deno.test("no command lets control characters of job data through, in text or JSON", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  const hostile = HOSTILE.join(" ");
  const { id } = await jobd.enqueue({
    type: "evil",
    payload: { [hostile]: hostile },
    tags: HOSTILE,
    origin: hostile.slice(0, 200),
    uniqueKey: hostile,
    meta: { hostile },
    maxAttempts: 1,
  });
  await failWithLog(world, hostile);
  const commands = [
    ["jobs"],
    ["job", "show", id],
    ["dead", "list"],
    ["dead", "show", id],
    ["job", "logs", id],
    ["job", "executions", id],
    ["executions"],
    ["stats"],
    ["queues"],
    ["job", "show", hostile],
  ];
  for (const command of commands) {
    for (const extra of [[], ["--json"]]) {
      const ran = await world.run([...command, ...extra]);
      assert.ok(ran.stdout + ran.stderr !== "", command.join(" "));
      assert.doesNotMatch(ran.stdout, FORBIDDEN, command.join(" "));
      assert.doesNotMatch(ran.stderr, FORBIDDEN, command.join(" "));
    }
  }
  const raw = await world.run(["job", "logs", id, "--raw"]);
  assert.ok(raw.stdout.includes(hostile));
});

Deno.test("on a terminal only jobd's own colours are used, and none with NO_COLOR or --no-color", async () => {
  const world = new FakeWorld();
  const jobd = await world.jobd();
  await jobd.enqueue({ type: "evil", payload: {} });
  // deno-lint-ignore no-control-regex
  const escapes = /\u001b\[\d+m/;
  assert.match((await world.run(["jobs"], { terminal: true })).stdout, escapes);
  assert.doesNotMatch((await world.run(["jobs"])).stdout, escapes);
  assert.doesNotMatch(
    (await world.run(["jobs"], { terminal: true, env: { NO_COLOR: "1" } })).stdout,
    escapes,
  );
  assert.doesNotMatch((await world.run(["jobs", "--no-color"], { terminal: true })).stdout, escapes);
});

async function failWithLog({ driver }: FakeWorld, text: string): Promise<void> {
  const now = Date.now();
  const claim = {
    worker: "w",
    namespace: "default",
    queues: "all" as const,
    types: "all" as const,
    limit: 1,
  };
  const { jobs: [job], leaseId } = await driver.claim({ ...claim, now, expiresAt: now + 60_000 });
  assert.ok(job && leaseId);
  const run = { id: job.id, attempt: job.attempt };
  await driver.appendLogs([{ ...run, chunks: [{ seq: 0, at: now, stream: "stdout", offset: 0, text }] }]);
  const { decide } = await import("../../src/domain/decide.ts");
  const outcome = {
    kind: "failed" as const,
    error: { code: "error", message: text, causes: [text] },
    permanent: true,
  };
  const transition = decide(job, outcome, {
    now,
    random: 0,
    backoff: { baseMs: 1, maxMs: 1, jitter: "none" },
  });
  await driver.settle({ transitions: [transition], close: [leaseId] });
}
