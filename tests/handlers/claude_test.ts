import assert from "node:assert/strict";
import { claudeHandler } from "../../src/runtime/handlers/claude.ts";
import { fake, FLAGS, processes } from "../support/fake_agent.ts";
import { attempt, failureOf, resultOf } from "../support/handler_bench.ts";

const text = fake();
const json = fake({ outputFormat: "json" });
const stream = fake({ outputFormat: "stream-json" });
const FORMATS = { text, json, "stream-json": stream };

Deno.test("the default command line is the documented one", async () => {
  const result = resultOf(await attempt(text, { prompt: "write hello world in go" }));
  const seen = JSON.parse(result["result"] as string);
  assert.deepEqual(seen, {
    args: [...FLAGS, "write hello world in go"],
    prompt: "write hello world in go",
    stdin: "",
  });
});

for (const [name, handler] of Object.entries(FORMATS)) {
  Deno.test(`${name}: the answer is the result`, async () => {
    const ran = await attempt(handler, { prompt: "ok" });
    const { result, exitCode } = resultOf(ran);
    assert.deepEqual([result, exitCode], ["hello world", 0]);
    assert.match(ran.log.stdout, /hello world\n|result: success/);
  });

  for (
    const prompt of [
      "--dangerously-skip-permissions",
      "-p",
      "--",
      "@file",
      "-",
      "--version",
      "$(id)",
      "a\nb",
      "mcp",
    ]
  ) {
    Deno.test(`${name}: S8: the prompt ${JSON.stringify(prompt)} is nothing but the prompt`, async () => {
      const result = resultOf(await attempt(handler, { prompt }));
      const seen = JSON.parse(result["result"] as string);
      assert.equal(seen.prompt, prompt);
      assert.deepEqual(seen.args.slice(0, 3), FLAGS);
    });
  }

  Deno.test(`${name}: 17: what the program leaves behind is ended`, async () => {
    const ran = await attempt(handler, { prompt: "leave" });
    assert.equal(resultOf(ran)["result"], "left");
    assert.deepEqual(ran.left, []);
    assert.match(ran.log.system, /left behind/);
  });

  Deno.test(`${name}: 22: an end without a result is a failure`, async () => {
    for (const prompt of ["empty", "blank"]) {
      const failure = failureOf(await attempt(handler, { prompt }));
      assert.deepEqual([failure.code, failure.permanent], ["no_result", false]);
    }
  });

  Deno.test(`${name}: refusals of the API end as they should`, async () => {
    const unauthorised = failureOf(await attempt(handler, { prompt: "unauthorised" }));
    assert.deepEqual([unauthorised.code, unauthorised.permanent], ["unauthorised", true]);
    assert.match(unauthorised.message, /401 bad key/);
    const overloaded = failureOf(await attempt(handler, { prompt: "overloaded" }));
    assert.deepEqual([overloaded.code, overloaded.permanent], ["overloaded", false]);
    const { outcome } = await attempt(handler, { prompt: "limited" });
    assert.equal(outcome.kind, "snoozed");
    assert.equal(outcome.kind === "snoozed" && outcome.delayMs, 300_000);
    assert.match(outcome.kind === "snoozed" && outcome.reason || "", /rate_limited.*slow down/);
  });

  Deno.test(`${name}: 24: a program that ignores SIGTERM is killed when it must stop`, async () => {
    const abort = new AbortController();
    const stubborn = fake({ outputFormat: name as "text", grace: "100ms", idle: "1s" });
    const ran = await attempt(stubborn, { prompt: "stubborn" }, {
      signal: abort.signal,
      onLog: () => abort.abort("cancelled"),
    });
    assert.deepEqual(ran.left, []);
  });

  Deno.test(`${name}: a missing program is a permanent failure that says what to do`, async () => {
    const missing = claudeHandler({ command: "no-such-agent", outputFormat: name as "text" }, { processes });
    const failure = failureOf(await attempt(missing, { prompt: "ok" }));
    assert.deepEqual([failure.code, failure.permanent], ["program_not_found", true]);
    assert.match(failure.message, /"no-such-agent" was not found.*npm install/);
  });
}

