import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client } from "pg";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import { newJob, T } from "../conformance/world.ts";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";

Deno.test("a connection that does not answer is given up after the deadline, and new ones are made", async () => {
  await using database = await createDatabase(await sharedPostgres());
  await using proxy = new TcpProxy(database.url);
  const driver = await openPostgres(proxy.through(database.url), { deadlineMs: 300, poolSize: 4 });
  await driver.migrate();
  // As many connections as there may be, all of them half-open from now on.
  await Promise.all(Array.from({ length: 4 }, () => driver.ready()));
  proxy.dropSilently();
  const answers = await Promise.allSettled([driver.insert([newJob(1)]), driver.ready()]);
  for (const answer of answers) {
    assert.equal(answer.status === "rejected" && answer.reason.code, "store_unavailable");
  }
  // The others were given up with them: nothing waits for one more deadline.
  assert.equal((await driver.insert([newJob(1)]))[0]?.outcome, "created");
  await driver.close();
});

Deno.test("leases are renewed although all connections are stuck", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const driver = await openPostgres(database.url, { poolSize: 2 });
  await driver.migrate();
  await driver.insert([newJob(1)]);
  const request = { worker: "w", namespace: "default", queues: "all", types: "all", limit: 1 } as const;
  const { leaseId } = await driver.claim({ ...request, now: T, expiresAt: T + 1_000 });
  assert.ok(leaseId !== null);
  // Two statements wait for a lock that somebody holds.
  const other = new Client({ connectionString: database.url });
  await other.connect();
  await other.query("begin; lock table jobd.queue in access exclusive mode");
  const stuck = [driver.queues("default"), driver.queues("default")];
  assert.deepEqual(await driver.extend("w", T + 2_000, [leaseId]), [leaseId]);
  await other.query("commit");
  await other.end();
  await Promise.all(stuck);
  await driver.close();
});

for (const began of ["connected", "not connected yet"] as const) {
  Deno.test(`closing with a limit drops connections that do not answer, ${began}`, async () => {
    await using database = await createDatabase(await sharedPostgres());
    await using proxy = new TcpProxy(database.url);
    // Without the limit each of these would take hours.
    const driver = await openPostgres(proxy.through(database.url), { deadlineMs: 3_600_000, poolSize: 2 });
    if (began === "connected") {
      await driver.migrate();
      await driver.listen(() => {});
      await driver.holdLiveness("w");
      await Promise.all([driver.ready(), driver.ready()]);
    }
    proxy.stall();
    // More than there are connections: some wait for a place.
    const calls = Promise.allSettled([
      ...Array.from({ length: 4 }, () => driver.insert([newJob(1)])),
      driver.extend("w", T, []),
      driver.updateQueue({ namespace: "default", name: "default", at: T, pausedAt: null }),
    ]);
    await driver.close({ withinMs: 100 });
    for (const call of await calls) {
      assert.equal(call.status === "rejected" && call.reason.code, "store_unavailable");
    }
  });
}

Deno.test("a close that waits for a silent server is hurried by a second one", async () => {
  await using database = await createDatabase(await sharedPostgres());
  await using proxy = new TcpProxy(database.url);
  const driver = await openPostgres(proxy.through(database.url), { deadlineMs: 3_600_000 });
  await driver.migrate();
  proxy.stall();
  const insert = assert.rejects(driver.insert([newJob(1)]), { code: "store_unavailable" });
  const closed = driver.close();
  await driver.close({ withinMs: 100 });
  await Promise.all([insert, closed]);
});
