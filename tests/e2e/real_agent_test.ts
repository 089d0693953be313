/** The real agent program under the `claude` handler, against a stand-in for its API on loopback. */
import assert from "node:assert/strict";
import type { AgentConfig } from "../../src/runtime/handlers/agent/agent_config.ts";
import { claudeHandler } from "../../src/runtime/handlers/claude.ts";
import { Processes } from "../../src/runtime/process/processes.ts";
import { AgentApi, type AgentReply, type AgentRequest } from "../support/agent_api.ts";
import { type Attempt, attempt, type AttemptOptions, failureOf, resultOf } from "../support/handler_bench.ts";
import { realClaude } from "../support/real_claude.ts";

const command = await realClaude();
const home = await Deno.makeTempDir({ prefix: "jobd-test-home-" });
globalThis.addEventListener("unload", () => Deno.removeSync(home, { recursive: true }));
const processes = new Processes();

/** One run of the real program with these answers of its API. */
async function run(
  script: (request: AgentRequest) => AgentReply,
  { config, prompt = "say hello", ...options }: AttemptOptions & { config?: AgentConfig; prompt?: string } =
    {},
): Promise<Attempt & { requests: AgentRequest[] }> {
  await using api = new AgentApi(script);
  const handler = claudeHandler({ command, env: api.environment(home), ...config }, { processes });
  const ran = await attempt(handler, { prompt, cwd: home }, options);
  return { ...ran, requests: api.requests };
}

const stream: AgentConfig = { outputFormat: "stream-json" };
const hello = (): AgentReply => ({ text: "hello world", inputTokens: 12, outputTokens: 5 });

/** Whether the program passed the prompt on to the model as it is. */
function asked(requests: AgentRequest[], prompt: string): boolean {
  return requests.some(({ body }) =>
    (body.messages ?? []).some(({ content }) =>
      content === prompt ||
      Array.isArray(content) && content.some((block: { text?: string }) => block.text === prompt)
    )
  );
}

Deno.test("the documented command line prints the answer", async () => {
  const ran = await run(hello);
  assert.equal(resultOf(ran)["result"], "hello world");
  assert.equal(ran.log.stdout, "hello world\n");
});

for (const outputFormat of ["json", "stream-json"] as const) {
  Deno.test(`${outputFormat}: the record is kept`, async () => {
    const ran = await run(hello, { config: { outputFormat } });
    const { result, turns, tokens, sessionId, costUsd } = resultOf(ran);
    assert.deepEqual([result, turns], ["hello world", 1]);
    assert.deepEqual(tokens, { input: 12, output: 5, cacheRead: 0, cacheWrite: 0 });
    assert.match(sessionId as string, /^[0-9a-f-]{36}$/);
    assert.ok((costUsd as number) > 0);
    assert.match(ran.log.stdout, /session .*\nhello world\nresult: success/);
  });
}

for (
  const prompt of [
    "--version",
    "--dangerously-skip-permissions",
    "-p",
    "--",
    "-",
    "update",
    "mcp",
    "a\nb 'c' $(id)",
  ]
) {
  Deno.test(`S8: the prompt ${JSON.stringify(prompt)} reaches the model as it is`, async () => {
    const ran = await run(hello, { prompt });
    assert.equal(resultOf(ran)["result"], "hello world");
    assert.ok(asked(ran.requests, prompt), JSON.stringify(ran.requests.map(({ body }) => body.messages)));
  });
}

Deno.test("29: a prompt too long for an argument reaches the model", async () => {
  const prompt = `read this: ${"lorem ipsum ".repeat(15_000)}.`;
  const ran = await run(hello, { prompt });
  assert.equal(resultOf(ran)["result"], "hello world");
  assert.ok(asked(ran.requests, prompt));
});

