import assert from "node:assert/strict";
import { Client } from "pg";
import { createDatabase, startPostgres } from "./postgres_server.ts";
import type { PostgresVersion } from "./postgres_binaries.ts";

for (const [version, expected] of [["15", 15], ["newest", 18]] as const) {
  Deno.test(`PostgreSQL ${version} starts, keeps its data over a crash, and leaves nothing behind`, async () => {
    const folder = await survivesCrash(version, expected);
    await assert.rejects(Deno.lstat(folder));
  });
}

async function survivesCrash(version: PostgresVersion, expected: number): Promise<string> {
  await using server = await startPostgres({ version, settings: { work_mem: "5MB" } });
  await using database = await createDatabase(server);
  await ask(database.url, "create table kept (id int)");
  await server.restart("immediate");
  assert.equal(await ask(database.url, "select count(*)::int from kept"), 0);
  assert.equal(await ask(database.url, "show work_mem"), "5MB");
  assert.equal(
    await ask(database.url, "select current_setting('server_version_num')::int / 10000"),
    expected,
  );
  return server.dataDir;
}

async function ask(url: string, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}
