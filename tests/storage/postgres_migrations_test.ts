import assert from "node:assert/strict";
import { Client } from "pg";
import { parseAddress } from "../../src/storage/postgres/address.ts";
import { Connections } from "../../src/storage/postgres/connections.ts";
import { type LockWaits, migrate } from "../../src/storage/postgres/migrate.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import { administer, createDatabase, sharedPostgres } from "../support/postgres_server.ts";

const names = schemaNames("jobd");
const FIRST = { number: 1, name: "first", sql: "create table jobd.thing (a integer)" };
const SECOND = { number: 2, name: "second", sql: "alter table jobd.thing add column b integer" };
/** Short, but long enough for a free lock. */
const WAITS: LockWaits = { ms: 500, turns: 2, tables: 2 };

/** A database on which migrations of the test's own are run, and a session that is in their way. */
async function site(): Promise<
  AsyncDisposable & {
    url: string;
    blocker: Client;
    run(migrations: typeof FIRST[], onProgress?: (line: string) => void): ReturnType<typeof migrate>;
  }
> {
  const database = await createDatabase(await sharedPostgres());
  const { url } = database;
  const address = parseAddress(url);
  const connections = new Connections({
    address,
    schema: "jobd",
    prepared: true,
    size: 1,
    deadlineMs: 1_000,
  });
  const blocker = new Client({ connectionString: url });
  await blocker.connect();
  return {
    url,
    blocker,
    run: (migrations, onProgress = () => {}) =>
      migrate({ connections, names, location: address.location, migrations, waits: WAITS }, { onProgress }),
    async [Symbol.asyncDispose]() {
      await Promise.all([connections.close(), blocker.end()]);
      await database[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a migration may take longer than other statements, and than the role's limit", async () => {
  await using place = await site();
  await administer(
    place.url,
    `alter role current_user in database ${database(place.url)} set statement_timeout = 1000`,
  );
  const said: string[] = [];
  const slow = { ...FIRST, sql: `select pg_sleep(2); ${FIRST.sql}` };
  const { pending } = await place.run([slow, SECOND], (line) => said.push(line));
  assert.deepEqual(pending.map(({ number }) => number), [1, 2]);
  assert.deepEqual(said, ["Applying 0001 first", "Applying 0002 second"]);
});

Deno.test("a migration waits for those who use the tables, says so, and in the end gives up without a trace", async () => {
  await using place = await site();
  await place.run([FIRST]);
  await place.blocker.query("begin; lock table jobd.thing in access share mode");
  const said: string[] = [];
  await assert.rejects(place.run([FIRST, SECOND], (line) => said.push(line)), {
    code: "store_unavailable",
    message: /^0002 second could not lock the tables in .*: others use them for 1s$/,
    hint: /Nothing was changed.*pg_stat_activity/,
  });
  const waiting = "0002 second waits for sessions that use the tables";
  assert.deepEqual(said, ["Applying 0002 second", waiting, "Applying 0002 second"]);

  const { pending } = await place.run([FIRST, SECOND], (line) => {
    if (line === waiting) void place.blocker.query("commit");
  });
  assert.deepEqual(pending.map(({ number }) => number), [2]);
});

Deno.test("a migration waits for another process that migrates, says so, and does not wait for ever", async () => {
  await using place = await site();
  const [key] = (await place.blocker.query(`select ${names.lock("migrate")} as key`)).rows;
  await place.blocker.query("select pg_advisory_lock($1)", [key.key]);
  await assert.rejects(place.run([FIRST]), {
    code: "store_unavailable",
    message: /^Another process has been migrating .* for 1s$/,
  });
  const said: string[] = [];
  const { pending } = await place.run([FIRST], (line) => {
    said.push(line);
    void place.blocker.query("select pg_advisory_unlock_all()");
  });
  assert.deepEqual(pending.map(({ number }) => number), [1]);
  assert.deepEqual(said, ["Waiting for another process that migrates", "Applying 0001 first"]);
});

function database(url: string): string {
  return new URL(url).pathname.slice(1);
}
