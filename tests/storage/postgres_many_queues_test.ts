/** More queues with jobs than one claim asks, and more than one look names. */
import assert from "node:assert/strict";
import { Jobd } from "../../src/mod.ts";
import { newJob, T } from "../conformance/world.ts";
import { openPostgresStore } from "./postgres_store.ts";

const QUEUES = 2_500;
const jobs = Array.from({ length: QUEUES }, (_, n) => newJob(n, { queue: `queue-${n}` }));
const request = {
  worker: "w",
  namespace: "default",
  queues: "all",
  types: "all",
  now: T,
  expiresAt: T + 60_000,
} as const;

for (
  const { name, foreign } of [{ name: "of this process", foreign: false }, { name: "found", foreign: true }]
) {
  Deno.test(`${name}: a claim that comes back short says whether there is more`, async () => {
    await using store = await openPostgresStore();
    await (foreign ? await store.open({ notify: false }) : store.driver).insert(jobs);
    const sizes: number[] = [];
    const ids = new Set<string>();
    for (let more = true; more;) {
      const result = await store.driver.claim({ ...request, limit: 1_200 });
      sizes.push(result.jobs.length);
      for (const { id } of result.jobs) ids.add(id);
      more = result.more === true;
    }
    assert.deepEqual(sizes, [1_000, 1_000, 500]);
    assert.equal(ids.size, QUEUES);
  });
}

Deno.test("lanes that a claim has emptied are not asked again, until they have something", async () => {
  await using store = await openPostgresStore();
  await store.driver.insert(jobs);
  const ids: string[] = [];
  for (let n = 0; n < QUEUES / 100; n++) {
    const result = await store.driver.claim({ ...request, limit: 100 });
    assert.equal(result.jobs.length, 100);
    ids.push(...result.jobs.map(({ id }) => id));
  }
  assert.equal(new Set(ids).size, QUEUES);
  assert.deepEqual((await store.driver.claim({ ...request, limit: 100 })).jobs, []);
  const late = newJob(QUEUES, { queue: "queue-7" });
  await store.driver.insert([late]);
  const { jobs: [found] } = await store.driver.claim({ ...request, limit: 100 });
  assert.equal(found?.id, late.id);
});

Deno.test("a worker that never polls runs all of them", async () => {
  await using store = await openPostgresStore();
  await (await store.open({ notify: false })).insert(jobs);
  const jobd = await Jobd.open(store.driver);
  const done = Promise.withResolvers<void>();
  let left = QUEUES;
  const run = (): Promise<void> => {
    if (--left === 0) done.resolve();
    return Promise.resolve();
  };
  await using worker = jobd.worker({
    handlers: [{ type: jobs[0]?.type ?? "", run }],
    concurrency: 700,
    pollIntervalMs: 3_600_000,
  });
  await worker.start();
  await done.promise;
});
