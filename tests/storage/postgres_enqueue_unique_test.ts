/** Unique keys of jobs that are enqueued by SQL: the same as those of the library, and contested by both. */
import assert from "node:assert/strict";
// @ts-types="@types/pg"
import { DatabaseError } from "pg";
import { JobdError, type JobRequest } from "../../src/mod.ts";
import { JOB_STATES, type JobState } from "../../src/domain/states.ts";
import type { UniqueOptions } from "../../src/domain/unique.ts";
import { holderIn } from "../conformance/unique_world.ts";
import { World } from "../conformance/world.ts";
import { type SqlProducer, type SqlWorld, sqlWorld } from "./sql_producer.ts";

/** What became of each job, or why the call was refused. */
type Said = { id: string; outcome: string; state: string }[] | string;

/** Enqueues jobs. */
type Side = (requests: JobRequest[]) => Promise<Said>;

function viaLibrary({ jobd }: SqlWorld): Side {
  return async (requests) => {
    try {
      return (await jobd.enqueueMany(requests)).map(({ id, outcome, state }) => ({ id, outcome, state }));
    } catch (error) {
      assert.ok(error instanceof JobdError);
      return `${error.code}: ${error.message}`;
    }
  };
}

function viaSql(sql: SqlProducer): Side {
  return async (requests) => {
    try {
      return await sql.many(requests);
    } catch (error) {
      assert.ok(error instanceof DatabaseError);
      assert.equal(error.code, error.message.startsWith("conflict: ") ? "23505" : "22023");
      return error.message;
    }
  };
}

/** The same for every id. */
function anonymous(said: Said, names: Record<string, string>): unknown {
  let words = JSON.stringify(said);
  for (const [id, name] of Object.entries(names)) words = words.replaceAll(id, name);
  return JSON.parse(words.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "new"));
}

/** What the holder says about when it holds its key. */
const HOLDERS: UniqueOptions[] = [
  {},
  { states: ["waiting"] },
  { states: ["waiting", "completed", "dead"] },
  { states: ["unfinished", "finished"] },
];

/** Makes a holder of the key, lets another job come, and says what became of both. */
async function meeting(
  w: SqlWorld,
  side: Side,
  [state, holder, comer]: [JobState, UniqueOptions, JobRequest],
): Promise<unknown> {
  const world = new World(w.store);
  const { id } = await holderIn(world, state, { ...holder, key: "k" });
  const said = anonymous(await side([{ type: "other" }, comer]), { [id]: "holder" });
  const rows = await w.sql.run<{ who: string; state: string; unique_lock: string | null }>(
    "select case when id = $1 then 'holder' else 'new' end as who, state, unique_lock from jobd.job " +
      "where type <> 'other' order by 1",
    [id],
  );
  await w.sql.run("delete from jobd.ready; delete from jobd.scheduled; delete from jobd.job");
  return { said, rows };
}

