/** Jobs that are enqueued by SQL, as part of transactions: triggers, other sessions, rights, and who hears of it. */
import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client } from "pg";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { openPostgres } from "../../src/storage/postgres/driver.ts";
import type { JobOptions } from "../../src/domain/job.ts";
import { done, World } from "../conformance/world.ts";
import { type Answer, SqlProducer, type SqlWorld, sqlWorld } from "./sql_producer.ts";

const HOUR_MS = 3_600_000;
const SESSIONS = 20;
/** A job that completes gives this key up, but leaves the lock to whoever wants it. */
const LEFT: JobOptions = { unique: { key: "k", afterwards: ["dead"] } };

/** A worker in a driver of its own that never polls, so that only being told makes it look. */
async function deafWorker(w: SqlWorld, ran: (payload: unknown) => void): Promise<AsyncDisposable> {
  const { Jobd } = await import("../../src/mod.ts");
  const jobd = await Jobd.open(await w.store.open());
  const worker = jobd.worker({
    handlers: { told: ({ payload }) => ran(payload) },
    pollIntervalMs: HOUR_MS,
  });
  await worker.start();
  return worker;
}

/** A listener on the channel of the store. */
async function ear(w: SqlWorld): Promise<{ heard: Record<string, unknown>[]; sync(): Promise<void> }> {
  const { client } = await w.producer();
  const heard: Record<string, unknown>[] = [];
  const waiting = new Map<string, () => void>();
  client.on("notification", ({ payload = "" }) => {
    const message = JSON.parse(payload);
    if (typeof message.sync === "string") waiting.get(message.sync)?.();
    else if (message.probe === undefined) heard.push(message);
  });
  await client.query(`listen jobd_${w.store.schema}`);
  return {
    heard,
    // Notifications arrive in the order of commits: when this one is there, so are all before it.
    sync: async () => {
      const token = crypto.randomUUID();
      const back = Promise.withResolvers<void>();
      waiting.set(token, back.resolve);
      await w.sql.client.query("select pg_notify($1, $2)", [
        `jobd_${w.store.schema}`,
        JSON.stringify({ sync: token }),
      ]);
      await back.promise;
    },
  };
}

function inOrder(count: number, n: number): number[] {
  const order = Array.from({ length: count }, (_, at) => (at * 7 + n) % count);
  return n % 2 === 0 ? order : order.reverse();
}

