import assert from "node:assert/strict";
import { limitName } from "../../src/domain/limit.ts";
import type { AcquireResult, Driver } from "../../src/storage/driver.ts";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import { newJob, T } from "../conformance/world.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";

const LIMITED = { ...limitName("default", { type: "test" }), pausedAt: null, source: "operator" } as const;

/** Claims one job and lets it pass its limits. */
async function begin(driver: Driver, worker: string): Promise<AcquireResult[]> {
  const request = { worker, namespace: "default", queues: "all", types: "all", limit: 1 } as const;
  const { leaseId, jobs } = await driver.claim({ ...request, now: T, expiresAt: T + 1_000 });
  assert.ok(leaseId !== null);
  const runs = jobs.map(({ id, attempt }) => ({ id, attempt }));
  return await driver.acquire({ namespace: "default", leaseId, runs, now: T });
}

Deno.test("a process that falls silent while it decides about a limit keeps it from nobody for long", async () => {
  await using database = await createDatabase(await sharedPostgres());
  await using proxy = new TcpProxy(database.url);
  const driver = await openPostgres(database.url);
  const silent = await openPostgres(proxy.through(database.url), { deadlineMs: 60_000 });
  await driver.migrate();
  await driver.saveLimit({ ...LIMITED, settings: { concurrency: 1 } }, T);
  await driver.insert([newJob(1), newJob(2)]);
  await silent.ready();
  // It has the lock of the gate, and does not hear so.
  const text = new TextDecoder("latin1");
  let locked = false;
  void proxy.cutWhen((chunk, from) => {
    if (from === "client" && text.decode(chunk).includes(":gate:")) {
      locked = true;
      proxy.stall();
    }
    return false;
  });
  const held = begin(silent, "silent");
  held.catch(() => {});
  while (!locked) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(await begin(driver, "other"), ["granted"]);
  proxy.resume();
  await assert.rejects(held, { code: "store_unavailable" });
  await Promise.all([driver.close(), silent.close()]);
});
