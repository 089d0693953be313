import assert from "node:assert/strict";
import { Client } from "pg";
import type { Driver } from "../../src/storage/driver.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import { newJob, T } from "../conformance/world.ts";
import { createDatabase, sharedPostgres, startPostgres } from "../support/postgres_server.ts";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import { openPostgresStore } from "./postgres_store.ts";

function claimAs(driver: Driver, worker: string): ReturnType<Driver["claim"]> {
  return driver.claim({
    worker,
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 1,
    now: T,
    expiresAt: T + 1000,
  });
}

async function session(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

Deno.test("a pause is answered only after claims that began before it have ended", async () => {
  await using store = await openPostgresStore();
  await store.driver.insert([newJob(1)]);
  const claimer = await session(store.url);
  await claimer.query("begin");
  await claimer.query(`select pg_advisory_xact_lock_shared(${schemaNames(store.schema).lock("claims")})`);
  let answered = false;
  const change = { namespace: "default", name: "default", at: T, pausedAt: T };
  const pausing = store.driver.updateQueue(change).then(() => answered = true);
  const waiting =
    `select from pg_stat_activity where query like '%${store.schema}:claims%' and wait_event_type = 'Lock'`;
  const watcher = await session(store.url);
  await until(async () => (await watcher.query(waiting)).rowCount === 1);
  await watcher.end();
  assert.equal(answered, false);
  await claimer.query("commit");
  await pausing;
  await claimer.end();
  assert.deepEqual((await claimAs(store.driver, "w")).jobs, []);
});

Deno.test("while four claimers run, nothing starts after a pause was answered", async () => {
  await using store = await openPostgresStore();
  const drivers = [store.driver, await store.reopen()];
  await store.driver.insert(Array.from({ length: 3000 }, (_, n) => newJob(n)));
  let stop = false;
  let started = 0;
  const loop = async (driver: Driver, worker: string): Promise<void> => {
    while (!stop) started += (await claimAs(driver, worker)).jobs.length;
  };
  const loops = [0, 1, 2, 3].map((n) => loop(drivers[n % 2] ?? store.driver, `w${n}`));
  const running = async (): Promise<number> => {
    const [count] = (await store.driver.counts("default", 10_000)).filter(({ state }) => state === "running");
    return count?.count ?? 0;
  };
  for (let round = 0; round < 5; round++) {
    const from = started;
    await until(() => Promise.resolve(started > from));
    await drivers[round % 2]?.updateQueue({ namespace: "default", name: "default", at: T, pausedAt: T });
    const count = await running();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(await running(), count);
    await drivers[round % 2]?.updateQueue({ namespace: "default", name: "default", at: T, pausedAt: null });
  }
  stop = true;
  await Promise.all(loops);
});

Deno.test("only workers whose process is gone are absent, and only a live process may judge", async () => {
  await using store = await openPostgresStore();
  const [alive, dying, judge] = [store.driver, await store.open(), await store.open()];
  await alive.insert([newJob(1), newJob(2)]);
  await using _held = await alive.holdLiveness("alive");
  await dying.holdLiveness("dying");
  await claimAs(alive, "alive");
  await claimAs(dying, "dying");
  assert.deepEqual((await judge.absentWorkers()).workers, []); // it has no lock of its own
  await using _judge = await judge.holdLiveness("judge");
  const before = await judge.absentWorkers();
  assert.deepEqual(before.workers, []);
  await dying.close();
  const after = await judge.absentWorkers();
  assert.deepEqual([after.epoch, after.workers, after.noLeases], [before.epoch, ["dying"], false]);
  assert.deepEqual(await judge.absentWorkers(), after);
});

Deno.test("a lock that is given back makes its worker absent; one taken anew does not", async () => {
  await using store = await openPostgresStore();
  const { driver } = store;
  await driver.insert([newJob(1)]);
  await claimAs(driver, "w");
  await using _other = await driver.holdLiveness("other");
  assert.deepEqual((await driver.absentWorkers()).workers, ["w"]);
  const hold = await driver.holdLiveness("w");
  assert.deepEqual((await driver.absentWorkers()).workers, []);
  await hold[Symbol.asyncDispose]();
  assert.deepEqual((await driver.absentWorkers()).workers, ["w"]);
});

Deno.test("a server that restarts begins a new epoch, and locks are taken again", async () => {
  await using server = await startPostgres();
  const driver = await openPostgres(server.url);
  await driver.migrate();
  await driver.insert([newJob(1)]);
  await claimAs(driver, "w");
  await using hold = await driver.holdLiveness("w");
  await using listener = await driver.listen(() => {});
  const before = await driver.absentWorkers();
  await server.restart("immediate");
  await until(() => Promise.resolve(listener.live));
  const after = await driver.absentWorkers();
  assert.notEqual(after.epoch, before.epoch);
  assert.deepEqual(after.workers, []);
  await hold[Symbol.asyncDispose]();
  await driver.close();
});

Deno.test("one promotion runs at a time, and none is lost", async () => {
  await using store = await openPostgresStore();
  const drivers = [store.driver, await store.reopen()];
  const count = 500;
  await store.driver.insert(Array.from({ length: count }, (_, n) => newJob(n, { runAt: T + 1 + n })));
  let promoted = 0;
  while (promoted < count) {
    const results = await Promise.all(
      [...drivers, ...drivers].map((driver) => driver.promote(T + 10_000, 20)),
    );
    promoted += results.reduce((sum, result) => sum + result.promoted, 0);
  }
  assert.equal(promoted, count);
  assert.deepEqual(await store.driver.promote(T + 10_000, 20), { promoted: 0, nextDueAt: null });
});

Deno.test("stores in two schemas of one database share no locks", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const [one, two] = await Promise.all(
    ["one", "two"].map((schema) => openPostgres(database.url, { schema })),
  );
  assert.ok(one && two);
  for (const driver of [one, two]) {
    await driver.migrate();
    await driver.insert([newJob(1)]);
    await claimAs(driver, "w");
  }
  await using _held = await one.holdLiveness("w");
  await using _judge = await two.holdLiveness("judge");
  assert.deepEqual((await two.absentWorkers()).workers, ["w"]);
  await Promise.all([one.close(), two.close()]);
});
