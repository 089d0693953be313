import assert from "node:assert/strict";
import { z } from "zod";
import {
  type BackoffFunction,
  defineJob,
  type Job,
  Jobd,
  type JobDefinition,
  JobdError,
  type PayloadSchema,
  snooze,
} from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { working } from "../support/working.ts";

const mail = z.object({ to: z.email(), copies: z.number().default(1), at: z.iso.date().optional() });

const sendMail = defineJob({
  type: "mail.send",
  aliases: ["send_mail"],
  payload: mail,
  queue: "mails",
  priority: "high",
  maxAttempts: 3,
  delay: "1h",
  ttl: "1d",
  retention: "2h",
  tags: ["mail"],
  origin: "tests",
  meta: { team: "post" },
  uniqueKey: ({ to }) => to,
  run: ({ payload }) => ({ sent: payload.copies, to: payload.to }),
});

const invalid = (message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === "invalid_request" && message.test(error.message);

const open = (): Promise<Jobd> => Jobd.open(new MemoryDriver({ now: () => Date.now() }));

Deno.test("what a definition says holds for its jobs, and what one job says beats it", async () => {
  await using jobd = await open();
  const usual = await (await jobd.enqueue(sendMail, { to: "a@example.com" })).job();
  assert.deepEqual([usual.type, usual.queue, usual.priority, usual.maxAttempts], [
    "mail.send",
    "mails",
    10,
    3,
  ]);
  assert.deepEqual([usual.runAt - usual.createdAt, usual.expireAt! - usual.createdAt], [
    3_600_000,
    86_400_000,
  ]);
  assert.deepEqual(usual.options, {
    retentionMs: 7_200_000,
    ttlMs: 86_400_000,
    uniqueKey: "a@example.com",
    origin: "tests",
    tags: ["mail"],
    meta: { team: "post" },
  });
  assert.deepEqual(usual.payload, { to: "a@example.com" }, "stored as it was given");

  const special = await (await jobd.enqueue(sendMail, { to: "b@example.com" }, {
    queue: "slow",
    priority: -1,
    maxAttempts: 1,
    delay: 0,
    uniqueKey: "other",
    tags: [],
  })).job();
  assert.deepEqual([special.queue, special.priority, special.maxAttempts, special.state], [
    "slow",
    -1,
    1,
    "available",
  ]);
  assert.deepEqual([special.options.uniqueKey, special.options.tags], ["other", []]);

  const runAt = new Date(Date.now() + 7_200_000);
  const dated = await (await jobd.enqueue(sendMail, { to: "c@example.com" }, { runAt })).job();
  assert.equal(dated.runAt, runAt.getTime(), "a start time takes the place of the delay");
});

Deno.test("the unique key of the payload makes a second job the first one", async () => {
  await using jobd = await open();
  const first = await jobd.enqueue(sendMail, { to: "a@example.com" });
  const again = await jobd.enqueue(sendMail, { to: "a@example.com", copies: 2 });
  const other = await jobd.enqueue(sendMail, { to: "b@example.com" });
  assert.deepEqual([again.outcome, again.id, other.outcome], ["existing", first.id, "created"]);
});

Deno.test("a payload that does not fit is refused, and nothing of its call is stored", async () => {
  await using jobd = await open();
  await assert.rejects(
    jobd.enqueue(sendMail, { to: "nobody" }),
    invalid(/^Invalid payload for mail\.send: to: .*email/i),
  );
  await assert.rejects(
    jobd.enqueueMany([{ job: sendMail, payload: { to: "a@example.com" } }, {
      job: sendMail,
      payload: { to: "a@example.com", copies: "many" as unknown as number },
    }]),
    invalid(/copies: /),
  );
  assert.deepEqual(await Array.fromAsync(jobd.jobs.list()), []);
});

Deno.test("many jobs of several definitions and plain requests go together, in order", async () => {
  await using jobd = await open();
  const count = defineJob<{ from: number }>({ type: "count" });
  const made = await jobd.enqueueMany([
    { job: sendMail, payload: { to: "a@example.com" }, priority: 5 },
    { type: "plain", payload: [1] },
    { job: count, payload: { from: 3 } },
  ]);
  const jobs = await Promise.all(made.map((one) => one.job()));
  assert.deepEqual(jobs.map(({ type, priority }) => [type, priority]), [["mail.send", 5], ["plain", 0], [
    "count",
    0,
  ]]);
});

Deno.test("the handler gets what the validator makes of the payload, also under a former name", async () => {
  await using work = await working([sendMail]);
  const { jobd } = work;
  const job = await jobd.enqueue(sendMail, { to: "a@example.com" }, { delay: 0 });
  const result = await work.until(job.result());
  assert.deepEqual(result, { sent: 1, to: "a@example.com" });
  const old = await jobd.enqueue({ type: "send_mail", payload: { to: "b@example.com", copies: 4 } });
  assert.deepEqual(await work.until(old.result()), { sent: 4, to: "b@example.com" });
});

Deno.test("a stored payload that does not fit is a dead letter at once, with the reason", async () => {
  await using work = await working([sendMail]);
  const job = await work.jobd.enqueue({ type: "mail.send", payload: { to: 7 } });
  await assert.rejects(work.until(job.result()), (error: unknown) => {
    assert.ok(error instanceof JobdError);
    assert.equal(error.code, "job_failed");
    assert.match(error.message, /is dead: to: /);
    assert.equal((error.cause as { code: string }).code, "invalid_payload");
    return true;
  });
  assert.equal((await job.job()).failures, 1);
});

Deno.test("a validator of any library will do, also one that takes its time", async () => {
  const even: PayloadSchema<string, number> = {
    "~standard": {
      version: 1,
      vendor: "tests",
      validate: async (value) => {
        await Promise.resolve();
        const number = Number(value);
        return number % 2 === 0 ? { value: number } : { issues: [{ message: "odd" }, { message: "b" }] };
      },
    },
  };
  const halve = defineJob({ type: "halve", payload: even, run: ({ payload }) => payload / 2 });
  await using work = await working([halve]);
  assert.equal(await work.until((await work.jobd.enqueue(halve, "8")).result()), 4);
  await assert.rejects(work.jobd.enqueue(halve, "7"), invalid(/: odd; b$/));
});

Deno.test("functions by type run jobs, directives and plain values included", async () => {
  let looks = 0;
  await using work = await working({
    twice: ({ payload }) => Number(payload) * 2,
    later: () => ++looks < 2 ? snooze(1) : looks,
    nothing: () => {},
  });
  const run = async (type: string, payload?: unknown): Promise<unknown> =>
    await work.until((await work.jobd.enqueue({ type, payload })).result());
  assert.deepEqual([await run("twice", 4), await run("later"), await run("nothing")], [8, 2, null]);
});

Deno.test("a backoff function decides the delay, unless the job says something itself", async () => {
  const calls: [number, string, number][] = [];
  const backoff: BackoffFunction = (failures, error, job) => {
    calls.push([failures, error.message, job.attempt]);
    return failures === 1 ? "5ms" : failures * 10;
  };
  const bad = defineJob({ type: "bad", backoff, run: () => Promise.reject(new Error("no")) });
  await using work = await working([bad]);
  const ended = async (options = {}): Promise<Job> => {
    const { id } = await work.jobd.enqueue(bad, null, { maxAttempts: 3, ...options });
    return await work.until(work.jobd.jobs.wait(id));
  };
  const delays = async ({ id }: Job): Promise<unknown[]> =>
    (await work.jobd.jobs.executions(id)).map(({ error }) => error?.retryInMs);
  assert.deepEqual(await delays(await ended()), [5, 20, undefined]);
  assert.deepEqual(calls, [[1, "no", 1], [2, "no", 2], [3, "no", 3]]);
  const own = await ended({ backoff: { base: 2, max: 2, jitter: "none" } });
  assert.deepEqual(await delays(own), [2, 2, undefined]);
  assert.equal(calls.length, 3);
});

Deno.test("a backoff function that fails, and a rule instead of a function", async () => {
  const fail = () => Promise.reject(new Error("no"));
  const broken = defineJob({ type: "broken", backoff: () => "soon" as never, run: fail });
  const ruled = defineJob({ type: "ruled", backoff: { base: 7, max: 7, jitter: "none" }, run: fail });
  await using work = await working([broken, ruled]);
  const first = async (definition: JobDefinition): Promise<number | undefined> => {
    const { id } = await work.jobd.enqueue(definition, null, { maxAttempts: 2 });
    await work.until(work.jobd.jobs.wait(id));
    return (await work.jobd.jobs.executions(id))[0]?.error?.retryInMs;
  };
  assert.deepEqual([await first(broken), await first(ruled)], [1, 7]);
});

Deno.test("a definition without run is for those who enqueue", async () => {
  await using jobd = await open();
  const only = defineJob<number>({ type: "only" });
  assert.equal((await (await jobd.enqueue(only, 3)).job()).payload, 3);
  assert.throws(() => jobd.worker({ handlers: [only] }), invalid(/definition of "only" has no run/));
  assert.throws(
    () => jobd.worker({ handlers: [sendMail, { type: "send_mail", run: () => null }] }),
    invalid(/Two handlers for the type "send_mail"/),
  );
});

Deno.test("a definition that cannot be is refused where it is made", () => {
  const cases: [() => unknown, RegExp][] = [
    [() => defineJob({ type: "no good name!" }), /job type/],
    [() => defineJob({ type: "a", aliases: [""] }), /alias/],
    [() => defineJob({ type: "a", timeout: 0 }), /timeout: 0 is not longer than 0/],
    [() => defineJob({ type: "a", timeout: "soon" as never }), /timeout/],
    [() => defineJob({ type: "a", backoff: { base: "2h", max: "1h" } }), /backoff base/],
  ];
  for (const [make, message] of cases) assert.throws(make, invalid(message));
});

Deno.test("types: payloads and results are those of the definition", async () => {
  await using jobd = await open();
  const typed = async (): Promise<void> => {
    const job = await jobd.enqueue(sendMail, { to: "a@example.com" });
    const sent: number = (await job.result()).sent;
    // @ts-expect-error: there is no such result
    const missing = (await job.result()).missing;
    // @ts-expect-error: the payload lacks its address
    await jobd.enqueue(sendMail, { copies: 1 });
    // @ts-expect-error: the same in a list
    await jobd.enqueueMany([{ job: sendMail, payload: { copies: 1 } }]);
    // @ts-expect-error: the type is the definition's
    await jobd.enqueue(sendMail, { to: "a@example.com" }, { type: "other" });
    defineJob({
      type: "typed",
      payload: mail,
      // @ts-expect-error: the handler gets what the validator makes
      run: ({ payload }) => payload.copies.length,
    });
    assert.ok([sent, missing]);
  };
  assert.equal(typeof typed, "function");
});
