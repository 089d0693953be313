import assert from "node:assert/strict";
import { z } from "zod";
import { type Handlers, type Job, JobdError, type RunContext, WaitTimedOut } from "../../src/mod.ts";
import { TestJobd } from "../../src/testing/mod.ts";

type Run = (job: Job, context: RunContext) => unknown;

/** A store on which one handler works. */
function open(run: Run, others: Handlers = {}): Promise<TestJobd> {
  return TestJobd.open({ handlers: { test: run, ...others } });
}

function refused(code: string, text: RegExp = /./): (error: unknown) => boolean {
  return (error) => error instanceof JobdError && error.code === code && text.test(error.message);
}

Deno.test("a handler waits for an answer without holding anything, and goes on with it where it was", async () => {
  const done: string[] = [];
  await using test = await open(async (_, { step, waitFor }) => {
    await step("ask", () => done.push("asked"));
    const { approved } = await waitFor<{ approved: boolean }>("approval");
    await step("act", () => done.push("acted"));
    return approved ? "paid" : "refused";
  });
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  const first = await test.drain();
  assert.deepEqual([first.parked, first.left], [1, { blocked: 1 }]);
  const parked = await job.job();
  assert.deepEqual([parked.state, parked.waitingFor, parked.failures, parked.worker !== null], [
    "blocked",
    "approval",
    0,
    true,
  ]);
  assert.deepEqual(await jobd.waits.resume(job.id, { approved: true }), {
    jobId: job.id,
    name: "approval",
    outcome: "resumed",
  });
  assert.equal((await test.drain()).completed, 1);
  const { result, attempt, failures } = await job.job();
  assert.deepEqual([result, attempt, failures, done], ["paid", 2, 0, ["asked", "acted"]]);
  const executions = await jobd.jobs.executions(job.id);
  assert.deepEqual(executions.map(({ outcome, error }) => [outcome, error]), [["parked", null], [
    "completed",
    null,
  ]]);
});

Deno.test("a token answers from anywhere, is the same in each attempt, and says nothing by itself", async () => {
  const tokens: string[] = [];
  await using test = await open(async ({ attempt }, { waitToken, waitFor }) => {
    tokens.push((await waitToken("approval")).token, (await waitToken("second")).token);
    if (attempt === 1) throw new Error("after the message was sent");
    return [await waitFor("approval"), await waitFor("second")];
  });
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain({ withScheduled: true });
  const [approval = "", second = ""] = tokens;
  assert.deepEqual(tokens, [approval, second, approval, second]);
  assert.match(approval, /^wait_[\w-]{48}$/);
  assert.notEqual(approval, second);
  const shown = JSON.stringify([
    await job.job(),
    await jobd.waits.list(job.id),
    await Array.fromAsync(jobd.jobs.logs(job.id)),
  ]);
  assert.ok(!shown.includes(approval.slice(30)));
  assert.equal((await jobd.waits.resume(second, 2)).outcome, "kept");
  assert.equal((await jobd.waits.resume(approval, 1)).outcome, "resumed");
  await test.drain();
  assert.deepEqual((await job.job()).result, [1, 2]);
});

Deno.test("a token that was changed, cut or made up answers nothing", async () => {
  let token = "";
  await using test = await open(async (_, context) => {
    ({ token } = await context.waitToken("approval"));
    return await context.waitFor("approval");
  });
  const { jobd } = test;
  await jobd.enqueue({ type: "test" });
  const other = await jobd.enqueue({ type: "test" });
  await test.drain();
  const last = token.endsWith("A") ? "B" : "A";
  const strangers = [token.slice(0, -1), `${token.slice(0, -1)}${last}`, "wait_", `wait_${"A".repeat(48)}`];
  for (const stranger of strangers) {
    await assert.rejects(jobd.waits.resume(stranger, 1), refused("not_found", /token/));
  }
  assert.equal((await other.job()).state, "blocked");
});

