import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client } from "pg";
import type { NewEvent } from "../../src/domain/event.ts";
import { postgresDialect } from "../../src/storage/postgres/dialect.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import { drive } from "../../src/storage/postgres/scripts.ts";
import { publish } from "../../src/storage/sql/events.ts";
import { openPostgresStore } from "./postgres_store.ts";

function paused(queue: string): NewEvent {
  return { kind: "queue.paused", at: 0, namespace: "default", queue };
}

Deno.test("postgres: an event that is not committed yet keeps later ones from being seen before it", async () => {
  await using store = await openPostgresStore();
  const names = schemaNames(store.schema);
  const slow = new Client({ connectionString: store.url });
  await slow.connect();
  const run = async ({ text }: { text: string }, values: unknown[] = []) =>
    (await slow.query(text, values)).rows;
  try {
    await slow.query("begin");
    await drive(run, publish(postgresDialect(names), [paused("first")]));
    const second = store.driver.publish([paused("second")]);
    const waiting = async () => {
      const text = "select 1 from pg_locks where not granted and locktype = 'advisory' " +
        `and objid = (${names.lock("events")} & x'ffffffff'::bigint)::bigint::oid`;
      while ((await run({ text })).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await Promise.race([second, waiting()]);
    assert.deepEqual(await store.driver.eventsAfter(0, 10), []);
    await slow.query("commit");
    await second;
    const seen = await store.driver.eventsAfter(0, 10);
    assert.deepEqual(seen.map((event) => "queue" in event ? event.queue : ""), ["first", "second"]);
  } finally {
    await slow.end();
  }
});
