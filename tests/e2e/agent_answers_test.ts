/** The real agent program under a real daemon, when its API refuses: how such jobs end, and what users see of it. */
import assert from "node:assert/strict";
import { AgentApi, type AgentReply } from "../support/agent_api.ts";
import { realClaude } from "../support/real_claude.ts";
import { BACKENDS, until } from "./fleet.ts";
import { agentVariables, alive, outcomes, Site } from "./site.ts";

const REFUSALS = {
  "tune the piano": { status: 401, type: "authentication_error", message: "bad key" },
  "paint the fence": { status: 429, type: "rate_limit_error", message: "slow down" },
  "wash the windows": { status: 529, type: "overloaded_error", message: "busy" },
} satisfies Record<string, AgentReply>;
type Prompt = keyof typeof REFUSALS;
const CONFIG = {
  backoff: { base: "1s", max: "1s", jitter: "none" },
  agent: { outputFormat: "stream-json", rateLimitDelay: "1h" },
};

for (const backend of BACKENDS) {
  Deno.test(`${backend}: refusals of the API end the job, put it off, or mean another try`, async (t) => {
    const refusing = new Set<string>(Object.keys(REFUSALS));
    await using api = new AgentApi(({ body }) => {
      const messages = JSON.stringify(body.messages);
      const prompt = Object.keys(REFUSALS).find((one) => messages.includes(one));
      return prompt !== undefined && refusing.has(prompt) ? REFUSALS[prompt as Prompt] : { text: "done" };
    });
    await using site = await Site.of(backend, {
      config: CONFIG,
      env: agentVariables(api),
      programs: { claude: await realClaude() },
    });
    await site.ok("jobd migrate");
    await site.daemon("jobd start");
    const enqueue = (prompt: Prompt): Promise<string> =>
      site.ok(`jobd enqueue --payload '${JSON.stringify({ prompt })}'`);

    await t.step("401: dead at once, until somebody logs in and retries", async () => {
      const id = await enqueue("tune the piano");
      await site.reaches(id, "dead");
      const job = await site.show(id);
      assert.deepEqual([outcomes(job), job.failures], [["failed unauthorised"], 1]);
      assert.match(await site.ok(`jobd job show ${id}`), /Error +.*401 bad key \[unauthorised\]/);
      assert.deepEqual(await alive(id), []);
      refusing.delete("tune the piano");
      await site.ok(`jobd job retry ${id}`);
      assert.equal((await site.reaches(id, "completed")).attempt, 2);
    });

    await t.step("429: put off without a failure, with the reason beside the attempt", async () => {
      const id = await enqueue("paint the fence");
      await site.reaches(id, "scheduled", 1);
      const job = await site.show(id);
      assert.deepEqual([outcomes(job), job.failures, job.error], [["snoozed snoozed"], 0, null]);
      assert.ok(Date.parse(job.runAt) >= Date.parse(job.executions[0]?.startedAt ?? "") + 3_600_000);
      const text = await site.ok(`jobd job show ${id}`);
      assert.match(text, /State +scheduled\n/);
      assert.match(text, /\n +1 +snoozed .*rate_limited: .*slow down/);
      assert.match(text, /\nPut off for 1h: rate_limited: .*slow down$/);
      refusing.delete("paint the fence");
      await site.ok(`jobd job run ${id}`);
      await site.reaches(id, "completed");
      assert.deepEqual(outcomes(await site.show(id)), ["snoozed snoozed", "completed"]);
    });

    await t.step("529: tried again after the backoff, until the API answers", async () => {
      const id = await enqueue("wash the windows");
      await until(
        "it was refused twice",
        async () =>
          (await (await site.jobd()).jobs.executions(id)).filter(({ outcome }) => outcome === "failed")
            .length >= 2,
      );
      refusing.delete("wash the windows");
      const { attempt, failures, result } = await site.reaches(id, "completed");
      const job = await site.show(id);
      assert.ok(attempt >= 3);
      assert.equal(failures, attempt - 1);
      assert.deepEqual(outcomes(job), [...Array(failures).fill("failed overloaded"), "completed"]);
      for (const [index, { error, finishedAt }] of job.executions.slice(0, -1).entries()) {
        assert.equal(error?.retryInMs, 1_000);
        const next = job.executions[index + 1]?.startedAt ?? "";
        assert.ok(Date.parse(next) >= Date.parse(finishedAt ?? "") + 1_000, "started before its backoff");
      }
      const { sessionId, turns, costUsd } = result as { sessionId: string; turns: number; costUsd: number };
      const [session, cost] = [`session ${sessionId}`, `$${costUsd.toFixed(4)}`];
      const text = await site.ok(`jobd job show ${id}`);
      assert.ok(text.includes(`${session}, ${turns} turn, ${cost}\n`), text);
      assert.match(text, /\ndone\nresult: success, 1 turn/);
      assert.deepEqual(await alive(id), []);
    });
  });
}
