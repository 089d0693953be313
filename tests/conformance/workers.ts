import assert from "node:assert/strict";
import type { WorkerRow } from "../../src/storage/driver.ts";
import { type Chapter, MINUTE, SECOND, T } from "./world.ts";

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
};
