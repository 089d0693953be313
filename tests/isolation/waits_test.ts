import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { until } from "../support/process_probe.ts";
import { type Working, working } from "../support/real_time.ts";

const MODULE = fileURLToPath(new URL("./jobs.ts", import.meta.url));

function isolated(): Promise<Working> {
  return working([], { modules: [MODULE], shutdownTimeoutMs: 0 });
}

/** Waits until the handler of a job waits for an answer. */
async function parked({ jobd }: Working, id: string, name: string, attempts = 1): Promise<void> {
  await until(`the handler waits for ${name}`, async () => {
    const { waitingFor, attempt } = await jobd.jobs.get(id);
    return waitingFor === name && attempt >= attempts;
  });
}

Deno.test("an isolated handler waits, sleeps, has a token and takes answers back", async () => {
  await using work = await isolated();
  const { jobd } = work;
  const { id } = await jobd.enqueue({ type: "asks", payload: {}, maxAttempts: 1 });
  assert.equal((await jobd.waits.resume({ job: id, name: "early" }, "bird")).outcome, "kept");
  await parked(work, id, "approval");
  const log = (await Array.fromAsync(jobd.jobs.logs(id))).map(({ text }) => text).join("");
  const token = /token (\S+)/.exec(log)?.[1] ?? "";
  const { attempt } = await jobd.jobs.get(id);
  assert.equal((await jobd.waits.resume(token, 0)).outcome, "resumed");
  await parked(work, id, "approval", attempt + 1);
  assert.equal((await jobd.waits.resume(token, 7)).outcome, "resumed");
  const job = await jobd.jobs.wait(id);
  assert.deepEqual([job.state, job.result, job.failures], ["completed", ["kept", "bird", 7], 0]);
});

Deno.test("an isolated handler may catch that nobody has answered; else its job is a dead letter", async () => {
  await using work = await isolated();
  const { jobd } = work;
  const { id } = await jobd.enqueue({ type: "asks", payload: { timeout: "1ms" } });
  await jobd.waits.resume({ job: id, name: "early" });
  const caught = await jobd.jobs.wait(id);
  assert.deepEqual(caught.result, ["timed_out", 'Nobody has answered "approval"']);
  const dead = await work.run("untimely", { maxAttempts: 5 });
  assert.deepEqual([dead.state, dead.error?.code, dead.failures], ["dead", "timed_out", 1]);
});
