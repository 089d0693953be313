import assert from "node:assert/strict";
import { JobLog } from "../../src/runtime/job_log.ts";

const run = { id: "job", attempt: 1 };

Deno.test("JobLog merges what comes in small pieces and keeps streams apart", () => {
  const log = new JobLog(run, { now: () => 7 });
  log.write("a");
  log.write("b");
  log.write("c", "stderr");
  log.write("");
  const { chunks } = log.take();
  assert.deepEqual(chunks, [
    { seq: 0, at: 7, stream: "stdout", offset: 0, text: "ab" },
    { seq: 1, at: 7, stream: "stderr", offset: 2, text: "c" },
  ]);
  assert.equal(log.dirty, false);
});

Deno.test("JobLog keeps head and tail of a long log; offsets tell what is left out", () => {
  const half = 100;
  const log = new JobLog(run, { now: () => 0, half });
  const stored = new Map<number, { offset: number; text: string }>();
  for (let index = 0; index < 100; index++) {
    log.write(String(index).padStart(10, "."));
    const { chunks, drop } = log.take();
    for (const chunk of chunks) stored.set(chunk.seq, chunk);
    for (let seq = drop?.from ?? 0; seq < (drop?.to ?? 0); seq++) stored.delete(seq);
  }
  const text = [...stored.values()].map((chunk) => chunk.text).join("");
  assert.equal(text.length, 2 * half);
  assert.ok(text.startsWith(".........0") && text.endsWith("........99"));
  assert.equal([...stored.values()].at(-1)?.offset, 990);
});

Deno.test("JobLog holds a bounded amount in memory while a job floods it", () => {
  const log = new JobLog(run, { now: () => 0, half: 1024 });
  const block = "x".repeat(64 * 1024);
  for (let index = 0; index < 1_000; index++) log.write(block);
  log.write("the end");
  const { chunks } = log.take();
  const size = chunks.reduce((sum, { text }) => sum + text.length, 0);
  assert.ok(size < 512 * 1024, `${size} characters are kept in memory`);
  assert.ok(chunks.at(-1)?.text.endsWith("the end"));
  assert.equal((chunks.at(-1)?.offset ?? 0) + (chunks.at(-1)?.text.length ?? 0), 64 * 1024 * 1000 + 7);
  assert.equal(chunks[0]?.offset, 0);
});
