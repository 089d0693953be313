import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Jobd, type Logger } from "../../src/mod.ts";
import { administer, createDatabase, sharedPostgres } from "../support/postgres_server.ts";

/** A store of its own, and a newer jobd that migrates it. */
interface Upgradable extends AsyncDisposable {
  url: string;
  upgrade(): Promise<void>;
}

const LATER = "insert into MIGRATION (number, name, applied_at) values (9999, 'later', NOW)";

async function sqliteStore(): Promise<Upgradable> {
  const folder = await Deno.makeTempDir({ prefix: "jobd-newer-" });
  return {
    url: `sqlite:${folder}/jobd.db`,
    upgrade: () => {
      const db = new DatabaseSync(`${folder}/jobd.db`);
      db.exec(LATER.replace("NOW", "0"));
      db.exec("alter table job add column later text");
      db.close();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function postgresStore(): Promise<Upgradable> {
  const database = await createDatabase(await sharedPostgres());
  return {
    url: database.url,
    upgrade: async () => {
      await administer(database.url, LATER.replace("MIGRATION", "jobd.migration").replace("NOW", "now()"));
      await administer(database.url, "alter table jobd.job add column later text");
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** A log of which only what is no news is kept. */
function recorder(): { log: Logger; said: string[] } {
  const said: string[] = [];
  const keep = (message: string, fields: object = {}): void =>
    void said.push(`${message} ${JSON.stringify(fields)}`);
  return { said, log: { debug: () => {}, info: () => {}, warn: keep, error: keep } };
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!await condition()) await new Promise((next) => setTimeout(next, 20));
}

for (const [backend, open] of Object.entries({ sqlite: sqliteStore, postgres: postgresStore })) {
  Deno.test(`${backend}: a worker whose store a newer jobd migrates goes on, and says so once`, async () => {
    await using store = await open();
    const { log, said } = recorder();
    await using jobd = await Jobd.open(store.url, { migrate: true });
    const finish = Promise.withResolvers<string>();
    await using worker = jobd.worker({
      handlers: [{
        type: "held",
        outOfProcess: true,
        run: (job) => job.payload === "long" ? finish.promise : Promise.resolve("short"),
      }],
      leaseMs: 1_000,
      pollIntervalMs: 20,
      log,
    });
    await worker.start();
    const long = await jobd.enqueue({ type: "held", payload: "long" });
    await until(async () => (await jobd.jobs.get(long.id)).state === "running");

    await store.upgrade();
    await until(() => said.length > 0);
    const seen = (await jobd.workers.list())[0]?.seenAt ?? 0;
    // Longer than the lease, over several signs of life.
    await until(async () => ((await jobd.workers.list())[0]?.seenAt ?? 0) > seen + 2_000);
    const short = await jobd.enqueue({ type: "held", payload: "short" });
    assert.equal((await jobd.jobs.wait(short.id, { timeoutMs: 30_000 })).result, "short");
    finish.resolve("long");
    const job = await jobd.jobs.wait(long.id, { timeoutMs: 30_000 });
    assert.deepEqual([job.state, job.result, job.attempt, job.failures], ["completed", "long", 1, 0]);
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /made by a newer jobd: its schema is at 9999.*This worker goes on/);

    await assert.rejects(Jobd.open(store.url), { code: "schema_newer" });
  });
}