for (const [name, handler] of Object.entries({ json, "stream-json": stream })) {
  Deno.test(`${name}: session, turns, tokens and cost are kept`, async () => {
    const { sessionId, ...rest } = resultOf(await attempt(handler, { prompt: "ok" }));
    assert.match(sessionId as string, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      result: "hello world",
      turns: 2,
      costUsd: 0.25,
      tokens: { input: 7, output: 3, cacheRead: 2, cacheWrite: 1 },
      exitCode: 0,
    });
  });

  Deno.test(`${name}: 20: a program that stays after its result is ended, the result is kept`, async () => {
    const ran = await attempt(fake({ outputFormat: name as "json", linger: "100ms" }), { prompt: "stay" });
    const { result, forcedExit } = resultOf(ran);
    assert.deepEqual([result, forcedExit, ran.left], ["said all", true, []]);
  });

  Deno.test(`${name}: 22: half a record is no result`, async () => {
    const failure = failureOf(await attempt(handler, { prompt: "truncated" }));
    assert.deepEqual([failure.code, failure.permanent], ["no_result", false]);
  });

  Deno.test(`${name}: 23: the record counts, not the exit code`, async () => {
    const error = failureOf(await attempt(handler, { prompt: "error" }));
    assert.deepEqual([error.code, error.message, error.permanent], ["agent_error", "something broke", false]);
    const budget = failureOf(await attempt(handler, { prompt: "budget" }));
    assert.deepEqual([budget.code, budget.permanent], ["budget_stop", true]);
    assert.equal((budget.data as { costUsd: number }).costUsd, 0.25);
    const turns = failureOf(await attempt(handler, { prompt: "turns" }));
    assert.deepEqual([turns.code, turns.permanent], ["turn_limit", true]);
    const after = failureOf(await attempt(handler, { prompt: "fail_after" }));
    assert.deepEqual([after.code, after.permanent], ["exit_4", false]);
  });

  Deno.test(`${name}: a rate limit that says when it ends is waited for`, async () => {
    const seconds = Math.floor(Date.now() / 1000) + 7200;
    const { outcome } = await attempt(handler, { prompt: `limited_until ${seconds}` });
    assert.equal(outcome.kind, "snoozed");
    const delayMs = outcome.kind === "snoozed" ? outcome.delayMs ?? 0 : 0;
    assert.ok(delayMs > 7_000_000 && delayMs <= 7_200_000, String(delayMs));
  });

  Deno.test(`${name}: 25: a line of 40 MB with invalid bytes before the result`, async () => {
    const ran = await attempt(handler, { prompt: "flood" });
    assert.equal(resultOf(ran)["result"], "dry");
    assert.ok(ran.log.stdout.startsWith("x".repeat(1_000)));
    assert.match(ran.log.stdout, /\[\.\.\. 399344\d\d characters left out/);
  });

  Deno.test(`${name}: 25: a final record that is too long fails the run, and ends one that stays`, async () => {
    const script = `printf '{"type":"result","subtype":"success","is_error":false,"result":"'
      head -c 3000000 /dev/zero | tr '\\0' x; printf '"}\\n'; exec sleep 973`;
    const handler = fake({
      command: "/bin/sh",
      args: ["-c", script, "sh"],
      outputFormat: name as "json",
      linger: "100ms",
    });
    const ran = await attempt(handler, { prompt: "any" });
    const failure = failureOf(ran);
    assert.deepEqual([failure.code, failure.permanent, ran.left], ["result_too_long", false, []]);
    assert.match(failure.message, /more than the 2097152 characters/);
  });

  Deno.test(`${name}: 26, 27: full stderr, and a pipe held open by a grandchild`, async () => {
    assert.equal(resultOf(await attempt(handler, { prompt: "stderr" }))["result"], "said");
    const held = await attempt(handler, { prompt: "hold" });
    assert.deepEqual([resultOf(held)["result"], held.left], ["held", []]);
  });

  Deno.test(`${name}: a crash is told as such`, async () => {
    const killed = failureOf(await attempt(handler, { prompt: "killed" }));
    assert.equal(killed.code, "no_result");
    assert.match(killed.message, /SIGKILL/);
    const exited = failureOf(await attempt(handler, { prompt: "exit3" }));
    assert.match(exited.message, /Exit code 3: last words/);
  });
}

Deno.test("text: exit codes count", async () => {
  const failure = failureOf(await attempt(text, { prompt: "exit3" }));
  assert.deepEqual([failure.code, failure.message, failure.permanent], [
    "exit_3",
    "Exit code 3: last words",
    false,
  ]);
});

Deno.test("21: silence is ended and retried, at the start and later", async () => {
  for (const prompt of ["silent", "hang"]) {
    const ran = await attempt(fake({ outputFormat: "stream-json", idle: "1s" }), { prompt });
    const failure = failureOf(ran);
    assert.deepEqual([failure.code, failure.message, failure.permanent], [
      "no_output",
      "No output for 1s",
      false,
    ]);
    assert.deepEqual(ran.left, []);
  }
});

Deno.test("19: stdin is closed", async () => {
  assert.equal(JSON.parse(resultOf(await attempt(text, { prompt: "echo" }))["result"] as string).stdin, "");
});

Deno.test("a cancelled run that reports success gives nothing", async () => {
  const abort = new AbortController();
  const ran = await attempt(stream, { prompt: "polite" }, {
    signal: abort.signal,
    onLog: () => abort.abort("cancelled"),
  });
  assert.deepEqual(ran.outcome, { kind: "completed", result: null });
  assert.match(ran.log.stdout, /result: success/);
});

Deno.test("events are logged as text, what is none as it is", async () => {
  const ran = await attempt(stream, { prompt: "noise" });
  assert.match(
    ran.log.stdout,
    /^warning: not JSON\nsession [0-9a-f-]+, model fake-1\nquiet\nresult: success, 2 turns, \$0.25\n$/,
  );
  assert.deepEqual(Object.keys(ran.progress as object), ["sessionId", "turns"]);
});

Deno.test("29: a prompt too long for an argument goes by stdin", async () => {
  const prompt = `echo ${"x".repeat(120_000)}`;
  const seen = JSON.parse(resultOf(await attempt(text, { prompt }))["result"] as string);
  assert.deepEqual([seen.args, seen.stdin], [FLAGS, prompt]);
});

Deno.test("the prompt goes by stdin when the configuration says so", async () => {
  const seen = JSON.parse(
    resultOf(await attempt(fake({ promptBy: "stdin" }), { prompt: "--x" }))["result"] as string,
  );
  assert.deepEqual([seen.args, seen.stdin], [FLAGS, "--x"]);
});
