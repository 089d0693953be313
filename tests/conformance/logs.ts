import assert from "node:assert/strict";
import type { LogChunk } from "../../src/domain/job.ts";
import { type Chapter, done, released, T } from "./world.ts";

type Chunk = Omit<LogChunk, "attempt">;

function chunk(seq: number, text = `line ${seq}\n`): Chunk {
  return { seq, at: T + seq, stream: seq % 2 === 0 ? "stdout" : "stderr", offset: seq * 100, text };
}

export const logsChapter: Chapter = {
  "chunks come back as they were written, in order": async (w) => {
    const job = await w.start();
    await w.driver.appendLogs([{ ...job, chunks: [chunk(1), chunk(0)] }]);
    await w.driver.appendLogs([{
      ...job,
      chunks: [{ ...chunk(2, "Grüße 😀\t\u001b[31mred\u001b[0m"), stream: "system" }],
    }]);
    const expected = [chunk(0), chunk(1), {
      ...chunk(2, "Grüße 😀\t\u001b[31mred\u001b[0m"),
      stream: "system",
    }];
    const logs = await w.driver.logs({ jobId: job.id, limit: 10 });
    assert.deepEqual(logs, expected.map((chunk) => ({ attempt: 1, ...chunk })));
  },
  "repeating a write adds nothing and changes nothing": async (w) => {
    const job = await w.start();
    await w.driver.appendLogs([{ ...job, chunks: [chunk(0), chunk(1)] }]);
    await w.driver.appendLogs([{ ...job, chunks: [chunk(1, "other"), chunk(2)] }]);
    const texts = (await w.driver.logs({ jobId: job.id, limit: 10 })).map(({ text }) => text);
    assert.deepEqual(texts, ["line 0\n", "line 1\n", "line 2\n"]);
  },
  "only the live attempt may write": async (w) => {
    const zombie = await w.start();
    await w.driver.appendLogs([{ ...zombie, chunks: [chunk(0)] }]);
    await w.settle(zombie, released);
    await w.driver.appendLogs([{ ...zombie, chunks: [chunk(1)] }]);
    const live = await w.claimOne();
    await w.driver.appendLogs([{ ...zombie, chunks: [chunk(2)], drop: { from: 0, to: 9 } }, {
      ...live,
      chunks: [chunk(0)],
    }]);
    await w.settle(live, done);
    await w.driver.appendLogs([{ ...live, chunks: [chunk(1)] }, {
      id: w.make().id,
      attempt: 1,
      chunks: [chunk(0)],
    }]);
    const places = (await w.driver.logs({ jobId: live.id, limit: 10 })).map((
      { attempt, seq },
    ) => [attempt, seq]);
    assert.deepEqual(places, [[1, 0], [2, 0]]);
  },
  "reading goes on after a position, across attempts, and is bounded": async (w) => {
    const first = await w.start();
    await w.driver.appendLogs([{ ...first, chunks: [0, 1, 2].map((seq) => chunk(seq)) }]);
    await w.settle(first, released);
    const second = await w.claimOne();
    await w.driver.appendLogs([{ ...second, chunks: [0, 1].map((seq) => chunk(seq)) }]);
    const seen: number[][] = [];
    let after: { attempt: number; seq: number } | undefined;
    for (let page = 0; page < 4; page++) {
      const chunks = await w.driver.logs({
        jobId: first.id,
        limit: 2,
        ...(after === undefined ? {} : { after }),
      });
      seen.push(...chunks.map(({ attempt, seq }) => [attempt, seq]));
      after = chunks.at(-1) ?? after;
    }
    assert.deepEqual(seen, [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1]]);
  },
  "what the cap leaves out is dropped": async (w) => {
    const job = await w.start();
    await w.driver.appendLogs([{ ...job, chunks: [0, 1, 2, 3, 4].map((seq) => chunk(seq)) }]);
    await w.driver.appendLogs([{ ...job, chunks: [chunk(5)], drop: { from: 1, to: 4 } }]);
    const seqs = async (): Promise<number[]> =>
      (await w.driver.logs({ jobId: job.id, limit: 10 })).map(({ seq }) => seq);
    assert.deepEqual(await seqs(), [0, 4, 5]);
    await w.driver.appendLogs([{ ...job, chunks: [], drop: { from: 4, to: 5 } }]);
    assert.deepEqual(await seqs(), [0, 5]);
  },
  "dropping touches only the attempt that drops": async (w) => {
    const first = await w.start();
    await w.driver.appendLogs([{ ...first, chunks: [chunk(0), chunk(1)] }]);
    await w.settle(first, released);
    const second = await w.claimOne();
    await w.driver.appendLogs([{ ...second, chunks: [chunk(0), chunk(1)], drop: { from: 0, to: 1 } }]);
    const places = (await w.driver.logs({ jobId: first.id, limit: 10 })).map((
      { attempt, seq },
    ) => [attempt, seq]);
    assert.deepEqual(places, [[1, 0], [1, 1], [2, 1]]);
  },
  "logs of several jobs in one call stay apart": async (w) => {
    await w.addMany(2);
    const { jobs: [a, b] } = await w.claim({ limit: 2 });
    assert.ok(a && b);
    await w.driver.appendLogs([
      { ...a, chunks: [chunk(0, "a0"), chunk(1, "a1")], drop: { from: 0, to: 1 } },
      { ...b, chunks: [chunk(0, "b0"), chunk(1, "b1")] },
    ]);
    const texts = async (jobId: string): Promise<string[]> =>
      (await w.driver.logs({ jobId, limit: 10 })).map(({ text }) => text);
    assert.deepEqual([await texts(a.id), await texts(b.id)], [["a1"], ["b0", "b1"]]);
    await w.driver.appendLogs([]);
    assert.deepEqual(await texts(w.make().id), []);
  },
};
