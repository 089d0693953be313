import assert from "node:assert/strict";
import {
  type AttemptFailure,
  type Checkpoint,
  defineJob,
  Directive,
  discard,
  fail,
  type Handler,
  handlerGroup,
  type Job,
  type Logger,
  logging,
  type Middleware,
  rateLimit,
  recovery,
  type RunContext,
  type Span,
  timeout,
  tracing,
  transient,
} from "../../src/mod.ts";
import { layered } from "../../src/runtime/middleware/layers.ts";
import { exampleJob } from "../support/example_job.ts";
import { FakeClock, untilStopped } from "../../src/testing/mod.ts";
import { noWaits } from "../support/no_waits.ts";
import { working } from "../support/working.ts";

/** Runs a function within layers, as a worker would, at a time that stands still. */
function within(layers: Middleware[], run: Handler["run"], job: Partial<Job> = {}) {
  const clock = new FakeClock(10_000);
  const context: RunContext = {
    clock,
    now: () => clock.now(),
    signal: new AbortController().signal,
    deadline: 20_000,
    extend: () => {},
    checkpoint: (() => Promise.resolve(undefined)) as Checkpoint,
    step: (_, work) => Promise.try(work),
    parents: () => Promise.resolve([]),
    batch: undefined,
    enqueue: () => Promise.resolve({ id: "" }),
    log: () => {},
    progress: () => {},
    ...noWaits,
  };
  const handler = layered({ type: "test", run }, layers);
  const again = async (more: Partial<Job> = {}): Promise<unknown> =>
    await handler.run(exampleJob({ ...job, ...more }), context);
  return { clock, again };
}

const kind = (given: unknown): string => given instanceof Directive ? given.outcome.kind : "result";

Deno.test("layers of worker, group and handler lie around a run in this order", async () => {
  const order: string[] = [];
  const layer = (name: string): Middleware => async (_job, _context, next) => {
    order.push(`${name} in`);
    const given = await next();
    order.push(`${name} out`);
    return given;
  };
  const inner = defineJob({
    type: "a",
    aliases: ["b"],
    middleware: [layer("own")],
    run: () => void order.push("run"),
  });
  const group = handlerGroup(handlerGroup([inner], { middleware: [layer("group")] }), {
    middleware: [layer("outer group")],
  });
  await using work = await working(group, { middleware: [layer("worker"), layer("second")] });
  await work.run("a");
  const names = ["worker", "second", "outer group", "group", "own"];
  assert.deepEqual(order, [
    ...names.map((name) => `${name} in`),
    "run",
    ...names.toReversed().map((name) => `${name} out`),
  ]);
  assert.equal((await work.run("b")).state, "completed");
});

Deno.test("a layer may change the context, the answer, and not call what lies inside", async () => {
  const seen: number[] = [];
  const change: Middleware = async (_job, context, next) => ({
    wrapped: await next({ ...context, deadline: 1 }),
  });
  const { again } = within([change], (_, { deadline }) => seen.push(deadline ?? 0));
  assert.deepEqual(await again(), { wrapped: 1 });
  assert.deepEqual(seen, [1]);
  const refuse = within([() => discard("not today")], () => assert.fail("must not run"));
  assert.equal(kind(await refuse.again()), "failed");
});

Deno.test("recovery() turns what is thrown into something better, or lets it go on", async () => {
  const layer = recovery((thrown) => String(thrown).includes("gone") ? discard("gone") : undefined);
  await using work = await working([
    { type: "gone", run: () => Promise.reject(new Error("it is gone")) },
    { type: "bad", run: () => Promise.reject(new Error("bad")) },
    { type: "said", run: () => Promise.reject(discard("by itself")) },
  ], { middleware: [layer] });
  const gone = await work.run("gone");
  assert.deepEqual([gone.state, gone.failures, gone.error?.code], ["dead", 1, "discarded"]);
  const bad = await work.run("bad", { maxAttempts: 2 });
  assert.deepEqual([bad.state, bad.failures, bad.error?.message], ["dead", 2, "bad"]);
  assert.equal((await work.run("said")).error?.message, "by itself");
});

Deno.test("logging() says when a handler starts and how it ends", async () => {
  const lines: [string, string, unknown][] = [];
  const at = (level: string) => (message: string, fields: Record<string, unknown> = {}): void => {
    lines.push([level, message, fields["how"] ?? fields["error"] ?? fields["type"]]);
  };
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  await within([logging(log)], () => 1, { type: "fine" }).again();
  await within([logging(log, { level: "debug" })], () => discard("x"), { type: "off" }).again();
  await assert.rejects(
    within([logging(log)], () => Promise.reject(new Error("no")), { type: "bad" }).again(),
  );
  assert.deepEqual(lines, [
    ["info", "Handler started", "fine"],
    ["info", "Handler ended", "completed"],
    ["debug", "Handler started", "off"],
    ["debug", "Handler ended", "failed"],
    ["info", "Handler started", "bad"],
    ["error", "Handler failed", "no"],
  ]);
});

