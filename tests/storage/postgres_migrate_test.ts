import assert from "node:assert/strict";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import { MIGRATIONS } from "../../src/storage/postgres/migrations.ts";
import { newJob } from "../conformance/world.ts";
import { administer, createDatabase, sharedPostgres } from "../support/postgres_server.ts";

for (const isolation of ["read committed", "serializable"]) {
  Deno.test(`twenty processes that start at once on an empty ${isolation} database all succeed`, async () => {
    await using database = await createDatabase(await sharedPostgres());
    await administer(
      database.url,
      `alter database ${database.name} set default_transaction_isolation = '${isolation}'`,
    );
    const drivers = await Promise.all(
      Array.from(
        { length: 20 },
        (_, n) => openPostgres(database.url, { poolSize: 1, preparedStatements: n % 2 === 0 }),
      ),
    );
    const results = await Promise.all(drivers.map(async (driver) => {
      const status = await driver.migrate();
      await driver.ready();
      return status.pending.length;
    }));
    assert.equal(results.reduce((sum, applied) => sum + applied, 0), MIGRATIONS.length);
    await Promise.all(drivers.map((driver) => driver.close()));
  });
}

Deno.test("a dry run shows the SQL for this schema and writes nothing", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const driver = await openPostgres(database.url, { schema: "other_name" });
  const { applied, pending } = await driver.migrate({ dryRun: true });
  assert.deepEqual(applied, []);
  assert.match(pending[0]?.sql ?? "", /create table "other_name"\.job /);
  assert.doesNotMatch(pending[0]?.sql ?? "", /\bjobd\./);
  await assert.rejects(driver.ready(), { code: "schema_missing" });
  assert.deepEqual((await driver.migrate({ dryRun: true })).applied, []);
  assert.deepEqual((await driver.migrate({ to: 1 })).pending.map(({ number }) => number), [1]);
  await assert.rejects(driver.ready(), { code: "schema_missing" });
  assert.equal((await driver.migrate()).pending.length, MIGRATIONS.length - 1);
  await driver.ready();
  await driver.close();
});

Deno.test("a schema made by a newer program is refused, and nothing is written", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const driver = await openPostgres(database.url);
  await driver.migrate();
  await administer(
    database.url,
    "insert into jobd.migration (number, name, applied_at) values (9999, 'later', now())",
  );
  await assert.rejects(driver.ready(), { code: "schema_newer", message: /9999/ });
  await assert.rejects(driver.migrate(), { code: "schema_newer" });
  await driver.close();
});

Deno.test("a schema that exists is used by a role that may not create schemas", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const role = `owner_${database.name}`;
  await administer(database.url, `create role ${role} login`);
  await administer(database.url, `create schema jobd authorization ${role}`);
  const url = Object.assign(new URL(database.url), { username: role }).href;
  const driver = await openPostgres(url);
  await driver.migrate();
  assert.equal((await driver.insert([newJob(1)]))[0]?.outcome, "created");
  const strict = await openPostgres(url, { schema: "elsewhere" });
  await assert.rejects(strict.migrate(), { code: "permission_denied" });
  await Promise.all([driver.close(), strict.close()]);
  await administer(database.url, `drop owned by ${role}`);
  await administer(database.url, `drop role ${role}`);
});

Deno.test("a copy is left to the tools of the server", async () => {
  const driver = await openPostgres("postgres://127.0.0.1:1/db");
  await assert.rejects(driver.backup("file"), { code: "invalid_request", hint: /pg_dump/ });
  await driver.close();
});
