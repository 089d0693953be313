import assert from "node:assert/strict";
import { z } from "zod";
import { defineJob, discard, fail, type Middleware, retryAt, snooze, transient } from "../../src/mod.ts";
import { sleep } from "../../src/domain/clock.ts";
import { perform, TestJobd, untilStopped } from "../../src/testing/mod.ts";

const import_ = defineJob({
  type: "import",
  payload: z.object({ url: z.url(), limit: z.number().default(10) }),
  delay: "1h",
  maxAttempts: 3,
  backoff: { base: "1m", max: "1h", jitter: "none" },
  async run({ payload, attempt }, { step, checkpoint, log, progress, enqueue, clock }) {
    log("began\n");
    const text = await step("download", () => "downloaded");
    const from = Number(await checkpoint() ?? 0);
    progress({ from });
    await sleep(clock, 2_000);
    if (payload.url.endsWith("broken")) throw new TypeError("broken", { cause: new Error("deep") });
    await enqueue({ type: "report", payload: { from } });
    return { text, attempt, from, limit: payload.limit };
  },
});

Deno.test("perform() runs a handler as a worker would, and says all that came of it", async () => {
  const done = await perform(import_, { url: "https://example.com" });
  assert.deepEqual([done.outcome, done.state, done.error, done.nextInMs], [
    "completed",
    "completed",
    null,
    null,
  ]);
  assert.deepEqual(done.result, { text: "downloaded", attempt: 1, from: 0, limit: 10 });
  assert.deepEqual([done.log, done.progress, done.tookMs], ["began\n", { from: 0 }, 2_000]);
  assert.deepEqual(done.enqueued.map(({ type, payload }) => [type, payload]), [["report", { from: 0 }]]);
  const text: string | undefined = done.result?.text;
  assert.equal(text, "downloaded");
});

Deno.test("perform() makes a later attempt, with what earlier ones have kept", async () => {
  const later = await perform(import_, { url: "https://example.com" }, {
    attempt: 3,
    steps: { download: "kept" },
    checkpoint: 40,
  });
  assert.deepEqual(later.result, { text: "kept", attempt: 3, from: 40, limit: 10 });
  assert.equal(later.job.failures, 2);
  assert.equal((await perform(import_, { url: "https://example.com" }, { checkpoint: 1 })).job.attempt, 2);
  const last = await perform(import_, { url: "https://example.com/broken" }, { attempt: 3 });
  assert.deepEqual([last.outcome, last.state, last.nextInMs], ["failed", "dead", null]);
  for (const attempt of [0, 1.5, 4]) {
    await assert.rejects(perform(import_, { url: "https://example.com" }, { attempt }), {
      code: "invalid_request",
      message: /from 1 to the job's maxAttempts, 3/,
    });
  }
  await assert.rejects(
    perform(import_, { url: "https://example.com" }, { attempt: 1, checkpoint: 1 }),
    /from 2/,
  );
});

Deno.test("perform() shows failures with what was thrown and when the job is tried again", async () => {
  const failed = await perform(import_, { url: "https://example.com/broken" }, { attempt: 2 });
  assert.deepEqual([failed.outcome, failed.state, failed.result, failed.nextInMs], [
    "failed",
    "scheduled",
    null,
    120_000,
  ]);
  assert.deepEqual([failed.error?.message, failed.error?.causes], ["broken", ["Error: deep"]]);
  assert.ok(failed.thrown instanceof TypeError);
  assert.deepEqual(failed.enqueued, []);
  await assert.rejects(perform(import_, { url: "nowhere" }), {
    code: "invalid_request",
    message: /Invalid payload for import/,
  });
});

Deno.test("perform() shows every way in which an attempt can end", async () => {
  const ends = async (given: unknown): Promise<unknown[]> => {
    const { outcome, state, error, nextInMs } = await perform({ type: "any", run: () => given });
    return [outcome, state, error?.code, nextInMs];
  };
  assert.deepEqual(await ends(snooze("5m", "busy")), ["snoozed", "scheduled", "snoozed", 300_000]);
  assert.deepEqual(await ends(retryAt("2026-01-01T02:00:00Z")), [
    "snoozed",
    "scheduled",
    undefined,
    7_200_000,
  ]);
  assert.deepEqual(await ends(discard("useless")), ["failed", "dead", "discarded", null]);
  assert.deepEqual(await ends(transient("away", { retryIn: "1m" })), [
    "failed",
    "scheduled",
    "transient",
    60_000,
  ]);
  assert.deepEqual(await ends(fail({ code: "mine", message: "m" }, { permanent: true })), [
    "failed",
    "dead",
    "mine",
    null,
  ]);
  assert.deepEqual(await ends(1n), ["completed", "completed", undefined, null]);
});

Deno.test("perform() cancels and times out", async () => {
  const reasons: unknown[] = [];
  const hang = defineJob({
    type: "hang",
    timeout: "10m",
    run: (_, context) => {
      context.signal.addEventListener("abort", () => reasons.push(context.signal.reason));
      return untilStopped(context);
    },
  });
  const late = await perform(hang, null);
  assert.deepEqual([late.outcome, late.error?.code, late.tookMs], ["failed", "timeout", 600_000]);
  const cancelled = await perform(hang, null, { cancelAfter: "1m" });
  assert.deepEqual([cancelled.outcome, cancelled.state, cancelled.tookMs], [
    "cancelled",
    "cancelled",
    60_000,
  ]);
  const stop = new AbortController();
  const stopped = await perform(
    { type: "stops", run: (_, context) => (stop.abort(), untilStopped(context)) },
    null,
    {
      signal: stop.signal,
    },
  );
  assert.equal(stopped.outcome, "cancelled");
  assert.equal((await perform(hang, null, { ttl: "2m" })).outcome, "expired");
  assert.deepEqual(reasons, ["timeout", "cancelled", "expired"]);
});

Deno.test("perform() goes through the layers of the worker, at the time and in the namespace of the test", async () => {
  const layer: Middleware = async (_job, _context, next) => ({ wrapped: await next() });
  const when = defineJob({
    type: "when",
    run: ({ namespace }, { now }) => [namespace, new Date(now()).toISOString()],
  });
  await using test = await TestJobd.open({ namespace: "tenant", worker: { middleware: [layer] } });
  await test.clock.set("2026-10-25T00:30:00Z");
  const { result } = await test.perform(when, null);
  assert.deepEqual(result, { wrapped: ["tenant", "2026-10-25T00:30:00.000Z"] });
  assert.deepEqual(await Array.fromAsync(test.jobd.jobs.list()), []);
  test.refuteEnqueued();
  const alone = await perform(when, null, { now: "2027-01-01", worker: { middleware: [layer] } });
  assert.deepEqual(alone.result, { wrapped: ["default", "2027-01-01T00:00:00.000Z"] });
});

Deno.test("perform() gives a handler the answers that it waits for; without one it is parked", async () => {
  const review = defineJob({
    type: "review",
    run: async (_, { waitFor }) => [await waitFor("a"), await waitFor("b")],
  });
  const both = await perform(review, {}, { answers: { a: 1, b: null } });
  assert.deepEqual(both.result, [1, null]);
  const one = await perform(review, {}, { answers: { a: 1 } });
  assert.deepEqual([one.outcome, one.state, one.job.waitingFor, one.nextInMs], [
    "parked",
    "blocked",
    "b",
    null,
  ]);
});
