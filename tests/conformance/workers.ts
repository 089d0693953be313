import assert from "node:assert/strict";
import type { StatRow, WorkerRow } from "../../src/storage/driver.ts";
import { type Chapter, MINUTE, SECOND, T, type World } from "./world.ts";

function worker(id: string, over: Partial<WorkerRow> = {}): WorkerRow {
  return {
    id,
    namespace: "default",
    process: { host: "h", pid: 1, startedAt: "x", nested: [1] },
    queues: "all",
    types: ["a", "b"],
    concurrency: 10,
    running: 0,
    startedAt: T,
    seenAt: T,
    ...over,
  };
}

function stat(over: Partial<StatRow> = {}): StatRow {
  const row = { namespace: "default", queue: "q", type: "t", outcome: "completed", count: 1 };
  return { minute: T, ...row, wait: [0, 1], run: [2], ...over };
}

/** Statistics in a fixed order, with histograms without trailing zeros. */
async function stats(w: World, from: number, to: number): Promise<StatRow[]> {
  const trim = (histogram: number[]): number[] =>
    histogram.slice(0, histogram.findLastIndex((count) => count > 0) + 1);
  const key = (row: StatRow): string => JSON.stringify([row.minute, row.queue, row.type, row.outcome]);
  return (await w.driver.stats({ namespace: "default", from, to }))
    .map((row) => ({ ...row, wait: trim(row.wait), run: trim(row.run) }))
    .sort((a, b) => key(a) < key(b) ? -1 : 1);
}

export const workersChapter: Chapter = {
  "a worker's row is written, changed and removed": async (w) => {
    await w.driver.saveWorker(worker("w1"));
    await w.driver.saveWorker(worker("w2", { queues: ["q"], types: "all" }));
    const changed = worker("w1", { running: 3, seenAt: T + SECOND });
    await w.driver.saveWorker(changed);
    const rows = async (): Promise<WorkerRow[]> =>
      (await w.driver.workers(0)).toSorted((a, b) => a.id < b.id ? -1 : 1);
    assert.deepEqual(await rows(), [changed, worker("w2", { queues: ["q"], types: "all" })]);
    await w.driver.removeWorker("w1");
    await w.driver.removeWorker("unknown");
    assert.deepEqual((await rows()).map(({ id }) => id), ["w2"]);
  },
  "workers that were not seen lately are left out": async (w) => {
    await w.driver.saveWorker(worker("old", { seenAt: T }));
    await w.driver.saveWorker(worker("new", { seenAt: T + MINUTE }));
    assert.deepEqual((await w.driver.workers(T + SECOND)).map(({ id }) => id), ["new"]);
  },
  "statistics are merged by minute, queue, type and outcome": async (w) => {
    await w.driver.addStats([stat(), stat({ outcome: "failed", count: 7 })]);
    await w.driver.addStats([
      stat({ count: 2, wait: [1, 1, 5], run: [] }),
      stat({ queue: "r" }),
      stat({ type: "u" }),
    ]);
    await w.driver.addStats([stat({ minute: T + MINUTE }), stat({ namespace: "other" })]);
    assert.deepEqual(await stats(w, T, T + 10 * MINUTE), [
      stat({ count: 3, wait: [1, 2, 5], run: [2] }),
      stat({ outcome: "failed", count: 7 }),
      stat({ type: "u" }),
      stat({ queue: "r" }),
      stat({ minute: T + MINUTE }),
    ]);
  },
  "statistics are given from one instant up to another": async (w) => {
    await w.driver.addStats([0, 1, 2, 3].map((minute) => stat({ minute: T + minute * MINUTE })));
    const minutes = (await stats(w, T + MINUTE, T + 3 * MINUTE)).map((row) => row.minute);
    assert.deepEqual(minutes, [T + MINUTE, T + 2 * MINUTE]);
    await w.driver.addStats([]);
    assert.deepEqual(await stats(w, T + 5 * MINUTE, T + 9 * MINUTE), []);
  },
};
