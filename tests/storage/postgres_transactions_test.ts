/** Jobs that are enqueued within a transaction of the caller's own. */
import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { Client } from "pg";
import { defineJob, Jobd, JobdError, type Transaction } from "../../src/mod.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { openPostgresStore } from "./postgres_store.ts";

const mail = defineJob<{ to: string }>({
  type: "mail",
  uniqueKey: ({ to }) => to,
  run: ({ payload }) => payload.to,
});
const HOUR_MS = 3_600_000;

/** A store, its facade, and a connection of the caller's own. */
async function world() {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await openPostgresStore());
  const jobd = await Jobd.open(store.driver);
  const client = new Client({ connectionString: store.url });
  await client.connect();
  stack.defer(() => client.end());
  const exists = async (id: string): Promise<boolean> => (await store.driver.get([id])).length > 0;
  return { store, jobd, client, exists, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("a job exists when the caller's transaction commits, and starts at once", async () => {
  await using w = await world();
  await using worker = w.jobd.worker({ handlers: [mail], pollIntervalMs: HOUR_MS });
  await worker.start();
  await w.client.query("begin");
  const job = await w.jobd.enqueue(mail, { to: "a" }, { tx: w.client, priority: 3 });
  assert.deepEqual([job.outcome, job.state, await w.exists(job.id)], ["created", "available", false]);
  await w.client.query("commit");
  assert.equal(await job.result({ timeout: "30s" }), "a");
  assert.equal((await job.job()).priority, 3);
});

Deno.test("it never exists when the transaction is rolled back", async () => {
  await using w = await world();
  await w.client.query("begin");
  const many = await w.jobd.enqueueMany(
    [{ job: mail, payload: { to: "a" } }, { type: "plain", delay: "1h" }],
    {
      tx: w.client,
    },
  );
  const one = await w.jobd.enqueue({ type: "plain" }, { tx: w.client });
  assert.deepEqual(many.map(({ state }) => state), ["available", "scheduled"]);
  await w.client.query("rollback");
  for (const { id } of [...many, one]) assert.equal(await w.exists(id), false);
});

Deno.test("what is in the way is named, within the transaction too", async () => {
  await using w = await world();
  const before = await w.jobd.enqueue(mail, { to: "a" });
  await w.client.query("begin");
  const again = await w.jobd.enqueue(mail, { to: "a" }, { tx: w.client });
  const first = await w.jobd.enqueue(mail, { to: "b" }, { tx: w.client });
  const second = await w.jobd.enqueue(mail, { to: "b" }, { tx: w.client });
  await w.client.query("commit");
  assert.deepEqual([again.outcome, again.id], ["existing", before.id]);
  assert.deepEqual([first.outcome, second.outcome, second.id], ["created", "existing", first.id]);
});

Deno.test("keys are contested within the transaction, and a call that fails leaves it usable", async () => {
  await using w = await world();
  const holder = await w.jobd.enqueue({ type: "a", payload: "old", uniqueKey: "k", delay: "1h" });
  const running = await w.jobd.enqueue({ type: "b", uniqueKey: "k" });
  await w.client.query("begin");
  const within = { tx: w.client };
  const replace = { type: "a", payload: "new", unique: { key: "k", onConflict: "replace" } } as const;
  const [made, changed] = await w.jobd.enqueueMany([{ type: "c" }, replace], within);
  const failing = [{ type: "c" }, { ...replace, unique: { key: "k", onConflict: "fail" } }] as const;
  await assert.rejects(w.jobd.enqueueMany(failing, within), { code: "conflict" });
  const taken = await w.jobd.enqueue({ type: "b", unique: { key: "k", onConflict: "cancel" } }, within);
  assert.deepEqual([made?.outcome, changed?.outcome, changed?.id], ["created", "replaced", holder.id]);
  assert.deepEqual(taken.displaced, { id: running.id, state: "cancelled" });
  assert.deepEqual([(await holder.job()).payload, (await running.job()).state], ["old", "available"]);
  await w.client.query("commit");
  assert.deepEqual([(await holder.job()).payload, (await running.job()).state], ["new", "cancelled"]);
  assert.equal((await w.jobd.jobs.page({ limit: 10, type: "c" })).items.length, 1);
});

Deno.test("transactions of other libraries: an object with unsafe(), and a function", async () => {
  await using w = await world();
  const { client } = w;
  const forms: Record<string, Transaction> = {
    unsafe: { unsafe: async (text, values) => (await client.query(text, values)).rows },
    rows: async (text, values) => (await client.query(text, values)).rows,
    answer: (text, values) => client.query(text, values),
    tagged: Object.assign(() => assert.fail("must not be called"), {
      unsafe: async (text: string, values: never[]) => (await client.query(text, values)).rows,
    }) as unknown as Transaction,
  };
  await client.query("begin");
  const jobs = await Promise.all(
    Object.entries(forms).map(([to, tx]) => w.jobd.enqueue(mail, { to }, { tx })),
  );
  await client.query("commit");
  for (const job of jobs) assert.equal(await w.exists(job.id), true);
  for (const tx of [{}, () => Promise.resolve(undefined)] as unknown as Transaction[]) {
    await assert.rejects(w.jobd.enqueue(mail, { to: "x" }, { tx }), invalidRequest);
  }
});

Deno.test("many transactions in a moment tell of one; all are found within the poll interval", async () => {
  await using w = await world();
  await using worker = w.jobd.worker({ handlers: [mail], pollIntervalMs: 100 });
  await worker.start();
  const tx: Transaction = (text, values) => w.client.query(text, values);
  const jobs = [];
  for (let n = 0; n < 20; n++) jobs.push(await w.jobd.enqueue(mail, { to: String(n) }, { tx }));
  for (const job of jobs) await job.result({ timeout: "30s" });
});

Deno.test("stores without such transactions refuse", async () => {
  for (const store of ["sqlite::memory:", new MemoryDriver()]) {
    await using jobd = await Jobd.open(store, { migrate: true });
    const tx: Transaction = () => Promise.resolve([]);
    await assert.rejects(jobd.enqueue(mail, { to: "a" }, { tx }), invalidRequest);
    assert.deepEqual(await Array.fromAsync(jobd.jobs.list()), []);
  }
});

function invalidRequest(error: unknown): boolean {
  return error instanceof JobdError && error.code === "invalid_request";
}
