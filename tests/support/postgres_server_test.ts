import assert from "node:assert/strict";
import { dirname } from "node:path";
import { Client } from "pg";
import { exists } from "./cached_folder.ts";
import { createDatabase, startPostgres } from "./postgres_server.ts";
import type { PostgresVersion } from "./postgres_binaries.ts";
import { listening } from "./server_setup.ts";

for (const [version, expected] of [["15", 15], ["newest", 18]] as const) {
  Deno.test(`PostgreSQL ${version} starts, keeps its data over a crash, and leaves nothing behind`, async () => {
    const folder = await survivesCrash(version, expected);
    await assert.rejects(Deno.lstat(folder));
  });
}

Deno.test("the server of a test run that is killed with its whole process group ends, too", async () => {
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", import.meta.resolve("./hold_server.ts")],
    detached: true,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  const { port, dataDir } = JSON.parse(new TextDecoder().decode((await reader.read()).value));
  await listening(port, true);
  Deno.kill(-holder.pid, "SIGKILL");
  await Promise.all([holder.status, reader.cancel()]);
  await listening(port, false);
  while (await exists(dirname(dataDir))) await new Promise((resolve) => setTimeout(resolve, 100));
});

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
