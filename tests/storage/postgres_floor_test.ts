import assert from "node:assert/strict";
import { Client } from "pg";
import type { NewJob } from "../../src/domain/job.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { DecidedSeq } from "../../src/storage/postgres/floor.ts";
import { insertion, insertQuery, insertValues } from "../../src/storage/postgres/insert.ts";
import { schemaNames } from "../../src/storage/postgres/names.ts";
import { newJob, T } from "../conformance/world.ts";
import { openPostgresStore, type PostgresStore } from "./postgres_store.ts";

/** A session of a producer that keeps its transaction open. */
class Producer implements AsyncDisposable {
  readonly client: Client;
  readonly #schema: string;

  constructor(store: PostgresStore) {
    this.client = new Client({ connectionString: store.url });
    this.#schema = store.schema;
  }

  async begin(mode = ""): Promise<void> {
    await this.client.query(`begin ${mode}`);
  }

  /** What the driver's insert does, inside this transaction. */
  async insert(job: NewJob): Promise<void> {
    const queue = `select id from ${this.#schema}.queue where namespace = $1 and name = $2`;
    const { rows } = await this.client.query(queue, [job.namespace, job.queue]);
    const values = insertValues([insertion(job, Number(rows[0].id))]);
    await this.client.query(insertQuery(schemaNames(this.#schema)).text, values);
  }

  async end(how: "commit" | "rollback"): Promise<void> {
    await this.client.query(how);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.end();
  }
}

async function producer(store: PostgresStore): Promise<Producer> {
  const made = new Producer(store);
  await made.client.connect();
  return made;
}

async function claim(driver: Driver, limit = 100, types: string[] | "all" = "all"): Promise<string[]> {
  const request = {
    worker: "w",
    namespace: "default",
    queues: "all",
    types,
    limit,
    now: T,
    expiresAt: T + 1,
  } as const;
  return (await driver.claim(request)).jobs.map(({ id }) => id);
}

/** Empty claims, 5 ms apart, after which a job counts as lost: looks have their turn every 10 seconds at the latest. */
const EMPTY_MAX = 6000;

/** Claims again and again until nothing is missing; tells what the store says of jobs that never come. */
async function claimUntil(
  store: PostgresStore,
  wanted: Set<string>,
  types: string[] | "all" = "all",
): Promise<string[]> {
  const got: string[] = [];
  for (let empty = 0; wanted.size > 0; empty++) {
    const ids = await claim(store.driver, 100, types);
    got.push(...ids);
    for (const id of ids) wanted.delete(id);
    if (ids.length > 0) empty = 0;
    else if (empty < EMPTY_MAX) await rest(5);
    else assert.fail(`lost: ${await whereabouts(store, [...wanted])}`);
  }
  return got;
}

/** What the store says of jobs that are not claimed, and whether another session holds them or their transactions. */
async function whereabouts({ url, schema }: PostgresStore, ids: string[]): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select j.id, j.state, j.attempt, j.seq, r.seq as ready_seq, r.rank, r.xmin::text, r.xmax::text from ${schema}.job j
       left join ${schema}.ready r on r.job_id = j.id where j.id = any($1)`,
      [ids],
    );
    const free = await client.query(
      `select seq from ${schema}.ready where job_id = any($1) for update skip locked`,
      [ids],
    );
    const sessions = await client.query(
      `select pid, state, xact_start, backend_xid, backend_xmin, left(query, 80) as query from pg_stat_activity
       where backend_type = 'client backend'`,
    );
    return JSON.stringify({ missing: ids.length, rows, free: free.rows, sessions: sessions.rows });
  } finally {
    await client.end();
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const types of ["all", ["test"]] as const) {
  const wanted = types === "all" ? "all" : [...types];
  Deno.test(`a job that is committed after later ones were claimed is claimed (types ${types})`, async () => {
    await using store = await openPostgresStore();
    const { driver } = store;
    await driver.insert([newJob(1)]);
    await claim(driver, 10, wanted);
    await using late = await producer(store);
    await late.begin();
    await late.insert(newJob(2));
    for (let round = 0; round < 20; round++) {
      const [inserted] = await driver.insert([newJob(10 + round)]);
      assert.deepEqual(await claim(driver, 10, wanted), [inserted?.id]);
      assert.deepEqual(await claim(driver, 10, wanted), []); // looks, while the late one is still open
    }
    await late.end("commit");
    assert.deepEqual(await claimUntil(store, new Set([newJob(2).id]), wanted), [newJob(2).id]);
  });
}

Deno.test("a late job is found although claims are always full", async () => {
  await using store = await openPostgresStore();
  const { driver } = store;
  await driver.insert([newJob(1)]);
  await using late = await producer(store);
  await late.begin();
  await late.insert(newJob(2));
  for (let n = 10; n < 20; n++) await driver.insert([newJob(n)]);
  assert.equal((await claim(driver, 5)).length, 5);
  await late.end("commit");
  for (let n = 100;; n++) {
    await driver.insert([newJob(n), newJob(n + 100_000)]);
    const ids = await claim(driver, 1);
    assert.equal(ids.length, 1);
    if (ids[0] === newJob(2).id) break;
  }
});

Deno.test("thousands of rollbacks and claims at once lose nothing and repeat nothing", async () => {
  await using store = await openPostgresStore({ poolSize: 2 });
  const { driver } = store;
  await driver.insert([newJob(0)]);
  const wanted = new Set([newJob(0).id]);
  let writing = true;
  const write = async (lane: number): Promise<void> => {
    await using session = await producer(store);
    for (let n = 1; n <= 600; n++) {
      const job = newJob(lane * 10_000 + n, { priority: lane % 2 });
      await session.begin();
      await session.insert(job);
      if (n % 4 === 0) wanted.add(job.id);
      await session.end(n % 4 === 0 ? "commit" : "rollback");
    }
  };
  const got: string[] = [];
  const read = async (): Promise<void> => {
    while (writing) {
      const ids = await claim(driver, 7);
      got.push(...ids);
      // A claim that may not look asks nobody and is done at once; the writers of this process want their turn.
      if (ids.length === 0) await rest(1);
    }
  };
  const reading = [read(), read()];
  await Promise.all([1, 2, 3].map(write));
  writing = false;
  await Promise.all(reading);
  const missing = new Set([...wanted].filter((id) => !got.includes(id)));
  got.push(...await claimUntil(store, missing));
  assert.deepEqual(got.toSorted(), [...wanted].toSorted());
});

Deno.test("producers that commit in any order, at random times, on two drivers: each job once", async () => {
  await using store = await openPostgresStore();
  const drivers = [store.driver, await store.reopen()];
  await store.driver.insert([newJob(0)]);
  const wanted = new Set([newJob(0).id]);
  const got: string[] = [];
  const write = async (lane: number): Promise<void> => {
    await using session = await producer(store);
    for (let n = 1; n <= 40; n++) {
      await session.begin();
      const jobs = Array.from({ length: 1 + n % 3 }, (_, k) => newJob(lane * 1000 + n * 10 + k));
      for (const job of jobs) {
        await session.insert(job);
        await rest(Math.random() * 4);
      }
      const kept = Math.random() < 0.7;
      if (kept) { for (const job of jobs) wanted.add(job.id); }
      await session.end(kept ? "commit" : "rollback");
    }
  };
  let writing = true;
  const read = async (driver: Driver): Promise<void> => {
    while (writing || got.length < wanted.size) {
      const ids = await claim(driver, 1 + Math.floor(Math.random() * 5));
      got.push(...ids);
      if (ids.length === 0) await rest(Math.random() * 5);
    }
  };
  const reading = drivers.map(read);
  await Promise.all([1, 2, 3, 4, 5, 6].map(write));
  writing = false;
  await Promise.all(reading);
  assert.deepEqual(got.toSorted(), [...wanted].toSorted());
});

Deno.test("under a snapshot that is held, claims do not walk through what was claimed before", async () => {
  await using store = await openPostgresStore();
  const { driver, schema } = store;
  await driver.insert([newJob(0)]);
  await using holder = await producer(store);
  await holder.begin("isolation level repeatable read");
  await holder.client.query(`select count(*) from ${schema}.job`);
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    await driver.insert(Array.from({ length: 50 }, (_, k) => newJob(1 + round * 50 + k)));
    assert.equal((await claim(driver, 50)).length, 50);
  }
  assert.equal((await claim(driver, 50)).length, 1);
  assert.deepEqual(await claim(driver), []);
  await driver.close(); // a session hands in its statistics when it ends
  const walked = async (): Promise<number> => {
    const { rows } = await holder.client.query(
      "select idx_tup_read::int as read from pg_stat_user_indexes where schemaname = $1 and indexrelname = 'ready_pkey'",
      [schema],
    );
    return rows[0].read;
  };
  await holder.end("commit");
  while (await walked() < 2001) await rest(20);
  // Each of the 2001 entries is read a few times. Without floors, claim n would read all 50 n before it: 41,000 and more.
  assert.ok(await walked() < 10_000, `${await walked()} entries read`);
});

Deno.test("a place is decided when every transaction that is older than its mark has ended", () => {
  const decided = new DecidedSeq();
  decided.note(10, 100n);
  decided.advance(99n);
  assert.equal(decided.seq, 0);
  decided.advance(100n);
  assert.equal(decided.seq, 10);
  for (let n = 1; n <= 50; n++) decided.note(10 + n, 100n + BigInt(n));
  decided.advance(100n);
  assert.equal(decided.seq, 10);
  decided.advance(1000n);
  assert.equal(decided.seq, 60); // the latest mark is kept, however many there are
  decided.advance(5n);
  assert.equal(decided.seq, 60);
});

Deno.test("the highest place given is never taken for a higher one, however many take places", async () => {
  await using store = await openPostgresStore();
  const names = schemaNames(store.schema);
  await using looker = await producer(store);
  const takers = [await producer(store), await producer(store)];
  let taking = true;
  const take = async ({ client }: Producer): Promise<void> => {
    const text = `do $$ begin for i in 1..5000 loop perform ${names.nextSeq}; end loop; end $$`;
    while (taking) await client.query(text);
  };
  const all = Promise.all(takers.map(take));
  // A place that was shown too high shows itself by going back.
  const walk = `do $$
    declare seen bigint := 0; next bigint;
    begin
      for look in 1..400000 loop
        next := ${names.lastSeq};
        if next < seen then raise exception 'after % came %', seen, next; end if;
        seen := next;
      end loop;
    end $$`;
  await looker.client.query(walk).finally(() => taking = false);
  await all;
  for (const taker of takers) await taker[Symbol.asyncDispose]();
});

Deno.test("whoever takes a place has a transaction number before it", async () => {
  await using store = await openPostgresStore();
  await using session = await producer(store);
  // By itself nextval takes a number only when it writes to the log, once in 32 calls.
  for (let n = 0; n < 40; n++) {
    await session.begin();
    await session.client.query(`select ${schemaNames(store.schema).nextSeq}`);
    const { rows } = await session.client.query(
      "select pg_current_xact_id_if_assigned() is not null as numbered",
    );
    assert.equal(rows[0].numbered, true);
    await session.end("rollback");
  }
});