for (const outputFormat of ["text", "json", "stream-json"] as const) {
  Deno.test(`${outputFormat}: an unauthorised answer ends the job`, async () => {
    const refuse = () => ({ status: 401, type: "authentication_error", message: "bad key" });
    const failure = failureOf(await run(refuse, { config: { outputFormat } }));
    assert.deepEqual([failure.code, failure.permanent], ["unauthorised", true]);
    assert.match(failure.message, /bad key/);
  });

  Deno.test(`${outputFormat}: a rate limit puts the job off`, async () => {
    const refuse = () => ({ status: 429, type: "rate_limit_error", message: "slow down" });
    const { outcome } = await run(refuse, { config: { outputFormat, rateLimitDelay: "7m" } });
    assert.equal(outcome.kind === "snoozed" && outcome.delayMs, 420_000, JSON.stringify(outcome));
  });

  Deno.test(`${outputFormat}: an overloaded API means a retry`, async () => {
    const refuse = () => ({ status: 529, type: "overloaded_error", message: "busy" });
    const failure = failureOf(await run(refuse, { config: { outputFormat } }));
    assert.deepEqual([failure.code, failure.permanent], ["overloaded", false]);
  });
}

Deno.test("the money limit stops the run for good", async () => {
  const spend = ({ index }: AgentRequest) => ({ bash: `echo ${index}` });
  const failure = failureOf(await run(spend, { config: { ...stream, maxBudgetUsd: 0.0001 } }));
  assert.deepEqual([failure.code, failure.permanent], ["budget_stop", true]);
  assert.ok((failure.data as { costUsd: number }).costUsd > 0);
});

Deno.test("the limit of turns stops the run", async () => {
  const goOn = ({ index }: AgentRequest) => ({ bash: `echo ${index}` });
  const ran = await run(goOn, { config: { ...stream, maxTurns: 2 } });
  assert.equal(failureOf(ran).code, "turn_limit");
  assert.match(ran.log.stdout, /> Bash {"command":"echo 0"/);
});

Deno.test("17: a process that its tool left in a session of its own is ended", async () => {
  const leave = ({ index }: AgentRequest): AgentReply =>
    index === 0 ? { bash: "setsid sleep 973 >/dev/null 2>&1 & echo started" } : { text: "done" };
  const ran = await run(leave, { config: stream });
  assert.equal(resultOf(ran)["result"], "done");
  assert.match(ran.log.stdout, /started/);
  assert.match(ran.log.system, /left behind/);
  assert.deepEqual(ran.left, []);
});

Deno.test("a cancelled run is ended with the command of its tool", async () => {
  const abort = new AbortController();
  const busy = ({ index }: AgentRequest): AgentReply =>
    index === 0 ? { bash: "setsid sleep 972 & sleep 971" } : { text: "done" };
  const ran = await run(busy, {
    config: stream,
    signal: abort.signal,
    onLog: (text) => {
      if (text.includes("> Bash")) abort.abort("cancelled");
    },
  });
  assert.deepEqual([ran.outcome, ran.left], [{ kind: "completed", result: null }, []]);
});

Deno.test("21: an API that never answers is noticed by the silence", async () => {
  const ran = await run(() => ({ silence: true }), { config: { ...stream, idle: "3s" } });
  assert.equal(failureOf(ran).code, "no_output");
  assert.match(ran.log.stdout, /^session /);
  assert.deepEqual(ran.left, []);
});

Deno.test("a retry continues the session", async () => {
  const id = crypto.randomUUID();
  const config = { ...stream, resume: true };
  const busy = () => ({ status: 529, type: "overloaded_error", message: "busy" });
  const first = await run(busy, { config, job: { id } });
  const { permanent: _, ...error } = failureOf(first);
  const second = await run(hello, { config, job: { id, attempt: 2, error } });
  assert.equal(resultOf(second)["result"], "hello world");
  assert.equal(resultOf(second)["sessionId"], (error.data as { sessionId: string }).sessionId);
});

Deno.test("a flag that the program does not know is a failure with its words", async () => {
  const failure = failureOf(
    await run(hello, { config: { ...stream, args: ["-p", "--verbose", "--nonsense"] } }),
  );
  assert.deepEqual([failure.code, failure.permanent], ["no_result", false]);
  assert.match(failure.message, /unknown option '--nonsense'/);
});
