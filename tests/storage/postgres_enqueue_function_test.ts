/** What the SQL functions take, refuse and store: the same as the library. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { newJob } from "../../src/domain/request.ts";
import { JobdError, type JobRequest } from "../../src/mod.ts";
import { type Answer, type SqlProducer, sqlWorld } from "./sql_producer.ts";
import { PAIRS, REQUESTS, RUN_AT, WRONG } from "./sql_requests.ts";

const HOUR_MS = 3_600_000;

function domainRefuses(request: unknown): string | undefined {
  try {
    newJob(request as JobRequest, { now: 1e12, id: "01890000-0000-7000-8000-000000000001", maxAttempts: 5 });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof JobdError);
    return `${error.code}: ${error.message}`;
  }
}

/** What SQL says of a list with one request, written so that JavaScript changes nothing of it. */
async function sqlRefuses(sql: SqlProducer, request: unknown): Promise<string | undefined> {
  await sql.run("begin");
  try {
    await sql.run("select * from jobd.enqueue_many($1::text)", [JSON.stringify([request])]);
    return undefined;
  } catch (error) {
    const { code, message, detail } = error as { code: string; message: string; detail: string };
    assert.deepEqual([code, detail], ["22023", "Job 1 of the list"], message);
    return message;
  } finally {
    await sql.run("rollback");
  }
}