Deno.test("an answer is given once; the same key gives the same answer again", async () => {
  await using test = await open((_, { waitFor }) => waitFor("approval"));
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  assert.equal((await jobd.waits.resume(job.id, 1, { key: "mail-7" })).outcome, "resumed");
  const again = { job: job.id, name: "approval" };
  assert.equal((await jobd.waits.resume(again, 2, { key: "mail-7" })).outcome, "existing");
  await assert.rejects(
    jobd.waits.resume(again, 2, { key: "mail-8" }),
    refused("conflict", /answered already, at 2/),
  );
  await assert.rejects(jobd.waits.resume(again, 2), refused("conflict", /answered already/));
  await test.drain();
  assert.equal((await job.job()).result, 1);
  await assert.rejects(jobd.waits.resume(again, 3), refused("conflict", /it is already completed/));
});

Deno.test("an answer may come before the handler has asked, and while it runs", async () => {
  const gate = Promise.withResolvers<void>();
  await using test = await open(async (
    _,
    { waitFor },
  ) => [await waitFor("a"), await gate.promise, await waitFor("b")]);
  const { jobd, clock } = test;
  const job = await jobd.enqueue({ type: "test" });
  assert.equal((await jobd.waits.resume({ job: job.id, name: "a" }, 1)).outcome, "kept");
  await test.startWorker();
  await clock.settle();
  assert.equal((await job.job()).state, "running");
  assert.equal((await jobd.waits.resume({ job: job.id, name: "b" }, 2)).outcome, "kept");
  gate.resolve();
  assert.deepEqual(await clock.until(job.result()), [1, null, 2]);
  assert.equal((await job.job()).attempt, 1);
});

Deno.test("which answer is meant is said when it is not clear", async () => {
  await using test = await open(async (_, { waitFor, waitToken }) => {
    await waitToken("other");
    await waitFor("approval");
    throw new Error("not yet");
  });
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test", maxAttempts: 2 });
  await assert.rejects(jobd.waits.resume(job.id, 1), refused("conflict", /waits for no answer/));
  await test.drain();
  // What the handler waits for is meant, whatever else is open.
  assert.equal((await jobd.waits.resume(job.id, 1)).name, "approval");
  await test.drain();
  assert.equal((await jobd.waits.resume(job.id, 1)).name, "other");
  await assert.rejects(jobd.waits.resume("00000000-0000-7000-8000-000000000000", 1), refused("not_found"));
  await assert.rejects(
    jobd.waits.resume({ job: job.id, name: "" }, 1),
    refused("invalid_request", /wait name/),
  );
  await assert.rejects(
    jobd.waits.resume({ job: job.id, name: "x" }, 1n as never),
    refused("invalid_request"),
  );
});

Deno.test("a wait that times out ends the job for good, unless the handler does without", async () => {
  await using test = await open((_, { waitFor }) => waitFor("approval", { timeout: "3d" }), {
    without: (_, { waitFor }) => waitFor("approval", { timeout: "3d", onTimeout: "nobody" }),
    caught: async (_, { waitFor }) => {
      try {
        return await waitFor("approval", { timeout: "1d" });
      } catch (error) {
        if (!(error instanceof WaitTimedOut)) throw error;
        return await waitFor("the boss", { timeout: "1d", onTimeout: "no boss" });
      }
    },
  });
  const { jobd } = test;
  const [job, without, caught] = await Promise.all(
    ["test", "without", "caught"].map((type) => jobd.enqueue({ type })),
  );
  assert.ok(job && without && caught);
  await test.drain();
  await test.clock.advance("71h");
  assert.deepEqual((await test.drain()).left, { blocked: 3 });
  await assert.rejects(jobd.waits.resume({ job: caught.id, name: "approval" }, 1), refused("conflict"));
  await test.clock.advance("25h");
  await test.drain();
  const dead = await job.job();
  assert.deepEqual([dead.state, dead.error?.code, dead.failures], ["dead", "timed_out", 1]);
  assert.match(dead.error?.message ?? "", /^Nobody has answered "approval" by 2/);
  assert.deepEqual([(await without.job()).result, (await caught.job()).result], ["nobody", "no boss"]);
  await assert.rejects(jobd.waits.resume({ job: job.id, name: "approval" }, 1), refused("conflict", /dead/));
});

