import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client } from "pg";
import { createDatabase, sharedPostgres } from "../support/postgres_server.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { chance, pass } from "./chance.ts";
import { byJob } from "./effects.ts";
import { Fleet, until } from "./fleet.ts";

const OTHERS = "datname = current_database() and pid <> pg_backend_pid()";
const HOUR_MS = 3_600_000;

/** A session of the test's own beside jobd's. */
async function session(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Enqueues, and asks again with the same id until there is an answer. */
async function enqueueSurely(fleet: Fleet, payload: Record<string, unknown>): Promise<string> {
  const request = { id: crypto.randomUUID(), type: "canary", payload, maxAttempts: 20 };
  for (;;) {
    const done = await fleet.jobd.enqueue(request).catch(() => undefined);
    if (done !== undefined) return done.id;
  }
}

Deno.test("sessions are ended under load, the listening ones too: everything completes, wake-ups arrive again", async () => {
  const random = chance();
  await using fleet = await Fleet.of("postgres");
  await using admin = await session(fleet.url);
  const daemons = await Promise.all([fleet.start({ concurrency: 5 }), fleet.start({ concurrency: 5 })]);
  const ids: string[] = [];
  for (let round = 0; round < 40; round++) {
    for (let count = 0; count < 5; count++) {
      ids.push(await enqueueSurely(fleet, { ms: Math.floor(random() * 40) }));
    }
    const victims = round % 5 === 0 ? 100 : 1 + Math.floor(random() * 3);
    const chosen = `select pid from pg_stat_activity where ${OTHERS} order by random() limit ${victims}`;
    await admin.query(`select pg_terminate_backend(pid) from (${chosen}) as chosen`);
    await pass(random() * 50);
  }
  const states = await fleet.drained(ids);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(ids);
  // Each daemon holds the lock of its worker in its listening session, and only in one from which messages come back.
  await until("both daemons listen again", async () => {
    const { rows } = await admin.query(
      "select count(*)::integer as held from pg_locks l join pg_database d on d.oid = l.database " +
        "where locktype = 'advisory' and datname = current_database()",
    );
    return rows[0]?.held === daemons.length;
  });
  const after = await enqueueSurely(fleet, {});
  await fleet.drained([after]);
});

Deno.test("a half-open listening connection: polling covers it, then it is replaced and wake-ups arrive", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  const listenUrl = proxy.through(fleet.url);
  await fleet.start({ queues: ["polled"], pollIntervalMs: 100 }, { listenUrl });
  await fleet.start({ queues: ["woken"], pollIntervalMs: HOUR_MS }, { listenUrl });
  const run = async (queue: string): Promise<void> => {
    const { id } = await fleet.jobd.enqueue({ type: "canary", queue, payload: {} });
    await fleet.drained([id]);
    await fleet.check([id]);
  };
  await run("woken");
  const before = proxy.connections;
  proxy.dropSilently();
  await run("polled");
  await until("both listen anew", () => Promise.resolve(proxy.connections >= before + 2));
  await run("woken");
});

Deno.test("a daemon that cannot listen any more keeps the jobs that it runs", async () => {
  await using fleet = await Fleet.of("postgres");
  await using proxy = new TcpProxy(fleet.url);
  const options = { concurrency: 4, leaseMs: 6_000 };
  await fleet.start({ ...options, queues: ["deaf"] }, { listenUrl: proxy.through(fleet.url) });
  await fleet.start({ ...options, queues: ["never"] }, { listenUrl: "postgres://127.0.0.1:1/x" });
  const requests = ["deaf", "never"].map((queue) => ({ type: "canary", queue, payload: { ms: 8_000 } }));
  const ids = (await fleet.jobd.enqueueMany(requests)).map(({ id }) => id);
  await until("both run", async () => byJob(await fleet.effects(), "start").size === 2);
  // This one listens, so it may judge about the others.
  await fleet.start(options);
  proxy.refuse();
  proxy.cut();
  await fleet.drained(ids);
  await fleet.check(ids);
  for (const id of ids) {
    const job = await fleet.jobd.jobs.get(id);
    assert.deepEqual([job.state, job.attempt, job.failures], ["completed", 1, 0]);
  }
});

Deno.test("statements that time out on the server are repeated: work goes on when the lock is free", async () => {
  await using database = await createDatabase(await sharedPostgres());
  await using admin = await session(database.url);
  for (const limit of ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]) {
    await admin.query(`alter database ${database.name} set ${limit} = '200ms'`);
  }
  await using fleet = await Fleet.of("postgres", database.url);
  await fleet.start({ concurrency: 5, leaseMs: 6_000 });
  await using blocker = await session(database.url);
  await blocker.query("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0");
  const ids: string[] = [];
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 10; count++) ids.push(await enqueueSurely(fleet, { ms: 20 }));
    await blocker.query("begin; lock table jobd.job, jobd.lease in share mode");
    await pass(700);
    await blocker.query("commit");
  }
  const states = await fleet.drained(ids);
  assert.deepEqual([...new Set(states.values())], ["completed"]);
  await fleet.check(ids);
});

for (const isolation of ["repeatable read", "serializable"]) {
  Deno.test(`a database whose transactions are ${isolation} by default: all is as it should be`, async () => {
    await using database = await createDatabase(await sharedPostgres());
    await using admin = await session(database.url);
    await admin.query(
      `alter database ${database.name} set default_transaction_isolation = '${isolation}'`,
    );
    await using fleet = await Fleet.of("postgres", database.url);
    // The second one as behind a pooler, where a session cannot be told how its transactions should be.
    await Promise.all([
      fleet.start({ concurrency: 10 }),
      fleet.start({ concurrency: 10 }, { preparedStatements: false }),
    ]);
    const requests = Array.from({ length: 200 }, (_, n) => ({
      type: "canary",
      payload: { ms: n % 7 * 5, failTimes: n % 10 === 0 ? 1 : 0 },
      backoff: { base: 10, max: 10 },
    }));
    // The first insert of many at once is each its own transaction, and meets the queue that others make.
    const jobs = await Promise.all(requests.map((request) => fleet.jobd.enqueue(request)));
    const ids = jobs.map(({ id }) => id);
    const report = await fleet.jobd.jobs.act("cancel", ids.slice(150));
    const states = await fleet.drained(ids);
    await fleet.check(ids);
    for (const [n, id] of ids.entries()) {
      const cancelled = report.succeeded.includes(id);
      assert.equal(states.get(id), cancelled ? "cancelled" : "completed");
      if (!cancelled) assert.equal((await fleet.jobd.jobs.get(id)).attempt, n % 10 === 0 ? 2 : 1);
    }
  });
}
