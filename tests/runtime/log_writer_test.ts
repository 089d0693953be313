import assert from "node:assert/strict";
import { silentLogger } from "../../src/runtime/logger.ts";
import { LogWriter } from "../../src/runtime/log_writer.ts";
import type { Driver, LogBatch } from "../../src/storage/driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

function writing() {
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  const written: LogBatch[] = [];
  const driver = {
    appendLogs: async (batches: LogBatch[]) => {
      await gate.promise;
      written.push(...batches);
    },
    progress: () => Promise.resolve(true),
  } as unknown as Driver;
  const writer = new LogWriter({ driver, clock, now: () => clock.now(), log: silentLogger });
  return { clock, gate, written, writer };
}

Deno.test("LogWriter gathers what is written within a moment", async () => {
  const { clock, gate, written, writer } = writing();
  const log = writer.open({ id: "a", attempt: 1 });
  log.write("one ");
  await clock.advance(100);
  log.write("two");
  gate.resolve();
  await clock.advance(100);
  assert.deepEqual(written.map(({ chunks }) => chunks.map(({ text }) => text)), [["one two"]]);
});

Deno.test("LogWriter ends a log only when what is on its way has arrived", async () => {
  const { clock, gate, written, writer } = writing();
  const log = writer.open({ id: "a", attempt: 1 });
  log.write("on its way");
  await clock.advance(200);
  let closed = false;
  const closing = log.close()?.then(() => closed = true);
  await clock.advance(1_000);
  assert.equal(closed, false);
  gate.resolve();
  await closing;
  assert.equal(written.length, 1);
});

Deno.test("LogWriter lets one write wait at most, however long the store hangs", async () => {
  const { clock, gate, written, writer } = writing();
  const log = writer.open({ id: "a", attempt: 1 });
  log.write("1");
  await clock.advance(200);
  const waiting = new Set<Promise<void>>();
  for (let index = 2; index < 100; index++) {
    log.write(` ${index}`);
    await clock.advance(200);
    waiting.add(writer.flush());
  }
  assert.equal(waiting.size, 1);
  gate.resolve();
  await log.close();
  const texts = written.map(({ chunks }) => chunks.map(({ text }) => text).join(""));
  assert.equal(texts.length, 2);
  assert.match(texts.join(""), /^1 2 3 .* 98 99$/);
});
