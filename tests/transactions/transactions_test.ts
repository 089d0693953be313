/** Jobs that are enqueued within transactions of the libraries that programs use. */
import assert from "node:assert/strict";
import { type Job, Jobd, JobdError, type Transaction } from "@jobd/jobd";
import { openPostgresStore } from "../storage/postgres_store.ts";
import { sendMail } from "./examples.ts";
import { type Connect, LIBRARIES, type Library } from "./libraries.ts";

interface World extends AsyncDisposable {
  jobd: Jobd;
  library: Library;
  job(id: string): Promise<Job | undefined>;
  accounts(): Promise<number>;
}

async function world(connect: Connect): Promise<World> {
  const stack = new AsyncDisposableStack();
  const store = stack.use(await openPostgresStore({}, "newest"));
  const jobd = await Jobd.open(store.driver);
  const library = stack.use(await connect(store.url, store.schema));
  await library.transaction(async (_tx, run) => {
    await run(
      "create table account (id bigint generated always as identity, email text not null check (email <> 'refused'))",
    );
  });
  const accounts = async (): Promise<number> => {
    const seen: unknown[] = [];
    await library.transaction(async (_tx, run) => {
      const answer = await run("select id from account") as unknown[] | { rows: unknown[] };
      seen.push(...Array.isArray(answer) ? answer : answer.rows);
    });
    return seen.length;
  };
  return {
    jobd,
    library,
    job: async (id) => (await store.driver.get([id]))[0],
    accounts,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const PAYLOAD = {
  text: `quotes " ' \\ and $1 ? :a`,
  list: [1, null, ["a", null]],
  none: null,
  deep: [{ a: [] }],
};

const invalid = (hint: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === "invalid_request" && hint.test(error.hint ?? "");

for (const [name, connect] of Object.entries(LIBRARIES)) {
  Deno.test(`${name}: committed jobs exist, are what the library would make of them, and run`, async () => {
    await using w = await world(connect);
    const worker = w.jobd.worker({ handlers: [sendMail], queues: ["mails"] });
    await using _worker = worker;
    await worker.start();
    const request = {
      type: "odd",
      payload: PAYLOAD,
      tags: ["a"],
      meta: { none: null },
      ttl: "1h",
      priority: 3,
    };
    const ids: string[] = [];
    await w.library.transaction(async (tx, run) => {
      await run("insert into account (email) values ('a')");
      const odd = await w.jobd.enqueue(request, { tx });
      const mail = await w.jobd.enqueue(sendMail, { to: "a" }, { tx, queue: "mails" });
      assert.deepEqual([odd.outcome, odd.state, mail.outcome], ["created", "available", "created"]);
      assert.deepEqual([await w.job(odd.id), await w.job(mail.id)], [undefined, undefined]);
      ids.push(odd.id, mail.id);
    });
    assert.equal(await w.accounts(), 1);
    const [odd = "", mail = ""] = ids;
    const outside = await w.jobd.enqueue(request);
    const facts = async (id: string): Promise<object> => {
      const { id: _id, createdAt, runAt, expireAt, ...rest } = (await w.job(id))!;
      return { ...rest, waits: runAt - createdAt, lives: expireAt! - createdAt };
    };
    assert.deepEqual(await facts(odd), await facts(outside.id));
    assert.equal((await w.jobd.jobs.wait(mail, { timeoutMs: 30_000 })).result, "a");
  });

  Deno.test(`${name}: a transaction that fails leaves nothing`, async () => {
    await using w = await world(connect);
    const ids: string[] = [];
    const failing = w.library.transaction(async (tx, run) => {
      await run("insert into account (email) values ('a')");
      ids.push((await w.jobd.enqueue(sendMail, { to: "a" }, { tx })).id);
      throw new RangeError("the program's own");
    });
    await assert.rejects(failing, RangeError);
    const refused = w.library.transaction(async (tx, run) => {
      ids.push((await w.jobd.enqueue(sendMail, { to: "b" }, { tx })).id);
      await run("insert into account (email) values ('refused')");
    });
    await assert.rejects(refused);
    const late = w.library.transaction(async (tx, run) => {
      await run("insert into account (email) values ('refused')").catch(() => {});
      ids.push((await w.jobd.enqueue(sendMail, { to: "c" }, { tx })).id);
    });
    await assert.rejects(late);
    assert.equal(ids.length, 2);
    for (const id of ids) assert.equal(await w.job(id), undefined);
    assert.equal(await w.accounts(), 0);
  });

  Deno.test(`${name}: many jobs, some in the way of others; a bad request leaves the transaction usable`, async () => {
    await using w = await world(connect);
    const before = await w.jobd.enqueue(sendMail, { to: "taken" });
    await w.library.transaction(async (tx) => {
      await assert.rejects(w.jobd.enqueue({ priority: 99_999 }, { tx }), { code: "invalid_request" });
      const made = await w.jobd.enqueueMany([
        { job: sendMail, payload: { to: "taken" } },
        { job: sendMail, payload: { to: "new" } },
        { job: sendMail, payload: { to: "new" } },
        { type: "plain", payload: [null], queue: "other", delay: "1h" },
      ], { tx });
      assert.deepEqual(made.map(({ outcome, state }) => `${outcome} ${state}`), [
        "existing available",
        "created available",
        "existing available",
        "created scheduled",
      ]);
      assert.deepEqual([made[0]?.id, made[2]?.id], [before.id, made[1]?.id]);
    });
    assert.equal((await Array.fromAsync(w.jobd.jobs.list())).length, 3);
  });

  Deno.test(`${name}: the example of the documentation works`, async () => {
    await using w = await world(connect);
    await w.library.example(w.jobd, "ada@example.com");
    const jobs = await Array.fromAsync(w.jobd.jobs.list());
    assert.deepEqual(jobs.map(({ type, payload }) => [type, payload]), [["mail.send", {
      to: "ada@example.com",
    }]]);
    await assert.rejects(w.library.example(w.jobd, "refused"));
    assert.equal((await Array.fromAsync(w.jobd.jobs.list())).length, 1);
    assert.equal(await w.accounts(), 1);
  });

  Deno.test(`${name}: what is not a transaction is refused before anything is written`, async () => {
    await using w = await world(connect);
    const { whole } = w.library;
    if (whole !== undefined) {
      await assert.rejects(
        w.jobd.enqueue(sendMail, { to: "a" }, { tx: whole }),
        invalid(/^Give (a client|the one)/),
      );
    }
    for (const tx of [{}, 5, "tx", null, { execute: "no" }] as unknown as Transaction[]) {
      await assert.rejects(
        w.jobd.enqueue(sendMail, { to: "a" }, { tx }),
        invalid(/^Give a client of pg, .*function/),
      );
    }
    assert.deepEqual(await Array.fromAsync(w.jobd.jobs.list()), []);
    assert.deepEqual(await w.jobd.queues.list(), []);
  });
}
