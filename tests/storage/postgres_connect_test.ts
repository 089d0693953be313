import assert from "node:assert/strict";
import process from "node:process";
// @ts-types="@types/pg"
import { Client } from "pg";
import type { JobdError } from "../../src/domain/errors.ts";
import { parseAddress } from "../../src/storage/postgres/address.ts";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import { newJob } from "../conformance/world.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { administer, createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { freePort } from "../support/server_setup.ts";
import { openPostgresStore } from "./postgres_store.ts";

/** Opens, uses and closes a store that must fail; gives the error. */
async function failure(url: string): Promise<JobdError> {
  const driver = await openPostgres(url);
  try {
    await driver.ready();
  } catch (error) {
    return error as JobdError;
  } finally {
    await driver.close();
  }
  throw new Error("it did not fail");
}

Deno.test("an address names all its hosts and no secrets", () => {
  const { urls, location } = parseAddress(
    "postgres://me:s%40cret@one:5433,two,[::1]:7/db%20x?sslmode=disable",
  );
  assert.equal(location, "one:5433,two,[::1]:7/db x");
  assert.deepEqual(urls, [
    "postgres://me:s%40cret@one:5433/db%20x?sslmode=disable",
    "postgres://me:s%40cret@two/db%20x?sslmode=disable",
    "postgres://me:s%40cret@[::1]:7/db%20x?sslmode=disable",
  ]);
});

Deno.test("each sslmode means what the documentation says, and the client library has nothing to warn of", () => {
  const warnings: unknown[] = [];
  const { emitWarning } = process;
  process.emitWarning = (warning: unknown) => void warnings.push(warning);
  const verified = {};
  const unverified = { rejectUnauthorized: false };
  const cases: [string, unknown][] = [
    ["", false],
    ["?application_name=a%26b", false],
    ["?sslmode=disable", false],
    ["?sslmode=no-verify", unverified],
    ["?sslmode=prefer", verified],
    ["?sslmode=require", verified],
    ["?sslmode=verify-ca", verified],
    ["?sslmode=verify-full", verified],
    ["?sslmode=disable&sslmode=%72equire&application_name=a%26b", verified],
    ["?sslmode=require&uselibpqcompat=true", unverified],
    ["?sslmode=verify-full&uselibpqcompat=true", verified],
  ];
  for (const [query, ssl] of cases) {
    const [url = ""] = parseAddress(`postgres://me:secret@host/db${query}`).urls;
    const client = new Client({ connectionString: url }) as Client & { ssl: unknown };
    assert.deepEqual(client.ssl, ssl, query);
    assert.deepEqual([client.user, client.host, client.database], ["me", "host", "db"]);
  }
  process.emitWarning = emitWarning;
  assert.deepEqual(warnings, []);
});

Deno.test("a URL that cannot be is refused without being repeated", async () => {
  for (const url of ["postgres://me:se@cret@host/db", "postgres://me:secret@ho st/db", "postgres//secret"]) {
    await assert.rejects(openPostgres(url), (error: JobdError) => {
      assert.equal(error.code, "invalid_config");
      assert.ok(!/secret|cret@/.test(error.message), error.message);
      return true;
    });
  }
  await assert.rejects(openPostgres("postgres://host/db", { schema: 'x"; drop' }), {
    code: "invalid_request",
  });
});

