import assert from "node:assert/strict";
import { Client } from "pg";
import { startPgBouncer } from "./pgbouncer.ts";
import { createDatabase, sharedPostgres } from "./postgres_server.ts";

const postgres = await sharedPostgres();

Deno.test("PgBouncer is in transaction mode, holds statements while paused, and comes back after a crash", async () => {
  await using database = await createDatabase(postgres);
  await using pooler = await startPgBouncer(database, { poolSize: 1 });
  const [first, second] = await Promise.all([connect(pooler.url), connect(pooler.url)]);
  await first.query("set work_mem = '7MB'");
  assert.equal(await workMem(second), "7MB"); // one server connection serves both sessions

  await pooler.pause();
  const held = workMem(second);
  const nothing = new Promise((resolve) => setTimeout(() => resolve("held"), 50));
  assert.equal(await Promise.race([held, nothing]), "held");
  await pooler.resume();
  assert.equal(await held, "4MB"); // PAUSE has closed the server connection

  const lost = Promise.all([ended(first), ended(second)]);
  await pooler.kill();
  await lost;
  await pooler.start();
  const third = await connect(pooler.url);
  assert.equal(await workMem(third), "4MB");
  await third.end();
});

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {}); // the pooler is killed while it is connected
  await client.connect();
  return client;
}

function ended(client: Client): Promise<void> {
  return new Promise((resolve) => client.once("end", () => resolve()));
}

async function workMem(client: Client): Promise<string> {
  return (await client.query("show work_mem")).rows[0].work_mem;
}
