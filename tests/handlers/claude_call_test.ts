import assert from "node:assert/strict";
import fc from "fast-check";
import type { AgentConfig } from "../../src/runtime/handlers/agent/agent_config.ts";
import { claudeAdapter } from "../../src/runtime/handlers/agent/claude_adapter.ts";
import { claudeHandler } from "../../src/runtime/handlers/claude.ts";
import { fake, FLAGS } from "../support/fake_agent.ts";
import { attempt, failureOf, resultOf } from "../support/handler_bench.ts";

const text = fake();

Deno.test("a retry continues the session that the last attempt left", async () => {
  for (const outputFormat of ["json", "stream-json"] as const) {
    const resuming = fake({ outputFormat, resume: true });
    const id = crypto.randomUUID();
    const first = await attempt(resuming, { prompt: "error" }, { job: { id } });
    const { data, permanent, ...error } = failureOf(first);
    assert.equal(permanent, false);
    const second = await attempt(resuming, { prompt: "session" }, {
      job: { id, attempt: 2, error: { ...error, data: data! } },
    });
    assert.equal(resultOf(second)["result"], "resumed");
    const noted = await attempt(resuming, { prompt: "session" }, {
      job: { id, attempt: 3, progress: first.progress, error: { code: "worker_lost", message: "" } },
    });
    assert.equal(resultOf(noted)["result"], "resumed");
  }
});

Deno.test("a session that cannot be continued is given up", async () => {
  const resuming = fake({ outputFormat: "stream-json", resume: true });
  const id = crypto.randomUUID();
  const lost = { sessionId: crypto.randomUUID() };
  const failed = await attempt(resuming, { prompt: "session" }, { job: { id, attempt: 2, progress: lost } });
  const { permanent: _, ...error } = failureOf(failed);
  assert.match(error.message, /No conversation found/);
  const fresh = await attempt(resuming, { prompt: "session" }, {
    job: { id, attempt: 3, progress: lost, error },
  });
  assert.equal(resultOf(fresh)["result"], "new");
});

Deno.test("a session id that is none never reaches the command line", async () => {
  const resuming = fake({ outputFormat: "json", resume: true });
  const ran = await attempt(resuming, { prompt: "session" }, {
    job: { attempt: 2, progress: { sessionId: "--evil" } },
  });
  assert.equal(resultOf(ran)["result"], "new");
});

Deno.test("S8: whatever the prompt, it is one argument behind the flags, or stdin", () => {
  const prompts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string().map((rest) => `-${rest}`),
    fc.constantFrom("--", "-", "-p"),
  );
  fc.assert(fc.property(prompts, fc.constantFrom("argument" as const, "stdin" as const), (prompt, by) => {
    const { args, stdin } = claudeAdapter.place(FLAGS, prompt, by);
    if (stdin !== undefined) return assert.deepEqual([args, stdin], [FLAGS, prompt]);
    assert.deepEqual(args, prompt.startsWith("-") ? [...FLAGS, "--", prompt] : [...FLAGS, prompt]);
  }));
});

Deno.test("a flag that takes several words cannot take the prompt", () => {
  assert.deepEqual(claudeAdapter.place(["-p", "--allowedTools", "Bash"], "Edit", "argument").args, [
    "-p",
    "--allowedTools",
    "Bash",
    "--",
    "Edit",
  ]);
});

Deno.test("a wrong configuration is refused with the setting and what is allowed", () => {
  const wrong: [unknown, RegExp][] = [
    [{ outputFormat: "xml" }, /outputFormat/],
    [{ promptBy: "mail" }, /promptBy/],
    [{ timeout: "soon" }, /timeout/],
    [{ maxTurns: 0 }, /maxTurns/],
    [{ maxBudgetUsd: -1 }, /maxBudgetUsd/],
    [{ command: "" }, /command/],
    [{ promtBy: "stdin" }, /promtBy/],
  ];
  for (const [config, message] of wrong) {
    assert.throws(() => claudeHandler(config as AgentConfig), { code: "invalid_config", message });
  }
  assert.equal(claudeHandler().timeoutMs, 3_600_000);
  assert.equal(claudeHandler({ timeout: "2h" }).timeoutMs, 7_200_000);
});