for (const version of ["15", "newest"] as const) {
  Deno.test(`PostgreSQL ${version}: a job is part of its transaction`, async () => {
    await using w = await sqlWorld(version);
    const exists = async ({ id }: Answer): Promise<boolean> => (await w.store.driver.get([id])).length > 0;
    await w.sql.run("begin");
    const lost = await w.sql.enqueue("'a', queue => 'new', unique_key => 'k'");
    await w.sql.run("rollback");
    await w.sql.run("begin");
    const [kept] = await w.sql.many([{ type: "a", queue: "new", uniqueKey: "k" }]);
    await w.sql.run("savepoint s");
    const undone = await w.sql.enqueue("'b', queue => 'newer', delay => '1h'");
    await w.sql.run("rollback to s");
    assert.deepEqual([kept?.outcome, await exists(kept!)], ["created", false]);
    await w.sql.run("commit");
    assert.deepEqual(await Promise.all([lost, kept!, undone].map(exists)), [false, true, false]);
    assert.deepEqual((await w.jobd.queues.list()).map(({ name }) => name), ["new"]);
    assert.deepEqual(await w.sql.run("select * from jobd.scheduled"), []);
  });

  Deno.test(`PostgreSQL ${version}: twenty sessions that need the same new queues all get them`, async () => {
    await using w = await sqlWorld(version);
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => w.producer()));
    const one = await Promise.all(sessions.map((each) => each.enqueue("'a', queue => 'new'")));
    assert.ok(one.every(({ outcome }) => outcome === "created"));
    const many = await Promise.all(
      sessions.map((each, n) => each.many(inOrder(10, n).map((queue) => ({ queue: `many${queue}` })))),
    );
    assert.equal(many.flat().length, SESSIONS * 10);
    assert.equal((await w.jobd.queues.list()).length, 11);
    assert.equal((await Array.fromAsync(w.jobd.jobs.list({ queue: "new" }))).length, SESSIONS);
  });

  Deno.test(`PostgreSQL ${version}: of twenty sessions with the same unique keys one gets each`, async () => {
    await using w = await sqlWorld(version);
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => w.producer()));
    const one = await Promise.all(sessions.map((each) => each.enqueue("'a', unique_key => 'k'")));
    assert.equal(one.filter(({ outcome }) => outcome === "created").length, 1);
    assert.equal(new Set(one.map(({ id }) => id)).size, 1);
    const many = await Promise.all(
      sessions.map((each, n) => each.many(inOrder(10, n).map((key) => ({ type: "b", uniqueKey: `${key}` })))),
    );
    assert.equal(many.flat().filter(({ outcome }) => outcome === "created").length, 10);
    assert.equal(new Set(many.flat().map(({ id }) => id)).size, 10);
    // The library is one more of them.
    const both = await Promise.all([
      w.jobd.enqueue({ type: "c", uniqueKey: "k" }),
      w.sql.enqueue("'c', unique_key => 'k'"),
    ]);
    assert.deepEqual(both.map(({ outcome }) => outcome).toSorted(), ["created", "existing"]);
  });

  Deno.test(`PostgreSQL ${version}: whose rival does not commit has its job after all`, async () => {
    await using w = await sqlWorld(version);
    const rival = await w.producer();
    await rival.run("begin");
    await rival.enqueue("'a', unique_key => 'k', queue => 'new'");
    const second = w.sql.enqueue("'a', unique_key => 'k', queue => 'new'");
    const waits = "select 1 from pg_locks where not granted and pid = $1";
    const pid = (w.sql.client as unknown as { processID: number }).processID;
    while ((await rival.run(waits, [pid])).length === 0) await new Promise((done) => setTimeout(done, 5));
    await rival.run("rollback");
    assert.equal((await second).outcome, "created");
  });

  Deno.test(`PostgreSQL ${version}: a job of SQL makes a removed queue anew; one that commits late is not hidden`, async () => {
    await using w = await sqlWorld(version);
    const names = async (): Promise<string[]> => (await w.jobd.queues.list()).map(({ name }) => name);
    const late = await w.producer();
    await w.jobd.queues.create("q", { maxAttempts: 9 });
    await w.jobd.queues.delete("q");
    assert.deepEqual(await names(), []);
    const { id } = await w.sql.enqueue("'a', queue => 'q', delay => '1h'");
    assert.deepEqual(await names(), ["q"]);
    const { createdAt, maxAttempts } = await w.job(id);
    assert.equal(maxAttempts, 5);
    assert.equal((await w.jobd.queues.get("q")).createdAt, createdAt);
    await late.run("begin");
    await late.enqueue("'late', queue => 'q'");
    assert.deepEqual(await w.jobd.queues.delete("q", { force: true }), { deleted: 1, schedules: [] });
    assert.deepEqual(await names(), []);
    await late.run("commit");
    assert.deepEqual(await names(), ["q"]);
    const worker = w.jobd.worker({ handlers: { late: () => 1 } });
    await worker.start();
    const [job] = await Array.fromAsync(w.jobd.jobs.list({ queue: "q" }));
    await w.jobd.jobs.wait(job!.id);
    await worker.stop();
    await w.sql.enqueue("'a', queue => 'q'");
    assert.deepEqual(await names(), ["q"]);
  });

  Deno.test(`PostgreSQL ${version}: in a serializable transaction a conflict is an error to be tried again`, async () => {
    await using w = await sqlWorld(version);
    await w.sql.run("begin isolation level serializable");
    await w.sql.run("select 1 from jobd.job");
    await (await w.producer()).enqueue("'a', unique_key => 'k'");
    assert.equal((await w.sql.refused(w.sql.enqueue("'a', unique_key => 'k'"))).code, "40001");
    await w.sql.run("rollback; begin isolation level serializable");
    assert.equal((await w.sql.enqueue("'a', unique_key => 'k'")).outcome, "existing");
    await w.sql.run("commit");
  });

  Deno.test(`PostgreSQL ${version}: workers of another process hear of jobs, and find one that commits late`, async () => {
    await using w = await sqlWorld(version);
    const late = await w.producer();
    await w.sql.enqueue("'other'"); // makes the queue
    const ran: unknown[] = [];
    const next = new Map<unknown, () => void>();
    await using _worker = await deafWorker(w, (payload) => {
      ran.push(payload);
      next.get(payload)?.();
    });
    const told = (payload: number): Promise<void> => new Promise((done) => next.set(payload, done));
    await late.run("begin");
    const last = told(1);
    await late.enqueue("'told', '1'");
    for (const [payload, args] of [[2, "'told', '2'"], [3, "'told', '3', delay => '200 ms'"]] as const) {
      const done = told(payload);
      await w.sql.enqueue(args);
      await done;
    }
    const done = told(4);
    await w.sql.many([{ type: "told", payload: 4 }]);
    await done;
    await late.run("commit");
    await last;
    assert.deepEqual(ran, [2, 3, 4, 1]);
  });

  Deno.test(`PostgreSQL ${version}: a transaction tells of each lane once, and of nothing it took back`, async () => {
    await using w = await sqlWorld(version);
    const { heard, sync } = await ear(w);
    const after = async (work: () => Promise<unknown>): Promise<Record<string, unknown>[]> => {
      await work();
      await sync();
      return heard.splice(0);
    };
    const place = async (id: string): Promise<number[]> => {
      const [row] = await w.sql.run<Record<string, unknown>>("select * from jobd.ready where job_id = $1", [
        id,
      ]);
      return [Number(row?.queue_id), Number(row?.rank), Number(row?.seq)];
    };
    const ids: string[] = [];
    const lanes = await after(async () => {
      await w.sql.run("begin");
      for (let n = 0; n < 3; n++) ids.push((await w.sql.enqueue("'a', priority => 5")).id);
      await w.sql.run("savepoint s");
      await w.sql.enqueue("'a', queue => 'other'");
      await w.sql.run("rollback to s");
      ids.push((await w.sql.enqueue("'a', queue => 'other'")).id, (await w.sql.enqueue("'a'")).id);
      for (let n = 0; n < 2; n++) await w.sql.enqueue("'a', delay => '1h'");
      await w.sql.run("commit");
    });
    assert.deepEqual(lanes.flatMap((message) => message.lanes ?? []), [
      await place(ids[0]!),
      await place(ids[3]!),
      await place(ids[4]!),
    ]);
    assert.deepEqual(lanes.map(({ scheduled }) => scheduled), [undefined, undefined, undefined, true]);
    assert.ok(lanes.every(({ from }) => typeof from === "string"));
    assert.equal((await after(() => w.sql.enqueue("'a', priority => 5"))).length, 1, "the next transaction");
    assert.deepEqual(await after(() => w.sql.enqueue("'a', notify => false")), []);
    assert.deepEqual(
      await after(() => w.sql.run("select * from jobd.enqueue_many('[{}]', notify => false)")),
      [],
    );
    const several = await after(() => w.sql.many([{}, {}, { priority: 1 }, { delay: "1h" }]));
    assert.deepEqual(several.map((message) => [(message.lanes as unknown[]).length, message.scheduled]), [[
      2,
      true,
    ]]);
    const [crowd, ...none] = await after(async () => {
      await w.sql.run("begin");
      await w.sql.many(Array.from({ length: 2_000 }, (_, priority) => ({ priority })));
      await w.sql.enqueue("'a', priority => -1");
      await w.sql.run("commit");
    });
    assert.deepEqual([crowd?.any, none], [true, []]);
  });

  Deno.test(`PostgreSQL ${version}: the search path and the settings of the caller do not matter`, async () => {
    await using w = await sqlWorld(version);
    const evil = `evil_${w.store.schema}`;
    await w.sql.client.query(`create schema ${evil}`);
    try {
      for (const name of ["length(text)", "now()", "to_json(text)", "replace(text, text, text)"]) {
        const returns = name.startsWith("length")
          ? "integer"
          : name.startsWith("now")
          ? "timestamptz"
          : "text";
        await w.sql.client.query(
          `create function ${evil}.${name} returns ${returns} language plpgsql as 'begin raise exception ''evil''; end'`,
        );
      }
      await w.sql.client.query(
        `create table ${evil}.job (id integer); create table ${evil}.queue (id integer)`,
      );
      await w.sql.client.query(`set search_path = ${evil}, pg_catalog`);
      if (version === "15") await w.sql.client.query("set standard_conforming_strings = off");
      const hidden = await w.sql.client.query("select length('a')").then(() => false, () => true);
      assert.equal(hidden, true, "the path has its effect elsewhere");
      const { id } = await w.sql.enqueue(
        `'a', $$ {"a": "\\\\ \\" \\\\"} $$, origin => 'here', tags => '{x}'`,
      );
      assert.deepEqual((await w.job(id)).payload, { a: '\\ " \\' });
      await w.sql.run("select * from jobd.enqueue_many('[{}]')");
    } finally {
      await w.sql.client.query(`reset all; drop schema ${evil} cascade`);
    }
  });

  Deno.test(`PostgreSQL ${version}: the SQL of docs/sql.md works, with the rights that it names`, async () => {
    await using database = await createDatabase(await sharedPostgres(version));
    const driver = await openPostgres(database.url);
    await driver.migrate();
    const page = await Deno.readTextFile(new URL("../../docs/sql.md", import.meta.url));
    const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
    assert.equal(blocks.length, 6);
    const role = `producer_${database.name}`;
    const sql = new SqlProducer({ url: database.url, schema: "jobd" });
    await sql.client.connect();
    try {
      for (const block of blocks) await sql.client.query(block.replace(/\bproducer\b/g, role));
      const queues = await sql.run(
        "select j.type, q.name from jobd.job j join jobd.queue q on q.id = j.queue_id order by seq, 1",
      );
      assert.deepEqual(queues.map(({ type, name }) => `${type} ${name}`), [
        "mail.send default",
        "mail.send default",
        "account.welcome mails",
        "account.goodbye default",
        "mail.send default",
        "report.build reports",
      ]);
      await sql.client.query(`set role ${role}`);
      assert.equal(
        (await sql.enqueue("'a', queue => 'own', unique_key => 'k'")).outcome,
        "created",
      );
      assert.equal((await sql.enqueue("'a', unique_key => 'k'")).outcome, "existing");
      assert.equal(
        (await sql.refused(sql.enqueue("'a', unique_key => 'k', on_conflict => 'fail'"))).code,
        "23505",
      );
      assert.equal((await sql.many([{}, { delay: "1h" }])).length, 2);
      assert.equal((await sql.refused(sql.run("select payload from jobd.job"))).code, "42501");
      assert.equal((await sql.refused(sql.run("delete from jobd.ready"))).code, "42501");
      assert.equal((await sql.refused(sql.run("update jobd.job set payload = '1'"))).code, "42501");
      await sql.client.query("reset role");
      const world = new World({
        driver,
        reopen: () => openPostgres(database.url),
        [Symbol.asyncDispose]: () => driver.close(),
      });
      const { id } = await world.finish(done, { type: "left", queue: "left", options: LEFT });
      await sql.client.query(`set role ${role}`);
      const call = "'left', unique_key => 'k', on_conflict => 'fail'";
      assert.equal((await sql.enqueue(call)).outcome, "created");
      assert.equal((await world.job(id)).state, "completed");
      await sql.client.query("reset role");
    } finally {
      await sql.client.query(`drop owned by ${role}; drop role ${role}`).catch(() => {});
      await sql.client.end();
      await driver.close();
    }
  });
}

Deno.test("a schema of another name has functions of its own", async () => {
  await using w = await sqlWorld("15");
  const client = new Client({ connectionString: w.store.url });
  await client.connect();
  const { rows } = await client.query(
    "select count(*) as count from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1 and prosrc ~ '\\mjobd\\.'",
    [w.store.schema],
  );
  await client.end();
  assert.deepEqual(rows, [{ count: "0" }]);
});