Deno.test("what the client library would misunderstand is refused first", async () => {
  const cases: [string, RegExp][] = [
    ["postgres://me:secret@host:99999/db", /"host:99999" is not host:port with a port from 1 to 65535/],
    ["postgres://me:secret@host:0/db", /"host:0" is not host:port/],
    ["postgres://me:secret@one,two:x/db", /"two:x" is not host or host:port/],
    ["postgres://me:secret@ho<st/db", /"ho<st" is not host/],
    ["postgres://me:secret@host/db?sslmode=on", /"on" is not an sslmode: one of disable, prefer, require/],
  ];
  for (const [url, words] of cases) {
    await assert.rejects(openPostgres(url), (error: JobdError) => {
      assert.equal(error.code, "invalid_config");
      assert.match(error.message, words);
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  }
});

Deno.test("what is wrong with a store is said by a code, in words, with a hint", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const url = new URL(database.url);
  const nobody = Object.assign(new URL(url), { port: String(freePort()), password: "secret" });
  const cases: [string, string, RegExp][] = [
    [nobody.href, "store_unavailable", /127\.0\.0\.1:\d+\/jobd_\w+ cannot be reached/],
    [Object.assign(new URL(url), { pathname: "/nowhere" }).href, "store_unavailable", /no such database/],
    [Object.assign(new URL(url), { username: "stranger" }).href, "permission_denied", /refused the login/],
    [url.href, "schema_missing", /schema/],
    [`${url.href}?sslmode=require`, "store_unavailable", /does not support SSL/],
  ];
  for (const [at, code, words] of cases) {
    const error = await failure(at);
    assert.deepEqual([error.name, error.code], ["JobdError", code]);
    assert.match(error.message, words);
    assert.ok(error.hint !== undefined && !`${error.message} ${error.hint}`.includes("secret"));
  }
});

Deno.test("a role without rights is told so", async () => {
  await using store = await openPostgresStore();
  const role = `weak_${store.schema}`;
  await administer(store.url, `create role ${role} login`);
  const driver = await openPostgres(Object.assign(new URL(store.url), { username: role }).href, {
    schema: store.schema,
  });
  await assert.rejects(driver.insert([newJob(1)]), { name: "JobdError", code: "permission_denied" });
  await driver.close();
  await administer(store.url, `drop role ${role}`);
});

Deno.test("of several hosts one that answers and can write is used", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const url = new URL(database.url);
  const hosts = `127.0.0.1:${freePort()},${url.host}`;
  const driver = await openPostgres(`postgres://postgres@${hosts}${url.pathname}`);
  await driver.migrate();
  assert.equal((await driver.insert([newJob(1)]))[0]?.outcome, "created");
  assert.equal(driver.location, `${hosts}${url.pathname}`);
  await driver.close();
});

Deno.test("a server that becomes read-only is reported, and used again when it can write", async () => {
  await using database = await createDatabase(await sharedPostgres());
  const driver = await openPostgres(database.url);
  await driver.migrate();
  const readOnly = async (value: boolean): Promise<void> => {
    const name = database.name;
    await administer(
      database.url,
      `alter database ${name} set default_transaction_read_only = ${value ? "on" : "off"}`,
    );
    const others =
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    if (value) await administer(database.url, others);
  };
  await readOnly(true);
  const insert = (): Promise<unknown> => driver.insert([newJob(1)]);
  // The first call may still meet the session that was ended.
  await insert().catch(() => {});
  await assert.rejects(insert(), { code: "store_unavailable", message: /read-only/ });
  const setting = new URL(database.url);
  setting.searchParams.set("options", "-c default_transaction_read_only=off");
  await administer(setting.href, `alter database ${database.name} reset default_transaction_read_only`);
  await insert(); // the session that could only read was not kept
  await driver.close();
});

Deno.test("sessions that are ended under load are replaced", async () => {
  await using store = await openPostgresStore();
  const { driver, schema } = store;
  const kill =
    `select pg_terminate_backend(pid) from pg_stat_activity where query like '%"${schema}"%' and pid <> pg_backend_pid()`;
  let inserted = 0;
  for (let n = 0; n < 200; n++) {
    if (n % 40 === 20) await administer(store.url, kill);
    for (;;) {
      try {
        const [result] = await driver.insert([newJob(n)]);
        assert.equal(result?.id, newJob(n).id);
        break;
      } catch (error) {
        assert.equal((error as JobdError).code, "store_unavailable"); // repeating is safe and right
      }
    }
    inserted++;
  }
  const [available] = await driver.counts("default", 1000);
  assert.deepEqual([inserted, available?.count], [200, 200]);
});

Deno.test("a pooler that nobody told us about is noticed: nothing stays in a session", async () => {
  const server = await sharedPostgres();
  await using pooler = await startPgBouncer(server);
  await using store = await openPostgresStore();
  const driver = await openPostgres(pooler.url, { schema: store.schema });
  const many = Array.from({ length: 60 }, (_, n) => driver.insert([newJob(n)]));
  assert.ok((await Promise.all(many)).every(([result]) => result?.outcome === "created"));
  await driver.close();
});