Deno.test("an answer after the time is refused, also while the job has not been told yet", async () => {
  await using test = await open((_, { waitFor }) => waitFor("approval", { timeout: "1h" }));
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  await test.clock.advance("2h");
  await assert.rejects(jobd.waits.resume(job.id, 1), refused("conflict", /timed out at 2/));
  assert.equal((await test.drain({ withScheduled: true })).dead, 1);
});

Deno.test("a dead job that is retried keeps what was answered and waits anew for what was not", async () => {
  await using test = await open(async (
    _,
    { waitFor },
  ) => [await waitFor("a"), await waitFor("b", { timeout: "1h" })]);
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  await jobd.waits.resume(job.id, 1);
  await test.drain({ withScheduled: true });
  assert.equal((await job.job()).state, "dead");
  await jobd.jobs.retry(job.id);
  await test.drain();
  assert.deepEqual([(await job.job()).state, (await job.job()).waitingFor], ["blocked", "b"]);
  await jobd.waits.resume(job.id, 2);
  await test.drain();
  assert.deepEqual((await job.job()).result, [1, 2]);
});

Deno.test("an answer that does not fit ends the job, and is forgotten", async () => {
  const schema = z.object({ approved: z.boolean() });
  await using test = await open((_, { waitFor }) => waitFor("approval", { schema }));
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  await jobd.waits.resume(job.id, { approved: "yes" });
  await test.drain();
  const dead = await job.job();
  assert.deepEqual([dead.state, dead.error?.code], ["dead", "invalid_answer"]);
  assert.match(dead.error?.message ?? "", /^The answer to "approval" does not fit: approved: /);
  await jobd.jobs.retry(job.id);
  await test.drain();
  await jobd.waits.resume(job.id, { approved: true });
  await test.drain();
  assert.deepEqual((await job.job()).result, { approved: true });
});

Deno.test("an answer that the handler takes back is asked for again, by the same token", async () => {
  let token = "";
  await using test = await open(async (_, { waitFor, waitToken, forgetAnswer }) => {
    ({ token } = await waitToken("number"));
    const answer = await waitFor<number>("number");
    if (answer > 0) return answer;
    await forgetAnswer("number");
    return await waitFor("number");
  });
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  for (const answer of [-1, 5]) {
    assert.equal((await jobd.waits.resume(token, answer)).outcome, "resumed");
    await test.drain();
  }
  assert.equal((await job.job()).result, 5);
});

Deno.test("a durable sleep lasts as long as it was first asked for, whatever fails meanwhile", async () => {
  const at: number[] = [];
  await using test = await open(async (_, { sleep, now }) => {
    at.push(now());
    await sleep("a day", "1d");
    if (at.length === 2) throw new Error("again");
    await sleep("an hour", "1h");
    at.push(now());
  });
  const { clock } = test;
  const start = clock.now();
  const job = await test.jobd.enqueue({ type: "test", backoff: { base: "1m", jitter: "none" } });
  const report = await test.drain({ withScheduled: true });
  assert.deepEqual([report.completed, report.parked, report.failed], [1, 2, 1]);
  const minutes = at.map((each) => Math.floor((each - start) / 60_000));
  assert.deepEqual(minutes, [0, 1_440, 1_441, 1_501, 1_501]);
  assert.equal((await job.job()).failures, 1);
});

Deno.test("somebody may end a sleep; to run a job that waits is refused", async () => {
  await using test = await open(async (_, { sleep }) => await sleep("a day", "1d"));
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await test.drain();
  await assert.rejects(jobd.jobs.run(job.id), refused("conflict", /waits for "a day": resume it/));
  assert.equal((await jobd.waits.resume(job.id)).outcome, "resumed");
  assert.equal((await test.drain()).completed, 1);
});

Deno.test("names tell waits apart from sleeps, and are checked", async () => {
  const refusals: unknown[] = [];
  await using test = await open(async (_, { sleep, waitFor, waitToken }) => {
    await waitToken("a");
    for (const bad of [() => sleep("a", "1s"), () => waitFor(""), () => waitFor("b", { timeout: "soon" })]) {
      await bad().catch((error: JobdError) => refusals.push(error.code));
    }
    return "done";
  });
  const job = await test.jobd.enqueue({ type: "test" });
  await test.drain();
  assert.deepEqual(refusals, ["invalid_request", "invalid_request", "invalid_request"]);
  assert.equal((await job.job()).result, "done");
});