for (const version of ["15", "newest"] as const) {
  Deno.test(`PostgreSQL ${version}: a holder holds its key, or gave it up, as it does for the library`, async () => {
    await using w = await sqlWorld(version);
    const comers: JobRequest[] = [
      { type: "test", uniqueKey: "k" },
      { type: "test", unique: { key: "k", onConflict: "fail" } },
    ];
    const seen = new Map<string, number>();
    for (const state of JOB_STATES.filter((each) => each !== "blocked")) {
      for (const holder of HOLDERS) {
        for (const comer of comers) {
          const library = await meeting(w, viaLibrary(w), [state, holder, comer]);
          const sql = await meeting(w, viaSql(w.sql), [state, holder, comer]);
          assert.deepEqual(sql, library, JSON.stringify([state, holder, comer]));
          const kind = /conflict|existing|created.*created/.exec(JSON.stringify(sql))?.[0].slice(0, 8) ?? "";
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
      }
    }
    assert.deepEqual([...seen.keys()].toSorted(), ["conflict", 'created"', "existing"]);
  });

  Deno.test(`PostgreSQL ${version}: who must be the only one in a list is refused where the library refuses it`, async () => {
    await using w = await sqlWorld(version);
    const fail = { key: "k", onConflict: "fail" } as const;
    const id = (n: number): string => `01890000-0000-7000-8000-00000000000${n}`;
    const there = { id: id(9), type: "t" };
    const lists: JobRequest[][] = [
      [{ unique: fail }],
      [{ unique: fail }, { uniqueKey: "k" }],
      [{ uniqueKey: "k" }, { unique: fail }],
      [{ uniqueKey: "k", delay: "1h" }, { unique: fail }],
      [{ uniqueKey: "k", id: id(1) }, { unique: fail, id: id(1) }],
      [{ unique: fail }, { unique: { ...fail, scope: "queue" } }, {
        unique: { ...fail, scope: "namespace" },
      }],
      [{ unique: { ...fail, scope: "queue" } }, { queue: "q", unique: { ...fail, scope: "queue" } }],
      [{ unique: { ...fail, scope: "namespace" } }, { type: "u", unique: { ...fail, scope: "namespace" } }],
      [{ type: "u", unique: fail }, { type: "v", unique: fail }],
      [{ ...there, uniqueKey: "k" }, { unique: fail }],
      [{ ...there, unique: fail }],
    ];
    for (const list of lists) {
      const said: unknown[] = [];
      for (const side of [viaLibrary(w), viaSql(w.sql)]) {
        await w.jobd.enqueue(there);
        const requests = list.map((request) => ({ type: "t", ...request }));
        said.push(anonymous(await side(requests), {}));
        said.push(await w.sql.run("select type, unique_lock from jobd.job order by 1, 2"));
        await w.sql.run("delete from jobd.ready; delete from jobd.scheduled; delete from jobd.job");
      }
      assert.deepEqual(said.slice(2), said.slice(0, 2), JSON.stringify(list));
    }
  });

  Deno.test(`PostgreSQL ${version}: jobs of the library and of SQL stand in each other's way, in every scope`, async () => {
    await using w = await sqlWorld(version);
    for (const scope of ["type", "queue", "namespace"] as const) {
      const request = (over: UniqueOptions = {}): JobRequest => ({
        type: scope,
        queue: scope,
        unique: { key: 'a "b"\n', scope, ...over },
      });
      const call = (policy: string): string =>
        `'${scope}', queue => '${scope}', unique_key => E'a "b"\\n', unique_scope => '${scope}', on_conflict => '${policy}'`;
      const made = await w.sql.enqueue(call("fail"));
      assert.equal(made.outcome, "created");
      const kept = await w.jobd.enqueue(request());
      assert.deepEqual([kept.outcome, kept.id], ["existing", made.id]);
      await assert.rejects(w.jobd.enqueue(request({ onConflict: "fail" })), { code: "conflict" });
      const replaced = await w.jobd.enqueue({ ...request({ onConflict: "replace" }), payload: 2 });
      assert.deepEqual([replaced.outcome, replaced.id], ["replaced", made.id]);
      assert.equal((await w.job(made.id)).payload, 2);
      const taken = await w.jobd.enqueue(request({ onConflict: "cancel" }));
      assert.deepEqual(taken.displaced?.id, made.id);
      const existing = await w.sql.enqueue(call("keep"));
      assert.deepEqual([existing.outcome, existing.id], ["existing", taken.id]);
      const error = await w.sql.refused(w.sql.enqueue(call("fail")));
      assert.deepEqual([error.code, error.hint], [
        "23505",
        "Nothing was enqueued. Wait for that job, cancel it, or choose another onConflict than fail.",
      ]);
      assert.equal(
        error.message,
        `conflict: Job ${taken.id}, which is available, has the same unique key "a \\"b\\"\\n" as the new job of type ${scope}`,
      );
    }
  });

  Deno.test(`PostgreSQL ${version}: a key that is contested by SQL and the library goes to one of them`, async () => {
    await using w = await sqlWorld(version);
    const sessions = await Promise.all(Array.from({ length: 8 }, () => w.producer()));
    const all = [...sessions.map(viaSql), ...sessions.map(() => viaLibrary(w))];
    const { id } = await holderIn(new World(w.store), "dead", { key: "k", states: ["waiting", "completed"] });
    const lock = "select unique_lock from jobd.job where id = $1";
    assert.deepEqual(await w.sql.run(lock, [id]), [{ unique_lock: "default\ntest\nk" }], "it is still there");
    const keys = ["k", "l", "m"];
    const given = await Promise.all(all.map((side, n) => {
      const order = n % 2 === 0 ? keys : keys.toReversed();
      return side(order.map((uniqueKey) => ({ type: "test", uniqueKey })));
    }));
    const made = given.flatMap((said) => typeof said === "string" ? assert.fail(said) : said);
    assert.equal(made.filter(({ outcome }) => outcome === "created").length, 3);
    assert.equal(new Set(made.map((each) => each.id)).size, 3);
    assert.ok(made.every((each) => each.id !== id));

    const only = await Promise.all(
      all.map((side) => side([{ type: "only", unique: { key: "k", onConflict: "fail" } }])),
    );
    assert.equal(only.filter((said) => typeof said !== "string").length, 1);
    assert.ok(only.every((said) => typeof said !== "string" || said.startsWith("conflict: Job ")));
  });

  Deno.test(`PostgreSQL ${version}: uniqueness that SQL does not know is refused, not passed over`, async () => {
    await using w = await sqlWorld(version);
    const unknown: [UniqueOptions, string][] = [
      [{}, "SQL needs a key"],
      [{ scope: "queue" }, "SQL needs a key"],
      [{ fields: ["user.id"] }, "SQL has no fields"],
      [{ key: "k", per: "1h" }, "SQL has no per"],
      [{ key: "k", states: ["waiting"] }, "SQL has no states"],
      [{ key: "k", defer: false }, "SQL has no defer"],
      ...(["replace", "debounce", "throttle", "cancel"] as const).map((
        onConflict,
      ): [UniqueOptions, string] => [{ key: "k", onConflict }, `SQL has no policy ${onConflict}`]),
    ];
    for (const [unique, why] of unknown) {
      const error = await w.sql.refused(w.sql.many([{ unique }]));
      assert.deepEqual([error.code, error.message], ["22023", `invalid_request: Invalid unique: ${why}`]);
      assert.match(error.hint ?? "", /^SQL knows a key, its scope, and the policies keep and fail\./);
    }
    assert.deepEqual(await Array.fromAsync(w.jobd.jobs.list()), []);
  });
}
