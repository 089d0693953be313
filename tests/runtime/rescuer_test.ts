import assert from "node:assert/strict";
import { DEFAULT_BACKOFF } from "../../src/domain/backoff.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Processes } from "../../src/runtime/process/processes.ts";
import { Rescuer } from "../../src/runtime/rescuer.ts";
import { Statistics } from "../../src/runtime/statistics.ts";
import type { AbsentWorkers, Driver, Orphan, SettleBatch, WorkerRow } from "../../src/storage/driver.ts";
import { exampleJob } from "../support/example_job.ts";

interface World {
  absent: AbsentWorkers;
  workers: Partial<WorkerRow>[];
  orphans: Orphan[];
  /** Which worker ids were named as dead in each sweep. */
  named: string[][];
  settled: SettleBatch[];
  removed: string[];
}

function sweeping(changes: Partial<World> = {}) {
  const world: World = {
    absent: { epoch: "1", workers: [] },
    workers: [],
    orphans: [],
    named: [],
    settled: [],
    removed: [],
    ...changes,
  };
  const driver: Partial<Driver> = {
    absentWorkers: () => Promise.resolve(world.absent),
    workers: () => Promise.resolve(world.workers as WorkerRow[]),
    removeWorker: (id) => Promise.resolve(void world.removed.push(id)),
    orphans: ({ workers }) => {
      world.named.push(workers);
      return Promise.resolve(world.orphans);
    },
    settle: (batch) => {
      world.settled.push(batch);
      return Promise.resolve(batch.transitions.map(() => "applied"));
    },
  };
  const processes: Partial<Processes> = {
    isAlive: ({ pid }) => Promise.resolve(pid === 0 ? undefined : pid !== 666),
    reapStrays: () => Promise.resolve({ ended: 0, left: 0 }),
  };
  const rescuer = new Rescuer({
    driver: driver as Driver,
    now: () => 10_000,
    random: () => 0.5,
    backoff: () => DEFAULT_BACKOFF,
    processes: processes as Processes,
    worker: "me",
    log: silentLogger,
    statistics: new Statistics(),
  });
  return { world, rescuer };
}

Deno.test("Rescuer decides each orphan as lost and settles it only while its lease is as it was seen", async () => {
  const jobs = [
    exampleJob({ id: "a" }),
    exampleJob({ id: "b", failures: 4 }),
    exampleJob({ id: "c", cancelRequestedAt: 1 }),
  ];
  const { world, rescuer } = sweeping({ orphans: [{ leaseId: "9", worker: "w", expiresAt: 9_000, jobs }] });
  assert.equal(await rescuer.sweep(), 3);
  const [batch] = world.settled;
  assert.deepEqual(batch?.rescue, { leaseId: "9", expiresAt: 9_000 });
  assert.deepEqual(batch?.close, ["9"]);
  assert.deepEqual(batch?.transitions.map(({ to }) => to), ["scheduled", "dead", "cancelled"]);
});

Deno.test("Rescuer believes in a death only after several absences within one life of the database", async () => {
  const { world, rescuer } = sweeping({ absent: { epoch: "1", workers: ["w"] } });
  await rescuer.sweep();
  await rescuer.sweep();
  world.absent = { epoch: "2", workers: ["w"] };
  await rescuer.sweep();
  await rescuer.sweep();
  world.absent = { epoch: "2", workers: [] };
  await rescuer.sweep();
  world.absent = { epoch: "2", workers: ["w"] };
  await rescuer.sweep();
  await rescuer.sweep();
  assert.deepEqual(world.named.flat(), []);
  await rescuer.sweep();
  assert.deepEqual(world.named.at(-1), ["w"]);
});

Deno.test("Rescuer takes workers of this machine for dead when their process is gone, never itself or others", async () => {
  const process = (pid: number): WorkerRow["process"] => ({
    pid,
    startTicks: 1,
    bootId: "b",
    pidNamespace: "1",
  });
  const { world, rescuer } = sweeping({
    workers: [
      { id: "me", process: process(666) },
      { id: "gone", process: process(666) },
      { id: "alive", process: process(5) },
      { id: "elsewhere", process: {} },
    ],
  });
  await rescuer.sweep();
  assert.deepEqual(world.named, [["gone"]]);
  assert.deepEqual(world.removed, ["gone"]);
});