for (const version of ["15", "newest"] as const) {
  Deno.test(`PostgreSQL ${version}: what the functions store is what the library stores`, async () => {
    await using w = await sqlWorld(version);
    const withKey = (request: JobRequest, n: number): JobRequest => {
      return request.uniqueKey === undefined ? request : { ...request, type: `unique${n}` };
    };
    const same = async (ids: string[], request: unknown): Promise<void> => {
      const [one, ...others] = await Promise.all(ids.map((id) => w.stored(id)));
      for (const other of others) assert.deepEqual(other, one, JSON.stringify(request).slice(0, 500));
    };
    for (const [request, args] of PAIRS) {
      const { id } = await w.jobd.enqueue(request);
      // One unfinished job has the key, so the one of before gives it up.
      const free =
        "update jobd.job set unique_lock = null where unique_lock is not null returning unique_lock";
      const locks = await w.sql.run(free);
      const { id: second, outcome, state } = await w.sql.enqueue(args);
      assert.deepEqual(await w.sql.run(free), locks);
      assert.deepEqual([outcome, state], ["created", (await w.job(second)).state]);
      const [third] = await w.sql.many([request]);
      assert.deepEqual(await w.sql.run(free), locks);
      await same([id, second, third!.id], [request, args]);
    }
    const listed = [...REQUESTS, ...RUN_AT.map((runAt) => ({ runAt }))].map(withKey);
    const made = await w.jobd.enqueueMany(listed);
    await w.sql.run("update jobd.job set unique_lock = null");
    const answers = await w.sql.many(listed);
    await w.sql.run("update jobd.job set unique_lock = null");
    for (const [at, request] of listed.entries()) {
      const both = await w.job(made[at]!.id);
      const other = await w.job(answers[at]!.id);
      if (request.runAt === undefined) await same([both.id, other.id], request);
      else assert.deepEqual([other.runAt, other.state], [both.runAt, both.state], JSON.stringify(request));
    }
  });

  Deno.test(`PostgreSQL ${version}: what the library refuses is refused, in the same words`, async () => {
    await using w = await sqlWorld(version);
    // JSON that PostgreSQL cannot read at all, or writes with spaces or in full, is refused in other words.
    const words = /null|\[|\{|\\|at "|bytes|nested|keys and items|__proto__|2\^53|surrogate|\u{1F600}/u;
    let compared = 0;
    for (const request of WRONG) {
      const expected = domainRefuses(request);
      assert.ok(expected !== undefined, JSON.stringify(request));
      const found = await sqlRefuses(w.sql, request);
      assert.ok(found !== undefined, `accepted: ${JSON.stringify(request).slice(0, 200)}`);
      assert.match(found, /^invalid_request: (Invalid|Unknown|A job cannot|Too many|Two headers)/);
      if (words.test(expected)) continue;
      assert.equal(found, expected);
      compared++;
    }
    assert.ok(compared > 80, String(compared));
    assert.deepEqual(await Array.fromAsync(w.jobd.jobs.list()), []);
  });

  Deno.test(`PostgreSQL ${version}: any JSON is kept as the library keeps it, or refused as it refuses it`, async () => {
    await using w = await sqlWorld(version);
    const odd = fc.jsonValue({ stringUnit: "binary", maxDepth: 4 });
    const key = fc.constantFrom("__proto__", "\\", '"__proto__": ', "a", "\u0000", ",:{}[]", "\ud800");
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeInteger(),
      fc.constant(2 ** 60),
    );
    const payloads = fc.sample(fc.oneof(odd, fc.dictionary(key, odd), number, fc.array(number)), {
      numRuns: 400,
      seed: 7,
    });
    const requests = payloads.map((payload) => ({
      type: "odd",
      payload: JSON.parse(JSON.stringify(payload)),
    }));
    const good = requests.filter((request) => domainRefuses(request) === undefined);
    const bad = requests.filter((request) => domainRefuses(request) !== undefined);
    assert.ok(good.length > 100 && bad.length > 30, `${good.length} ${bad.length}`);
    for (const request of bad) assert.ok(await sqlRefuses(w.sql, request), JSON.stringify(request));
    const answers = await w.sql.run<{ id: string }>("select * from jobd.enqueue_many($1::text)", [
      JSON.stringify(good),
    ]);
    for (const [at, request] of good.entries()) {
      assert.deepEqual((await w.job(answers[at]!.id)).payload, request.payload);
    }
  });

  Deno.test(`PostgreSQL ${version}: mistakes that only SQL can make`, async () => {
    await using w = await sqlWorld(version);
    const cases: [string, RegExp][] = [
      [`'a', '{"a"'`, /^invalid_request: Invalid payload: invalid input syntax for type json$/],
      [`'a', '{"a":1, "b":{"a":1,"a":2}}'`, /Invalid payload: a key appears twice in one object$/],
      [
        `'a', '[9007199254740993]'`,
        /Invalid payload: 9007199254740993 would lose digits; pass it as a string$/,
      ],
      [`'a', '[1e999]'`, /1e999 would lose digits/],
      [`'a', '"\\u0000"'`, /Invalid payload: unsupported Unicode escape sequence$/],
      [`'a', '{"\\u005f_proto__": 1}'::json`, /the key "__proto__" is not allowed$/],
      [`'a', delay => '-5 minutes'`, /Invalid delay: -300000 is not a duration between 0 and 100 years$/],
      [`'a', delay => '1000 years'`, /Invalid delay/],
      [`'a', timeout => '0'`, /Invalid timeout: 0 is not longer than 0$/],
      [`'a', run_at => 'infinity'`, /Invalid start time: "Infinity" is not a time between 1970 and 2999$/],
      [`'a', run_at => '1960-01-01'`, /Invalid start time/],
      [`'a', run_at => now(), delay => '1s'`, /A job cannot have both a delay and a start time$/],
      [`'a', priority => 1.5`, /Invalid priority: 1.5 is not an integer/],
      [`'a', max_attempts => 0`, /Invalid maxAttempts: 0 is not an integer from 1 to 1000$/],
      [`'a', tags => array['a', null]`, /Invalid tag: null is not a text of 1 to 128 characters$/],
      [`'a', limit_weight => 0`, /Invalid limit weight: 0 is not an integer from 1 to 1000000$/],
      [`'a', headers => '{"a": 1}'`, /Invalid header "a": 1 is not a text without control characters$/],
      [
        `'a', headers => '{"A": "1", "a": "2"}'`,
        /Two headers have the same name, apart from upper and lower case$/,
      ],
      [`'a', on_conflict => 'fail'`, /Invalid unique: SQL needs a key$/],
      [`'a', unique_scope => 'queue'`, /Invalid unique: SQL needs a key$/],
      [
        `'a', unique_key => 'k', on_conflict => 'ignore'`,
        /Invalid unique onConflict: "ignore" is not one of/,
      ],
      [`'a', unique_key => 'k', on_conflict => 'replace'`, /Invalid unique: SQL has no policy replace$/],
      [`'a', unique_key => ''`, /Invalid unique key: "" is not/],
    ];
    for (const [args, message] of cases) {
      const error = await w.sql.refused(w.sql.enqueue(args));
      assert.equal(error.code, "22023");
      assert.match(error.message, message, args);
    }
    for (
      const [list, message] of [["{}", /Invalid jobs: \{\} is not a list/], [
        "[",
        /Invalid jobs: invalid input syntax/,
      ]] as const
    ) {
      const error = await w.sql.refused(w.sql.run("select * from jobd.enqueue_many($1::text)", [list]));
      assert.match(error.message, message);
    }
    const after = { type: "a", after: [(await w.sql.enqueue("'parent'")).id] };
    assert.match(
      (await w.sql.refused(w.sql.many([after]))).message,
      /Invalid after: SQL enqueues no jobs that wait for others$/,
    );
    assert.equal((await w.jobd.enqueue(after)).state, "blocked");
    const hinted = await w.sql.refused(w.sql.many([{ type: "a" }, { run_at: 1 }]));
    assert.deepEqual([hinted.detail, hinted.message], [
      "Job 2 of the list",
      'invalid_request: Unknown job field "run_at"',
    ]);
    assert.match(hinted.hint ?? "", /^Known fields: type, payload, .*runAt/);
    assert.match((await w.sql.refused(w.sql.enqueue("delay => '-1s'"))).hint ?? "", /^Give an interval/);
  });

  Deno.test(`PostgreSQL ${version}: what is in the way is what is in the way for the library`, async () => {
    await using w = await sqlWorld(version);
    const item = fc.record({ id: fc.constantFrom(0, 1, 2, 9), key: fc.constantFrom("", "x", "y", "z") });
    const lists = fc.sample(fc.array(item, { minLength: 1, maxLength: 6 }), { numRuns: 60, seed: 3 });
    for (const [run, list] of lists.entries()) {
      const said: string[][] = [];
      for (const side of ["library", "sql"]) {
        const prefix = `${String(run).padStart(8, "0")}-${
          side === "sql" ? "0001" : "0000"
        }-7000-8000-00000000`;
        const requests = list.map(({ id, key }, at) => ({
          type: `${side}${run}`,
          id: `${prefix}${String(id === 9 ? 100 + at : id).padStart(4, "0")}`,
          ...(key === "" ? {} : { uniqueKey: key }),
        }));
        // Some are there before.
        await w.jobd.enqueueMany(requests.slice(0, run % 3));
        const rest = requests.slice(run % 3 === 2 ? 1 : 0);
        const made: readonly Pick<Answer, "id" | "outcome" | "state">[] = side === "sql"
          ? await w.sql.many(rest)
          : await w.jobd.enqueueMany(rest);
        said.push(made.map(({ id, outcome, state }) => `${id.slice(-4)} ${outcome} ${state}`));
      }
      assert.deepEqual(said[1], said[0], JSON.stringify(list));
    }
  });

  Deno.test(`PostgreSQL ${version}: arguments may be parameters without types`, async () => {
    await using w = await sqlWorld(version);
    const call = "select * from jobd.enqueue($1, $2, priority => $3, tags => $4, delay => $5, meta => $6)";
    for (const priority of ["high", "10", 10]) {
      const [made] = await w.sql.run<{ id: string }>(call, [
        "a",
        '{"x": 1}',
        priority,
        ["t"],
        "1 hour",
        { n: 1 },
      ]);
      const request = {
        type: "a",
        payload: { x: 1 },
        priority: 10,
        tags: ["t"],
        delay: "1h",
        meta: { n: 1 },
      };
      assert.deepEqual(await w.stored(made!.id), await w.stored((await w.jobd.enqueue(request)).id));
    }
    const [unset] = await w.sql.run<{ id: string }>(call, ["a", "1", null, null, null, null]);
    assert.equal((await w.job(unset!.id)).priority, 0);
  });

  Deno.test(`PostgreSQL ${version}: a null is a value that was not given`, async () => {
    await using w = await sqlWorld(version);
    const nulls = Array.from({ length: 21 }, () => "null").join();
    const { id } = await w.sql.enqueue(`null, null::json, ${nulls}`);
    const { id: usual } = await w.jobd.enqueue({});
    assert.deepEqual(await w.stored(id), await w.stored(usual));
    assert.deepEqual(await w.sql.run("select * from jobd.enqueue_many(null)"), []);
    assert.deepEqual(await w.sql.many([]), []);
  });

  Deno.test(`PostgreSQL ${version}: attempts are those of the queue; ids tell the time; a given id is kept`, async () => {
    await using w = await sqlWorld(version);
    await w.sql.enqueue("'a', queue => 'mails'");
    await w.jobd.queues.update("mails", { maxAttempts: 9 });
    const made = await w.job((await w.sql.enqueue("'a', queue => 'mails'")).id);
    assert.equal(made.maxAttempts, 9);
    await w.jobd.queues.update("mails", { maxAttempts: 9, priority: 7 });
    for (
      const [request, args] of [[{}, ""], [{ priority: 0 }, ", priority => 0"], [
        { priority: "low" },
        ", priority => 'low'",
      ]] as const
    ) {
      const by = await w.jobd.enqueue({ type: "a", queue: "mails", ...request });
      const bySql = await w.sql.enqueue(`'a', queue => 'mails'${args}`);
      const [many] = await w.sql.many([{ type: "a", queue: "mails", ...request }]);
      const { priority } = await w.job(by.id);
      assert.equal(priority, request.priority === undefined ? 7 : request.priority === 0 ? 0 : -10);
      for (const { id } of [bySql, many!]) assert.deepEqual(await w.stored(id), await w.stored(by.id));
    }
    assert.match(made.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(parseInt(made.id.replaceAll("-", "").slice(0, 12), 16), made.createdAt);
    assert.ok(Math.abs(made.createdAt - await w.store.driver.time()) < HOUR_MS);
    const id = "01890000-0000-7000-8000-000000000001";
    const twice = [await w.sql.enqueue(`'a', id => '${id}'`), await w.sql.enqueue(`'b', id => '${id}'`)];
    assert.deepEqual(twice.map((answer) => [answer.id, answer.outcome]), [[id, "created"], [id, "existing"]]);
    assert.equal((await w.job(id)).type, "a");
  });

  Deno.test(`PostgreSQL ${version}: jobs that say nothing else live as long as the queue says`, async () => {
    await using w = await sqlWorld(version);
    await w.sql.enqueue("'a', queue => 'short'");
    await w.jobd.queues.update("short", { ttlMs: HOUR_MS });
    for (const request of [{}, { origin: "here" }, { ttl: "1m" }, { ttl: "100d" }] as const) {
      const { id } = await w.jobd.enqueue({ queue: "short", ...request });
      const [made] = await w.sql.many([{ queue: "short", ...request }]);
      assert.deepEqual(await w.stored(made!.id), await w.stored(id));
    }
    const { id } = await w.sql.enqueue("'a', queue => 'short'");
    const { createdAt, expireAt, options } = await w.job(id);
    assert.deepEqual([expireAt, options], [createdAt + HOUR_MS, { ttlMs: HOUR_MS }]);
    const other = await w.job((await w.sql.enqueue("'a', queue => 'other'")).id);
    assert.equal(other.expireAt, null);
  });

  Deno.test(`PostgreSQL ${version}: limits hold the jobs of SQL back by their keys`, async () => {
    await using w = await sqlWorld(version);
    await w.jobd.limits.set({ type: "call", key: "slow", rate: { limit: 3, per: "1d" } });
    for (const [key, weight] of [["slow", 2], ["slow", 2], ["fast", 2]] as const) {
      await w.sql.enqueue(`'call', '"${key}"', limit_key => '${key}', limit_weight => ${weight}`);
    }
    const both = Promise.withResolvers<void>();
    const ran: unknown[] = [];
    const call = ({ payload }: { payload: unknown }): void => {
      if (ran.push(payload) >= 2) both.resolve();
    };
    const worker = w.jobd.worker({ handlers: { call } });
    await worker.start();
    await both.promise;
    let held: string[] = [];
    while (held.length === 0) {
      held = (await Array.fromAsync(w.jobd.jobs.list({ state: "blocked" }))).map(({ payload }) =>
        `${payload}`
      );
    }
    await worker.stop();
    assert.deepEqual([ran.toSorted(), held], [["fast", "slow"], ["slow"]]);
  });

  Deno.test(`PostgreSQL ${version}: what happens to a job of SQL is told, but not that it was enqueued`, async () => {
    await using w = await sqlWorld(version);
    const ended = Promise.withResolvers<void>();
    const told: string[] = [];
    await using _subscription = await w.jobd.on("job.*", ({ kind, ...event }) => {
      told.push(`${kind} ${"type" in event ? event.type : ""}`);
      if (kind === "job.completed") ended.resolve();
    });
    await w.sql.enqueue("'of.sql'");
    const worker = w.jobd.worker({ handlers: { "of.sql": () => null } });
    await worker.start();
    await ended.promise;
    await worker.stop();
    assert.deepEqual(told, ["job.started of.sql", "job.completed of.sql"]);
  });

  Deno.test(`PostgreSQL ${version}: many jobs go together, in order, and say what became of each`, async () => {
    await using w = await sqlWorld(version);
    const id = "01890000-0000-7000-8000-000000000002";
    const holder = await w.jobd.enqueue({ type: "u", uniqueKey: "z", delay: "1h" });
    const answers = await w.sql.many([
      { type: "u", uniqueKey: "z" },
      { type: "u", uniqueKey: "b" },
      { type: "u", uniqueKey: "a" },
      { id, uniqueKey: "y" },
      { id, uniqueKey: "c" },
      { type: "u", uniqueKey: "b", delay: "1h" },
      { delay: "1h" },
    ]);
    assert.deepEqual(answers.map(({ outcome, state }) => `${outcome} ${state}`), [
      "existing scheduled",
      "created available",
      "created available",
      "created available",
      "existing available",
      "existing available",
      "created scheduled",
    ]);
    assert.deepEqual([answers[0]?.id, answers[4]?.id, answers[5]?.id], [holder.id, id, answers[1]?.id]);
    assert.equal((await w.job(id)).options.uniqueKey, "y");
    const order = await w.sql.run<{ job_id: string }>("select job_id from jobd.ready order by seq");
    assert.deepEqual(order.map((row) => row.job_id), [answers[1]?.id, answers[2]?.id, id]);

    await w.sql.refused(w.sql.many([{ type: "fine" }, { type: "not fine" }]));
    assert.deepEqual(await Array.fromAsync(w.jobd.jobs.list({ type: "fine" })), []);
    assert.equal(
      (await w.sql.many(Array.from({ length: 12_000 }, (_, n) => ({ payload: n })))).length,
      12_000,
    );
  });
}
