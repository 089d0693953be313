import assert from "node:assert/strict";
import type { Wake } from "../../src/storage/driver.ts";
import { newJob, T } from "../conformance/world.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { administer, sharedPostgres } from "../support/postgres_server.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { openPostgresStore } from "./postgres_store.ts";

/** Timers that run twenty times as fast: a probe every quarter of a second. */
const fast = {
  after(ms: number, fn: () => void): () => void {
    const timer = setTimeout(fn, ms / 20);
    return () => clearTimeout(timer);
  },
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("a listener whose session is ended comes back and says that it may have missed something", async () => {
  await using store = await openPostgresStore();
  const wakes: Wake[] = [];
  await using listener = await store.driver.listen((wake) => wakes.push(wake));
  await until(() => listener.live);
  const mine = `query like '%jobd_${store.schema}%' or query like '%pg_try_advisory_lock%'`;
  await administer(
    store.url,
    `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and (${mine})`,
  );
  await until(() => wakes.includes("any"));
  assert.ok(listener.live);
  const other = await store.reopen();
  await other.insert([newJob(1)]);
  await until(() => wakes.includes("available"));
  const request = {
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 1,
    now: T,
    expiresAt: T,
  } as const;
  assert.equal((await store.driver.claim(request)).jobs.length, 1);
});

Deno.test("a half-open connection is noticed by the probe, and a new one is made", async () => {
  const { url } = await sharedPostgres();
  await using proxy = new TcpProxy(url);
  await using store = await openPostgresStore({ ...fast, listenUrl: proxy.through(url) });
  const wakes: Wake[] = [];
  await using listener = await store.driver.listen((wake) => wakes.push(wake));
  await until(() => listener.live);
  proxy.dropSilently();
  await until(() => !listener.live);
  await until(() => listener.live);
  await until(() => wakes.includes("any"));
  const other = await store.reopen();
  await other.insert([newJob(1, { runAt: T + 1 })]);
  await until(() => wakes.includes("scheduled"));
});

Deno.test("listening where it is refused is not live, and closing ends the attempts", async () => {
  await using store = await openPostgresStore({
    ...fast,
    listenUrl: "postgres://postgres@127.0.0.1:1/postgres",
  });
  await using listener = await store.driver.listen(() => {});
  assert.equal(listener.live, false);
  await store.driver.insert([newJob(1)]);
  assert.deepEqual((await store.driver.absentWorkers()).workers, []);
});

Deno.test("through a pooler that lends sessions it never counts as live and takes no locks", async () => {
  const server = await sharedPostgres();
  await using pooler = await startPgBouncer(server);
  await using store = await openPostgresStore({ ...fast, listenUrl: pooler.url, preparedStatements: false });
  await using listener = await store.driver.listen(() => {});
  await using _hold = await store.driver.holdLiveness("w1");
  for (let round = 0; round < 40; round++) {
    assert.equal(listener.live, false);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const job = newJob(1);
  const request = {
    worker: "w1",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 1,
    now: T,
  } as const;
  await store.driver.insert([job]);
  await store.driver.claim({ ...request, expiresAt: T + 1 });
  const direct = await store.open({ listenUrl: server.url });
  await using _other = await direct.holdLiveness("w2");
  assert.deepEqual((await direct.absentWorkers()).workers, ["w1"]); // nobody holds it, not even a lent session
});

Deno.test("without notifications others are told nothing, and find the work all the same", async () => {
  await using store = await openPostgresStore();
  const wakes: Wake[] = [];
  await using _listener = await store.driver.listen((wake) => wakes.push(wake));
  wakes.length = 0;
  const silent = await store.open({ notify: false });
  await silent.insert([newJob(1)]);
  await silent.close();
  const loud = await store.open();
  await loud.insert([newJob(2, { runAt: T + 1 })]);
  await until(() => wakes.includes("scheduled"));
  assert.deepEqual(wakes, ["scheduled"]);
  const request = { worker: "w", namespace: "default", queues: "all", types: "all", limit: 2 } as const;
  assert.equal((await store.driver.claim({ ...request, now: T, expiresAt: T })).jobs.length, 1);
});

Deno.test("a program that inserts and closes at once is heard", async () => {
  await using store = await openPostgresStore();
  const heard = Promise.withResolvers<void>();
  await using _listener = await store.driver.listen((wake) => wake === "available" && heard.resolve());
  const brief = await store.open();
  await brief.insert([newJob(1)]);
  await brief.close();
  await heard.promise;
});

Deno.test("a message that says where jobs are spares the look: they are claimed by it alone", async () => {
  await using store = await openPostgresStore({ monotonic: () => 0 }); // time stands still: nothing is due
  const other = await store.open();
  const request = {
    worker: "w",
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 9,
    now: T,
    expiresAt: T,
  } as const;
  await other.insert([newJob(1, { priority: 5 }), newJob(2, { queue: "more" })]);
  assert.equal((await store.driver.claim(request)).jobs.length, 2);
  const heard = Promise.withResolvers<void>();
  await using _listener = await store.driver.listen((wake) => wake === "available" && heard.resolve());
  await other.insert([newJob(3, { priority: 7 }), newJob(4, { priority: 5 })]);
  await heard.promise;
  assert.deepEqual((await store.driver.claim(request)).jobs.map(({ id }) => id), [
    newJob(3).id,
    newJob(4).id,
  ]);
});
