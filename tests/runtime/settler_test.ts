import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import { DEFAULT_BACKOFF } from "../../src/domain/backoff.ts";
import { Stop } from "../../src/runtime/stop.ts";
import { Settler } from "../../src/runtime/settler.ts";
import type { Driver, SettleBatch, SettleResult } from "../../src/storage/driver.ts";
import { exampleJob } from "../support/example_job.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

function settling(answer: (batch: SettleBatch, call: number) => SettleResult[]) {
  const clock = new FakeClock();
  const batches: SettleBatch[] = [];
  const driver = {
    settle: (batch: SettleBatch) => {
      batches.push(structuredClone(batch));
      return Promise.resolve().then(() => answer(batch, batches.length));
    },
  } as unknown as Driver;
  const settler = new Settler({
    driver,
    clock,
    now: () => clock.now(),
    random: () => 0.5,
    backoff: () => DEFAULT_BACKOFF,
  });
  return { clock, batches, settler, signal: new Stop() };
}

const applied = (batch: SettleBatch): SettleResult[] => batch.transitions.map(() => "applied");
const done = { kind: "completed", result: null } as const;

Deno.test("Settler writes ends together and closes a lease with the batch after its last job", async () => {
  const { batches, settler, signal } = settling(applied);
  settler.opened("7", 2);
  const jobs = [exampleJob({ id: "a" }), exampleJob({ id: "b" })];
  await Promise.all(jobs.map((job) => settler.settle(job, done, signal)));
  settler.finished("7");
  await settler.closeLeases();
  assert.deepEqual(batches.map(({ transitions, close }) => [transitions.length, close]), [[2, []]]);
  settler.finished("7");
  await settler.closeLeases();
  assert.deepEqual(batches.at(-1), { transitions: [], close: ["7"] });
  await settler.closeLeases();
  assert.equal(batches.length, 2);
});

Deno.test("Settler decides again when a cancellation came first", async () => {
  const { batches, settler, signal } = settling((batch) =>
    batch.transitions.map(({ to }) => to === "cancelled" ? "applied" : "cancel_requested")
  );
  const transition = await settler.settle(exampleJob(), done, signal);
  assert.equal(transition?.to, "cancelled");
  assert.equal(batches.length, 2);
});

Deno.test("Settler reports a late result as nothing and repeats nothing", async () => {
  const { batches, settler, signal } = settling(() => ["stale"]);
  assert.equal(await settler.settle(exampleJob(), done, signal), undefined);
  assert.equal(batches.length, 1);
});

Deno.test("Settler repeats while the store is away, and gives up when the lease is lost", async () => {
  const away = settling((batch, call) => {
    if (call <= 3) throw new JobdError("store_unavailable", "away");
    return applied(batch);
  });
  const settled = away.settler.settle(exampleJob(), done, away.signal);
  await away.clock.advance(1_000);
  assert.equal((await settled)?.to, "completed");
  assert.equal(away.batches.length, 4);

  const gone = settling(() => {
    throw new JobdError("store_unavailable", "away");
  });
  const given = gone.settler.settle(exampleJob(), done, gone.signal);
  await gone.clock.advance(500);
  gone.signal.abort();
  assert.equal(await given, undefined);
});

Deno.test("Settler keeps a lease open when a batch with it did not apply wholly", async () => {
  const { batches, settler, signal } = settling((batch, call) => call === 1 ? ["stale"] : applied(batch));
  settler.opened("1", 1);
  settler.finished("1");
  await settler.settle(exampleJob(), done, signal);
  await settler.closeLeases();
  assert.deepEqual(batches.map(({ close }) => close), [["1"], ["1"]]);
});
