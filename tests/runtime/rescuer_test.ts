import assert from "node:assert/strict";
import { DEFAULT_BACKOFF } from "../../src/domain/backoff.ts";
import { JobdError } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Processes } from "../../src/runtime/process/processes.ts";
import { Rescuer } from "../../src/runtime/rescuer.ts";
import { Statistics } from "../../src/runtime/statistics.ts";
import type { AbsentWorkers, Driver, Orphan, SettleBatch, WorkerRow } from "../../src/storage/driver.ts";
import { exampleJob } from "../support/example_job.ts";

const NOW = 200_000_000;
const DAY = 86_400_000;
const LEASE = 30_000;

interface World {
  absent: AbsentWorkers;
  workers: Partial<WorkerRow>[];
  orphans: Orphan[];
  /** Which worker ids were named as dead in each sweep. */
  named: string[][];
  settled: SettleBatch[];
  removed: string[];
  /** Jobs that the store refuses to write. */
  poison: string[];
}

function sweeping(changes: Partial<World> = {}) {
  const world: World = {
    absent: { epoch: "1", workers: [] },
    workers: [],
    orphans: [],
    named: [],
    settled: [],
    removed: [],
    poison: [],
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
      if (batch.transitions.some(({ id }) => world.poison.includes(id))) {
        return Promise.reject(new JobdError("internal", "a value that cannot be"));
      }
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
    now: () => NOW,
    random: () => 0.5,
    backoff: () => DEFAULT_BACKOFF,
    processes: processes as Processes,
    worker: "me",
    log: silentLogger,
    statistics: new Statistics(),
    leaseMs: LEASE,
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

Deno.test("Rescuer takes back what can be written although one job cannot", async () => {
  const lease = (leaseId: string, ...ids: string[]): Orphan => ({
    leaseId,
    worker: "w",
    expiresAt: 9_000,
    jobs: ids.map((id) => exampleJob({ id })),
  });
  const orphans = [lease("1", "a", "bad", "b"), lease("2", "c"), lease("3", "bad"), lease("4", "d")];
  const { world, rescuer } = sweeping({ poison: ["bad"], orphans });
  assert.equal(await rescuer.sweep(), 4);
  const written = world.settled.flatMap(({ transitions }) => transitions.map(({ id }) => id));
  assert.deepEqual(written, ["a", "b", "c", "d"]);
  const closed = world.settled.flatMap(({ close }) => close);
  assert.deepEqual(closed, ["2", "4"], "a lease with a job that still runs stays");
  assert.ok(world.settled.every(({ rescue }) => rescue?.expiresAt === 9_000));
});

Deno.test("Rescuer stops its sweep while the store is away", async () => {
  const { world, rescuer } = sweeping({
    orphans: [{ leaseId: "1", worker: "w", expiresAt: 9_000, jobs: [exampleJob({ id: "a" })] }],
  });
  world.settled.push = () => {
    throw new JobdError("store_unavailable", "away");
  };
  await assert.rejects(rescuer.sweep(), { code: "store_unavailable" });
});

Deno.test("Rescuer learns nothing from the lock of a worker elsewhere, which never has one", async () => {
  const { world, rescuer } = sweeping({ absent: { epoch: "1", workers: ["remote:etl@default", "w"] } });
  for (let sweep = 0; sweep < 4; sweep++) await rescuer.sweep();
  assert.deepEqual(world.named.at(-1), ["w"]);
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

Deno.test("Rescuer leaves an absent worker its lease until it must have given it up", async () => {
  const lease = (expiresAt: number): Orphan => ({
    leaseId: "1",
    worker: "w",
    expiresAt,
    jobs: [exampleJob({ id: "a" })],
  });
  const { world, rescuer } = sweeping({
    absent: { epoch: "1", workers: ["w"] },
    orphans: [lease(NOW + LEASE)],
  });
  for (let sweep = 0; sweep < 5; sweep++) assert.equal(await rescuer.sweep(), 0);
  world.orphans = [lease(NOW + LEASE / 4 + 1)];
  assert.equal(await rescuer.sweep(), 0);
  world.orphans = [lease(NOW + LEASE / 4)];
  assert.equal(await rescuer.sweep(), 1);
});

Deno.test("Rescuer does not wait for the lease of a worker whose process is gone", async () => {
  const process = { pid: 666, startTicks: 1, bootId: "b", pidNamespace: "1" };
  const orphan = { leaseId: "1", worker: "gone", expiresAt: NOW + LEASE, jobs: [exampleJob({ id: "a" })] };
  const { rescuer } = sweeping({ workers: [{ id: "gone", process }], orphans: [orphan] });
  assert.equal(await rescuer.sweep(), 1);
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

Deno.test("Rescuer removes the rows of workers that nobody has seen for a day, and takes none of them for dead", async () => {
  const seen = (id: string, seenAt: number): Partial<WorkerRow> => ({ id, process: {}, seenAt });
  const { world, rescuer } = sweeping({
    workers: [seen("me", 0), seen("old", NOW - DAY - 1), seen("quiet", NOW - DAY)],
  });
  await rescuer.sweep();
  assert.deepEqual([world.named, world.removed], [[[]], ["old"]]);
});

Deno.test("Rescuer looks at nothing more while nobody holds a lease, except now and then", async () => {
  const workers = [{ id: "old", process: { pid: 666 }, seenAt: NOW }];
  const { world, rescuer } = sweeping({ absent: { epoch: "1", workers: [], noLeases: true }, workers });
  for (let n = 0; n < 11; n++) await rescuer.sweep();
  assert.deepEqual([world.named, world.removed], [[], []]);
  await rescuer.sweep();
  assert.deepEqual([world.named, world.removed], [[["old"]], ["old"]]);
  world.absent = { epoch: "1", workers: [] };
  await rescuer.sweep();
  assert.equal(world.named.length, 2);
});