Deno.test("whatever a handler catches on its way out, its attempt ends as one that waits", async () => {
  const cleaned: string[] = [];
  await using test = await open(async (_, { waitFor }) => {
    try {
      return await waitFor("approval");
    } catch (cause) {
      throw new Error("wrapped", { cause });
    } finally {
      cleaned.push("up");
    }
  });
  const job = await test.jobd.enqueue({ type: "test", maxAttempts: 1 });
  await test.drain();
  assert.deepEqual([(await job.job()).waitingFor, cleaned], ["approval", ["up"]]);
});

Deno.test("a job whose handler waits can be ended from outside, once", async () => {
  const runs: string[] = [];
  let token = "";
  await using test = await open(async ({ id }, { waitFor, waitToken }) => {
    runs.push(id);
    ({ token } = await waitToken("render"));
    return await waitFor("render");
  });
  const { jobd } = test;
  const job = await jobd.enqueue({ type: "test" });
  await assert.rejects(
    jobd.waits.complete({ job: job.id, name: "render" }, 1),
    refused("conflict", /it is available/),
  );
  await test.drain();
  await assert.rejects(
    jobd.waits.complete({ job: job.id, name: "x" }, 1),
    refused("conflict", /not wait for "x"/),
  );
  await jobd.waits.complete(token, { frames: 9 });
  assert.deepEqual(await job.result(), { frames: 9 });
  await assert.rejects(jobd.waits.complete(token, 1), refused("conflict", /already completed/));
  const second = await jobd.enqueue({ type: "test" });
  await test.drain();
  await jobd.waits.fail(second.id, "The farm has burnt down");
  const dead = await second.job();
  assert.deepEqual([dead.state, dead.error], ["dead", {
    code: "failed",
    message: "The farm has burnt down",
  }]);
  assert.equal((await test.drain()).completed, 0);
  assert.deepEqual(runs, [job.id, second.id]);
});

Deno.test("a job that waits is cancelled at once, and expires by its deadline", async () => {
  await using test = await open((_, { waitFor }) => waitFor("approval"));
  const { jobd } = test;
  const [cancelled, expired] = [
    await jobd.enqueue({ type: "test" }),
    await jobd.enqueue({ type: "test", ttl: "1h" }),
  ];
  await test.drain();
  await jobd.jobs.cancel(cancelled.id);
  assert.equal((await cancelled.job()).state, "cancelled");
  await test.startWorker();
  await test.clock.advance("90m");
  assert.equal((await expired.job()).state, "expired");
});

Deno.test("what an attempt enqueues with its end is enqueued once, when the handler has its answers", async () => {
  await using test = await open(async (_, { enqueue, waitFor }) => {
    await enqueue({ type: "child" });
    return await waitFor("approval");
  }, { child: () => {} });
  const job = await test.jobd.enqueue({ type: "test" });
  await test.drain();
  test.refuteEnqueued({ type: "child" });
  await test.jobd.waits.resume(job.id);
  await test.drain();
  test.assertEnqueued({ type: "child", count: 1 });
});

Deno.test("parked and resumed jobs are told of", async () => {
  await using test = await open(async (
    _,
    { waitFor, sleep },
  ) => [await waitFor("approval"), await sleep("s", "1h")]);
  const { jobd, clock } = test;
  const told: string[] = [];
  await jobd.on("job.*", ({ kind, state, waitingFor }) => {
    told.push([kind, state, waitingFor ?? []].flat().join(" "));
  });
  const job = await jobd.enqueue({ type: "test" });
  await test.startWorker();
  await clock.settle();
  await jobd.waits.resume(job.id, 1);
  await clock.until(job.result());
  await clock.advance("1s");
  assert.deepEqual(told, [
    "job.enqueued available",
    "job.started running",
    "job.parked blocked approval",
    "job.resumed available",
    "job.started running",
    "job.parked blocked s",
    "job.resumed available",
    "job.started running",
    "job.completed completed",
  ]);
});