Deno.test("timeout() aborts what is inside it and calls it a failure", async () => {
  let reason: unknown;
  const { clock, again } = within([timeout("5s")], (_, { signal, deadline }) => {
    assert.equal(deadline, 15_000);
    return new Promise(() => signal.addEventListener("abort", () => reason = signal.reason));
  });
  const given = again();
  await Promise.resolve();
  await clock.advance(4_999);
  assert.equal(reason, undefined);
  await clock.advance(1);
  const directive = await given;
  assert.ok(directive instanceof Directive && directive.outcome.kind === "failed");
  assert.deepEqual([reason, directive.outcome.error.code], ["timeout", "timeout"]);
  assert.match(directive.outcome.error.message, /longer than 5s/);
  const quick = within([timeout("5s")], () => "done");
  assert.equal(await quick.again(), "done");
  assert.equal(quick.clock.pending, 0);
  assert.throws(() => timeout(0), /timeout/);
});

Deno.test("rateLimit() puts off what comes too early until it may run", async () => {
  const { clock, again } = within([rateLimit({ limit: 2, per: "1s" })], () => "ran");
  const delay = (given: unknown): number | undefined => {
    const outcome = given instanceof Directive ? given.outcome : undefined;
    return outcome?.kind === "snoozed" ? outcome.delayMs : undefined;
  };
  assert.deepEqual([await again(), await again()], ["ran", "ran"]);
  assert.equal(delay(await again()), 500);
  await clock.advance(499);
  assert.equal(delay(await again()), 1);
  await clock.advance(1);
  assert.deepEqual([await again(), delay(await again())], ["ran", 500]);
  await clock.advance(60_000);
  assert.deepEqual([await again(), await again(), delay(await again())], ["ran", "ran", 500]);
});

Deno.test("rateLimit() by key, with a burst of its own, and stacked", async () => {
  const layer = rateLimit({ limit: 10, per: "1m", burst: 1, key: (job) => job.queue });
  const { again } = within([layer], () => "ran");
  assert.deepEqual([await again({ queue: "a" }), kind(await again({ queue: "a" }))], ["ran", "snoozed"]);
  assert.equal(await again({ queue: "b" }), "ran");
  const both = within([rateLimit({ limit: 5, per: "1s" }), rateLimit({ limit: 1, per: "1h" })], () => "ran");
  assert.deepEqual([await both.again(), kind(await both.again())], ["ran", "snoozed"]);
  assert.throws(() => rateLimit({ limit: 0, per: "1s" }), /rate limit/);
  assert.throws(() => rateLimit({ limit: 1, per: 0 }), /rate limit period/);
  assert.throws(() => rateLimit({ limit: 1, per: "1s", burst: 0.5 }), /burst/);
});

Deno.test("rateLimit() remembers ten thousand keys at most, and forgets idle ones first", async () => {
  const { clock, again } = within([rateLimit({ limit: 1, per: "1s", key: (job) => job.type })], () => "ran");
  assert.equal(await again({ type: "idle" }), "ran");
  await clock.advance(1_000);
  for (let n = 0; n < 10_000; n++) await again({ type: `t${n}` });
  assert.equal(kind(await again({ type: "t0" })), "snoozed");
});

Deno.test("tracing() makes a span of each run, with its errors", async () => {
  const notes: unknown[][] = [];
  const span: Span = {
    setAttribute: (key, value) => notes.push([key, value]),
    recordException: (error) => notes.push(["exception", String(error)]),
    setStatus: (status) => notes.push(["status", status.code, status.message]),
    end: () => notes.push(["end"]),
  };
  const layer = tracing({
    startActiveSpan(name, { kind, attributes }, run) {
      notes.push([name, kind, attributes?.["messaging.destination.name"]]);
      return run(span);
    },
  });
  const job = { type: "mail", queue: "mails" };
  await within([layer], () => 1, job).again();
  assert.deepEqual(notes.splice(0), [["process mail", 4, "mails"], ["end"]]);
  await assert.rejects(within([layer], () => Promise.reject(new Error("no")), job).again());
  assert.deepEqual(notes.splice(0), [["process mail", 4, "mails"], ["exception", "Error: no"], [
    "status",
    2,
    "no",
  ], ["end"]]);
  await within([layer], () => fail({ code: "c", message: "m" }), job).again();
  assert.deepEqual(notes.splice(0).slice(1), [["jobd.job.outcome", "failed"], ["status", 2, "m"], ["end"]]);
});

