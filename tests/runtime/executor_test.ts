import assert from "node:assert/strict";
import { Keyring } from "../../src/runtime/encryption/keyring.ts";
import { execute, type ExecuteOptions } from "../../src/runtime/executor.ts";
import {
  coolDown,
  discard,
  fail,
  type Handler,
  retryAt,
  snooze,
  type StopReason,
  transient,
} from "../../src/runtime/handler.ts";
import { Steps } from "../../src/runtime/steps.ts";
import { Stop } from "../../src/runtime/stop.ts";
import { AttemptWaits } from "../../src/runtime/attempt_waits.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { exampleJob } from "../support/example_job.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const keyring = await Keyring.of();

function executing(run: Handler["run"], options: Partial<ExecuteOptions> = {}, job = exampleJob()) {
  const clock = new FakeClock(10_000);
  const stop = options.stop ?? new Stop<StopReason>();
  let abandoned = 0;
  const outcome = execute(job, { type: "test", run }, {
    timers: clock,
    clock,
    now: () => clock.now(),
    timeoutMs: 1_000,
    stop,
    group: undefined,
    redaction: undefined,
    log: () => {},
    progress: () => {},
    steps: new Steps({ driver: new MemoryDriver(), keyring, now: () => clock.now() }),
    waits: (job) => new AttemptWaits(job, { driver: new MemoryDriver(), keyring, now: () => clock.now() }),
    parents: () => Promise.resolve([]),
    enqueue: () => Promise.resolve({ id: "" }),
    onAbandoned: () => void abandoned++,
    ...options,
  });
  return { clock, stop, outcome, abandoned: () => abandoned };
}

const hang: Handler["run"] = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

Deno.test("execute() turns what a handler gives into an outcome", async () => {
  const table: [Handler["run"], unknown][] = [
    [() => Promise.resolve({ a: 1 }), { kind: "completed", result: { a: 1 } }],
    [() => Promise.resolve(), { kind: "completed", result: null }],
    [() => Promise.resolve(snooze("5s", "later")), { kind: "snoozed", delayMs: 5_000, reason: "later" }],
    [() => retryAt("2026-01-01T00:00:05Z"), { kind: "snoozed", until: Date.UTC(2026, 0, 1, 0, 0, 5) }],
    [() => coolDown("5s", "429"), { kind: "snoozed", delayMs: 5_000, coolDown: true, reason: "429" }],
    [() => transient("away"), {
      kind: "failed",
      error: { code: "transient", message: "away" },
      transient: true,
    }],
    [() => Promise.resolve(discard("no use")), {
      kind: "failed",
      error: { code: "discarded", message: "no use" },
      permanent: true,
    }],
    [() => Promise.resolve(fail({ code: "busy", message: "later" }, { retryIn: "2s" })), {
      kind: "failed",
      error: { code: "busy", message: "later" },
      retryInMs: 2_000,
    }],
  ];
  for (const [run, expected] of table) assert.deepEqual(await executing(run).outcome, expected);
});

Deno.test("execute() keeps message, code, causes and stack of what is thrown, also synchronously", async () => {
  const cause = new TypeError("deep");
  const failures: Handler["run"][] = [
    () => Promise.reject(Object.assign(new Error("broken\u0000", { cause }), { code: "E42" })),
    () => {
      throw Object.assign(new Error("broken\u0000", { cause }), { code: "E42" });
    },
  ];
  for (const run of failures) {
    const outcome = await executing(run).outcome;
    assert.ok(outcome?.kind === "failed");
    assert.deepEqual([outcome.error.code, outcome.error.message], ["E42", "broken\uFFFD"]);
    assert.deepEqual(outcome.error.causes, ["TypeError: deep"]);
    assert.match(outcome.error.stack ?? "", /executor_test/);
  }
});

Deno.test("execute() keeps runs whose result is no JSON as completed, with a note", async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  for (const result of [circular, 10n, "x".repeat(2_000_000), { deep: "\u0000" }]) {
    const outcome = await executing(() => Promise.resolve(result as never)).outcome;
    assert.equal(outcome?.kind, "completed");
  }
});

Deno.test("execute() ends an attempt at its timeout, and at the job's deadline when that is earlier", async () => {
  const timedOut = executing(hang);
  await timedOut.clock.advance(1_000);
  const outcome = await timedOut.outcome;
  assert.ok(outcome?.kind === "failed" && outcome.error.code === "timeout");

  const expired = executing(hang, {}, exampleJob({ expireAt: 10_400 }));
  await expired.clock.advance(400);
  assert.deepEqual(await expired.outcome, { kind: "expired" });

  const late = executing(() => assert.fail("must not start"), {}, exampleJob({ expireAt: 9_999 }));
  assert.deepEqual(await late.outcome, { kind: "expired" });
});

Deno.test("execute() gives an attempt more time when it asks, but not beyond the job's deadline", async () => {
  const deadlines: (number | null)[] = [];
  const extending: Handler["run"] = async (job, context) => {
    deadlines.push(context.deadline);
    await new Promise<void>((resolve) => context.clock.after(900, resolve));
    context.extend("2s");
    deadlines.push(context.deadline);
    return await hang(job, context);
  };
  const long = executing(extending);
  await long.clock.advance(2_899);
  assert.equal(long.stop.reason, undefined);
  await long.clock.advance(1);
  const outcome = await long.outcome;
  assert.equal(outcome?.kind === "failed" && outcome.error.message, "The attempt ran longer than 2900 ms");
  assert.deepEqual(deadlines.splice(0), [11_000, 12_900]);
  const short = executing(extending, {}, exampleJob({ expireAt: 11_500 }));
  await short.clock.advance(1_500);
  assert.deepEqual([await short.outcome, deadlines], [{ kind: "expired" }, [11_000, 11_500]]);
});

Deno.test("execute() obeys the reason of the stop, whatever the handler still gives", async () => {
  const table: [StopReason, unknown][] = [
    ["cancelled", { kind: "cancelled" }],
    ["shutdown", { kind: "released" }],
    ["lease_lost", undefined],
  ];
  for (const [reason, expected] of table) {
    const pretender: Handler["run"] = (_, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve({ success: true })));
    const { stop, outcome } = executing(pretender);
    stop.abort(reason);
    assert.deepEqual(await outcome, expected);
  }
});

Deno.test("execute() does not start what is already stopped", async () => {
  const stop = new Stop<StopReason>();
  stop.abort("shutdown");
  assert.deepEqual(await executing(() => assert.fail("must not start"), { stop }).outcome, {
    kind: "released",
  });
});

Deno.test("execute() takes the slot from a handler that ignores its signal, and says so", async () => {
  const deaf = executing(() => new Promise(() => {}), { abandonMs: 5_000 });
  await deaf.clock.advance(5_999);
  assert.equal(deaf.abandoned(), 0);
  await deaf.clock.advance(1);
  const outcome = await deaf.outcome;
  assert.ok(outcome?.kind === "failed" && outcome.error.code === "timeout");
  assert.equal(deaf.abandoned(), 1);
  assert.equal(deaf.clock.pending, 0);
});