Deno.test("S9: nothing in a payload changes the command line, the program or the environment", async () => {
  const payload = {
    prompt: "echo",
    args: ["--evil"],
    command: "/bin/sh",
    model: "expensive",
    env: { A: "1" },
    flags: ["-x"],
  };
  const seen = JSON.parse(resultOf(await attempt(text, payload))["result"] as string);
  assert.deepEqual(seen.args, [...FLAGS, "echo"]);
});

Deno.test("a model is passed on only when the configuration allows it", async () => {
  const chosen = fake({ models: ["small", "large"] });
  const seen = JSON.parse(
    resultOf(await attempt(chosen, { prompt: "echo", model: "large" }))["result"] as string,
  );
  assert.deepEqual(seen.args, [...FLAGS, "--model", "large", "echo"]);
  const failure = failureOf(await attempt(chosen, { prompt: "echo", model: "--evil" }));
  assert.deepEqual([failure.code, failure.permanent], ["bad_payload", true]);
});

Deno.test("limits of turns and money become flags", async () => {
  const seen = JSON.parse(
    resultOf(await attempt(fake({ maxTurns: 3, maxBudgetUsd: 1.5 }), { prompt: "echo" }))["result"] as string,
  );
  assert.deepEqual(seen.args, [...FLAGS, "--max-turns", "3", "--max-budget-usd", "1.5", "echo"]);
});

Deno.test("S10: the program sees only what it is allowed to see", async () => {
  const secrets = {
    DATABASE_URL: "postgres://secret",
    JOBD_TOKEN: "secret",
    CLAUDECODE: "1",
    CLAUDE_CODE_SESSION_ID: "outer",
    ANTHROPIC_API_KEY: "key",
    CLAUDE_CONFIG_DIR: "/tmp/config",
    MY_OWN: "mine",
  };
  for (const [name, value] of Object.entries(secrets)) Deno.env.set(name, value);
  try {
    const ran = await attempt(fake({ envPass: ["MY_*"] }), { prompt: "env" });
    const seen = JSON.parse(resultOf(ran)["result"] as string);
    for (const name of ["DATABASE_URL", "JOBD_TOKEN", "CLAUDECODE", "CLAUDE_CODE_SESSION_ID"]) {
      assert.equal(seen[name], undefined, name);
    }
    for (const name of ["ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "MY_OWN"] as const) {
      assert.equal(seen[name], secrets[name]);
    }
    assert.ok(seen["PATH"] && seen["JOBD_ATTEMPT"] && seen["JOBD_OWNER"]);
  } finally {
    for (const name of Object.keys(secrets)) Deno.env.delete(name);
  }
});

Deno.test("S11: the folder is checked, links resolved", async () => {
  const root = await Deno.realPath(await Deno.makeTempDir());
  await Deno.mkdir(`${root}/in/deep`, { recursive: true });
  await Deno.mkdir(`${root}/inside-by-name-only`);
  await Deno.symlink("/", `${root}/in/out`);
  const confined = fake({ allowedCwd: [`${root}/in`] });
  assert.equal(
    resultOf(await attempt(confined, { prompt: "cwd", cwd: `${root}/in/deep/../deep` }))["result"],
    `${root}/in/deep`,
  );
  for (const payload of [{ prompt: "cwd" }, { type: "claude", prompt: "cwd" }]) {
    assert.equal(resultOf(await attempt(text, payload))["result"], Deno.cwd());
  }
  const bad = [
    "/",
    `${root}/in/..`,
    `${root}/in/out`,
    `${root}/in/out/etc`,
    `${root}/inside-by-name-only`,
    "../..",
    "x\0y",
    7,
    "n".repeat(5000),
  ];
  for (const cwd of bad) {
    const failure = failureOf(await attempt(confined, { prompt: "cwd", cwd }));
    assert.deepEqual([failure.code, failure.permanent], ["bad_cwd", true], String(cwd).slice(0, 50));
  }
  const missing = failureOf(await attempt(text, { prompt: "cwd", cwd: `${root}/nowhere` }));
  assert.match(missing.message, /does not exist/);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a payload without a prompt is a permanent failure", async () => {
  for (const payload of [{}, { prompt: "" }, { prompt: "  \n" }, { prompt: 3 }, null, [], "text"]) {
    const failure = failureOf(await attempt(text, payload));
    assert.deepEqual([failure.code, failure.permanent], ["bad_payload", true]);
  }
});