Deno.test("tracing() links the span to the one that the job came from, and follow-ups to this one", async () => {
  const [trace, parent, own] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"];
  const linked: unknown[] = [];
  const span = (spanId: string): Span => ({
    setAttribute: () => {},
    recordException: () => {},
    setStatus: () => {},
    end: () => {},
    spanContext: () => ({ traceId: trace, spanId, traceFlags: 1 }),
  });
  const layer = tracing({
    startActiveSpan(_name, { links }, run) {
      linked.push(...links ?? []);
      return run(span(own));
    },
  });
  const follow = defineJob({ type: "follow", headers: { Usual: "1" }, run: () => null });
  await using work = await working([follow, { type: "last", run: () => null }, {
    type: "first",
    run: async (_, { enqueue }) => {
      await enqueue(follow, null, { headers: { own: "2" } });
      await enqueue({ type: "other", headers: { TraceParent: "theirs" } });
    },
  }], { middleware: [layer] });
  const headersOf = async (type: string): Promise<unknown> =>
    (await Array.fromAsync(work.jobd.jobs.list({ type })))[0]?.options.headers;

  await work.run("first", { headers: { traceparent: `00-${trace}-${parent}-01` } });
  assert.deepEqual(linked[0], { context: { traceId: trace, spanId: parent, traceFlags: 1, isRemote: true } });
  assert.deepEqual(await headersOf("follow"), { usual: "1", own: "2", traceparent: `00-${trace}-${own}-01` });
  assert.deepEqual(await headersOf("other"), { traceparent: "theirs" });

  const [followed] = await Array.fromAsync(work.jobd.jobs.list({ type: "follow" }));
  await work.jobd.jobs.wait(followed?.id ?? "", { timeoutMs: 10_000 });
  linked.length = 0;
  for (const none of ["", "theirs", `00-${"0".repeat(32)}-${parent}-01`, `ff-${trace}-${parent}-01`]) {
    await work.run("last", { headers: { traceparent: none } });
  }
  assert.deepEqual(linked, []);
});

Deno.test("headers are for the handler and its layers, and not handed on by themselves", async () => {
  const seen: unknown[] = [];
  const layer: Middleware = (job, _context, next) => {
    seen.push(job.options.headers?.["x-request-id"]);
    return next();
  };
  await using work = await working([{
    type: "a",
    run: async (job, { enqueue }) => {
      await enqueue({ type: "b" });
      return job.options.headers ?? null;
    },
  }], { middleware: [layer] });
  const job = await work.run("a", { headers: { "X-Request-Id": "4711" } });
  assert.deepEqual([seen[0], job.result], ["4711", { "x-request-id": "4711" }]);
  const [follow] = await Array.fromAsync(work.jobd.jobs.list({ type: "b" }));
  assert.deepEqual(follow?.options, {});
});

Deno.test("an error handler hears of every failed attempt, whatever it does itself", async () => {
  const heard: AttemptFailure[] = [];
  const error = new Error("no", { cause: new Error("deep") });
  await using work = await working([
    { type: "bad", run: () => Promise.reject(error) },
    { type: "slow", run: (_, context) => untilStopped(context) },
  ], {
    onError: (failure) => {
      heard.push(failure);
      throw new Error("the error handler is no better");
    },
  });
  await work.run("bad", { maxAttempts: 2 });
  assert.deepEqual(heard.map(({ thrown, willRetry, job }) => [thrown, willRetry, job.attempt]), [
    [error, true, 1],
    [error, false, 2],
  ]);
  assert.deepEqual(heard[0]?.error.causes, ["Error: deep"]);
  await work.run("slow", { maxAttempts: 1, timeout: "10ms" });
  assert.deepEqual([heard[2]?.error.code, heard[2]?.thrown, heard[2]?.willRetry], [
    "timeout",
    undefined,
    false,
  ]);
});

Deno.test("a transient failure costs no attempt, returned or thrown", async () => {
  let runs = 0;
  await using work = await working([{
    type: "away",
    run: () => {
      runs++;
      if (runs === 1) return transient("the service is away", { retryIn: 1 });
      if (runs === 2) throw transient("still away");
      return runs;
    },
  }]);
  const job = await work.run("away", { maxAttempts: 1, backoff: { base: 1, max: 1, jitter: "none" } });
  assert.deepEqual([job.state, job.result, job.attempt, job.failures], ["completed", 3, 3, 0]);
  assert.equal(job.error?.message, "still away");
});
