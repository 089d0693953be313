import assert from "node:assert/strict";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { FINAL_STATES, type FinalState, WAITING_STATES } from "../../src/domain/states.ts";
import { CONFLICT_POLICIES, type UniqueOptions } from "../../src/domain/unique.ts";
import { parseUnique } from "../../src/domain/unique_request.ts";
import type { Driver, InsertResult } from "../../src/storage/driver.ts";
import {
  cancelled,
  type Chapter,
  DAY,
  done,
  doomed,
  expired,
  failed,
  MINUTE,
  SECOND,
  snoozed,
  T,
  type World,
} from "./world.ts";

const HOUR = 60 * MINUTE;
const ENDS: Record<FinalState, Outcome> = { completed: done, dead: doomed, cancelled, expired };

/** A job that is unique as the options say; the key is "k" unless they say otherwise. */
function make(w: World, unique: UniqueOptions, over: Partial<NewJob> = {}): NewJob {
  const job = w.make(over);
  const { payload, createdAt: now, runAt } = job;
  return {
    ...job,
    options: { ...job.options, unique: parseUnique({ key: "k", ...unique }, { payload, now, runAt }) },
  };
}

async function insert(w: World, unique: UniqueOptions, over: Partial<NewJob> = {}): Promise<InsertResult> {
  return await w.insert(make(w, unique, over));
}

/** Puts a job with the key into a state. */
async function holderIn(w: World, state: Job["state"], unique: UniqueOptions = {}): Promise<Job> {
  const { id } = await insert(w, unique, state === "scheduled" ? { runAt: T + HOUR } : {});
  if (state !== "scheduled" && state !== "available") {
    const job = await w.claimOne();
    assert.equal(job.id, id);
    if (state !== "running") await w.settle(job, ENDS[state as FinalState]);
  }
  const job = await w.job(id);
  assert.equal(job.state, state);
  return job;
}

const HELD = ["scheduled", "available", "running"] as const;
const delayed = (ms: number, over: Partial<NewJob> = {}): Partial<NewJob> => ({
  ...over,
  runAt: (over.createdAt ?? T) + ms,
});

/** The answer that a policy gives while a job in a state holds the key. */
const EXPECTED: Record<string, Record<(typeof HELD)[number], string>> = {
  keep: { scheduled: "existing", available: "existing", running: "existing" },
  replace: { scheduled: "replaced", available: "replaced", running: "existing" },
  // Unless its states say otherwise, a debounced job holds its key only while it waits.
  debounce: { scheduled: "replaced", available: "replaced", running: "existing" },
  throttle: { scheduled: "existing", available: "existing", running: "existing" },
  cancel: { scheduled: "replaced", available: "replaced", running: "replaced" },
  fail: { scheduled: "conflict", available: "conflict", running: "conflict" },
};

const answers = Object.fromEntries(
  CONFLICT_POLICIES.flatMap((onConflict) =>
    HELD.map((state) => [
      `${onConflict}, while the holder is ${state}: ${EXPECTED[onConflict]?.[state]}`,
      async (w: World) => {
        const holder = await holderIn(w, state, onConflict === "throttle" ? { per: "1h" } : {});
        const per = onConflict === "throttle" ? { per: "1h" } : {};
        const over = onConflict === "debounce" ? delayed(MINUTE) : {};
        const answer = await insert(w, { onConflict, ...per }, over).catch((error) => error.code);
        const outcome = typeof answer === "string" ? answer : answer.outcome;
        assert.equal(outcome, EXPECTED[onConflict]?.[state]);
        if (onConflict !== "cancel" && typeof answer !== "string") assert.equal(answer.id, holder.id);
      },
    ])
  ),
);

const perState = Object.fromEntries(
  FINAL_STATES.map((state) => [
    `a job that holds its key when ${state} keeps it until it is removed, others give it up`,
    async (w: World) => {
      const holder = await holderIn(w, state, { states: ["unfinished", state] });
      assert.deepEqual(await insert(w, {}), { id: holder.id, outcome: "existing", state });
      assert.deepEqual(await w.insert(w.make({ options: { uniqueKey: "k" } })), {
        id: holder.id,
        outcome: "existing",
        state,
      });
      await w.amend(holder, { kind: "delete" });
      const others = FINAL_STATES.filter((each) => each !== state);
      const next = await holderIn(w, state, { states: ["unfinished", ...others] });
      const free = await insert(w, {});
      assert.deepEqual([free.outcome, next.id === free.id], ["created", false]);
    },
  ]),
);

export const uniquePoliciesChapter: Chapter = {
  ...answers,
  ...perState,
  "a plain key and the same key in full are one": async (w) => {
    const holder = await w.add({ options: { uniqueKey: "k" } });
    assert.equal((await insert(w, { states: ["waiting"] })).id, holder.id);
    assert.equal((await insert(w, { onConflict: "replace" })).outcome, "replaced");
    assert.equal((await insert(w, { key: "other" })).outcome, "created");
  },
  "the scope says which jobs share a key": async (w) => {
    const outcomes = async (scope: UniqueOptions["scope"], over: Partial<NewJob>): Promise<string> =>
      (await insert(w, { ...(scope === undefined ? {} : { scope }) }, over)).outcome;
    const row = [{}, { queue: "q2" }, { type: "t2" }, { type: "t2", queue: "q2" }, { namespace: "n2" }];
    const told: string[][] = [];
    for (const scope of ["type", "queue", "namespace"] as const) {
      const results: string[] = [];
      for (const over of row) results.push(await outcomes(scope, over));
      told.push(results.map((result) => result.slice(0, 1)));
    }
    assert.deepEqual(told.map((each) => each.join("")), ["cecec", "ccccc", "ceeec"]);
  },
  "the values of fields make the key, whatever else the payload holds": async (w) => {
    const by = (payload: NewJob["payload"]) => {
      const { key: _, ...unique } = make(w, { fields: ["user.id", "list.0"] }, { payload }).options.unique ??
        {};
      return w.insert(w.make({ payload, options: { unique } }));
    };
    const first = await by({ user: { id: 1, name: "a" }, list: ["x", "y"] });
    assert.equal((await by({ list: ["x"], user: { name: "b", id: 1 } })).id, first.id);
    for (
      const payload of [{ user: { id: "1" }, list: ["x"] }, { user: { id: 1 }, list: [] }, { user: 1 }]
    ) {
      assert.equal((await by(payload)).outcome, "created", JSON.stringify(payload));
    }
    assert.equal((await by(null)).outcome, "existing", "none of the fields is there, as in the one before");
  },
  "per period there is one job, whatever became of the first, until the period is over": async (w) => {
    const per = { per: "1h" } as const;
    const first = await w.finish(done, { ...make(w, per), id: w.make().id });
    const later = (createdAt: number) => insert(w, per, { createdAt, runAt: createdAt });
    assert.deepEqual(await later(T + HOUR - 1), { id: first.id, outcome: "existing", state: "completed" });
    const second = await later(T + HOUR);
    assert.equal(second.outcome, "created");
    assert.equal((await later(T + 2 * HOUR - 1)).id, second.id);
    assert.equal((await insert(w, { per: "2h" })).outcome, "created", "another period is another key");
  },
  "a job that failed for good or was cancelled leaves its period to the next one, but not when throttled":
    async (w) => {
      const per = { per: "1h" } as const;
      for (const state of ["dead", "cancelled", "expired"] as const) {
        await holderIn(w, state, per);
        const next = await insert(w, per);
        assert.equal(next.outcome, "created", state);
        await w.amend(await w.job(next.id), { kind: "delete" });
        const holder = await holderIn(w, state, { key: state, per: "1h", onConflict: "throttle" });
        assert.equal((await insert(w, { key: state, per: "1h", onConflict: "throttle" })).id, holder.id);
      }
    },
  "a job that holds its key for a period is not pruned before it is over": async (w) => {
    const retention = { completed: 0, dead: 0, cancelled: 0, expired: 0 };
    const kept = await w.finish(done, make(w, { per: "1h" }));
    const gone = await w.finish(doomed, make(w, { key: "dead", per: "1h" }));
    const prune = async (now: number): Promise<void> => {
      let cursor: string | undefined;
      do {
        const step = await w.driver.prune({
          now,
          retention,
          limit: 10,
          ...(cursor === undefined ? {} : { cursor }),
        });
        cursor = step.cursor;
      } while (cursor !== undefined);
    };
    await prune(T + HOUR - 1);
    assert.deepEqual((await w.driver.get([kept.id, gone.id])).map(({ id }) => id), [kept.id]);
    await prune(T + HOUR);
    assert.deepEqual(await w.driver.get([kept.id]), []);
  },
  "a key that is held only while its job waits is free once it runs; a retry goes on without it": async (
    w,
  ) => {
    const first = await holderIn(w, "running", { states: ["waiting"] });
    const second = await insert(w, { states: ["waiting"] });
    assert.equal(second.outcome, "created");
    await w.settle(first, failed);
    assert.equal((await w.job(first.id)).state, "scheduled");
    assert.equal((await insert(w, {})).id, second.id);
  },
  "one that runs and is put back to wait holds its key again, if nobody took it": async (w) => {
    const job = await holderIn(w, "running", { states: ["waiting"] });
    await w.settle(job, snoozed);
    assert.deepEqual(await insert(w, {}), { id: job.id, outcome: "existing", state: "scheduled" });
  },
  "replace: the waiting job becomes what the request says, under its own id": async (w) => {
    const holder = await w.add({ ...make(w, {}, { payload: { n: 1 }, runAt: T + HOUR }), priority: 3 });
    const request = make(w, { onConflict: "replace" }, {
      payload: null,
      priority: 7,
      maxAttempts: 9,
      createdAt: T + MINUTE,
      runAt: T + 2 * MINUTE,
      expireAt: T + DAY,
      options: { timeoutMs: 5, ttlMs: DAY, tags: ["t"], meta: { m: 1 }, origin: "o" },
    });
    assert.deepEqual(await w.insert(request), { id: holder.id, outcome: "replaced", state: "scheduled" });
    const { unique: _, ...options } = request.options;
    assert.deepEqual(await w.job(holder.id), {
      ...holder,
      payload: null,
      priority: 7,
      maxAttempts: 9,
      runAt: T + 2 * MINUTE,
      expireAt: T + DAY,
      options: { ...holder.options, ...options },
    });
    assert.deepEqual(await w.driver.promote(T + 2 * MINUTE, 10), { promoted: 1, nextDueAt: null });
    assert.deepEqual((await w.claimOne({ now: T + 2 * MINUTE })).payload, null);
  },
  "replace: only the fields that are named": async (w) => {
    const holder = await w.add(make(w, {}, { payload: 1, priority: 1, runAt: T + HOUR }));
    await insert(w, { onConflict: "replace", replace: ["payload"] }, { payload: 2, priority: 5 });
    assert.deepEqual(await w.job(holder.id), { ...holder, payload: 2 });
  },
  "replace: a job that stays where it is keeps its place; with another priority it is the last of that":
    async (w) => {
      const replace = (payload: number, priority: number) =>
        insert(w, { onConflict: "replace" }, { payload, priority });
      const holder = await insert(w, {});
      const [a, b] = await w.addMany(2);
      await replace(1, 0);
      assert.deepEqual(await w.list({ states: ["available"] }), [holder.id, a, b]);
      const [c] = await w.addMany(1, { priority: 5 });
      await replace(2, 5);
      assert.deepEqual(await w.list({ states: ["available"] }), [c, holder.id, a, b]);
      assert.deepEqual(await w.claimIds(), [c, holder.id, a, b]);
      assert.equal((await w.job(holder.id)).payload, 2);
    },
  "replace: with another start time it moves between the waiting states": async (w) => {
    const { id } = await insert(w, {});
    const at = async (runAt: number): Promise<string> =>
      (await insert(w, { onConflict: "replace" }, { runAt })).state;
    assert.equal(await at(T + HOUR), "scheduled");
    assert.deepEqual(await w.claimIds(), []);
    assert.equal(await at(T), "available");
    assert.deepEqual(await w.driver.promote(T + DAY, 10), { promoted: 0, nextDueAt: null });
    assert.deepEqual(await w.claimIds(), [id]);
  },
  "replace: a new payload makes a retrying job forget its steps, and a retry is not brought forward": async (
    w,
  ) => {
    const job = await holderIn(w, "running");
    await w.driver.saveStep(job, { name: "s", value: 1, at: T });
    await w.settle(job, failed, T + SECOND);
    const { runAt } = await w.job(job.id);
    const over = { payload: { new: true }, createdAt: T + 2 * SECOND, runAt: T + 2 * SECOND };
    assert.equal((await insert(w, { onConflict: "replace", replace: ["runAt"] }, over)).outcome, "existing");
    assert.equal(await w.driver.step(job.id, "s"), 1);
    assert.equal((await insert(w, { onConflict: "replace" }, over)).state, "scheduled");
    assert.equal(await w.driver.step(job.id, "s"), undefined);
    const after = await w.job(job.id);
    assert.deepEqual([after.runAt, after.failures, after.payload], [runAt, 1, { new: true }]);
  },
  "debounce: each request puts the job off anew, up to the longest wait": async (w) => {
    const request = (at: number) =>
      insert(
        w,
        { onConflict: "debounce", maxWait: "1m" },
        delayed(30 * SECOND, { createdAt: at, payload: at }),
      );
    const first = await request(T);
    assert.equal(first.outcome, "created");
    const seen: [string, number][] = [];
    for (const seconds of [20, 40, 50]) {
      const { id, outcome } = await request(T + seconds * SECOND);
      assert.equal(id, first.id);
      const { runAt, payload } = await w.job(id);
      assert.equal(payload, T + seconds * SECOND);
      seen.push([outcome, (runAt - T) / SECOND]);
    }
    assert.deepEqual(seen, [["replaced", 50], ["replaced", 60], ["replaced", 60]]);
  },
  "debounce: a request while the job runs makes the next one": async (w) => {
    const debounce = { onConflict: "debounce" } as const;
    const first = await insert(w, debounce, delayed(SECOND));
    await w.driver.promote(T + SECOND, 1);
    await w.claimOne({ now: T + SECOND });
    const second = await insert(w, debounce, delayed(SECOND, { createdAt: T + 2 * SECOND }));
    assert.deepEqual([second.outcome, second.id === first.id], ["created", false]);
    assert.equal((await insert(w, debounce, delayed(SECOND, { createdAt: T + 2 * SECOND }))).id, second.id);
  },
  "debounce: a job that was about to start waits again": async (w) => {
    const debounce = { onConflict: "debounce" } as const;
    const { id } = await insert(w, debounce, delayed(SECOND));
    await w.driver.promote(T + SECOND, 1);
    assert.deepEqual(await insert(w, debounce, delayed(SECOND, { createdAt: T + SECOND })), {
      id,
      outcome: "replaced",
      state: "scheduled",
    });
    assert.deepEqual(await w.claimIds({ now: T + SECOND }), []);
  },
  "throttle: the first job too many waits for the next period, further ones are that one": async (w) => {
    const throttle = { per: "1h", onConflict: "throttle", defer: true } as const;
    const first = await w.finish(done, make(w, throttle));
    const second = await insert(w, throttle, { createdAt: T + MINUTE, runAt: T + MINUTE });
    assert.deepEqual([second.outcome, second.state], ["created", "scheduled"]);
    assert.equal((await w.job(second.id)).runAt, T + HOUR);
    const third = await insert(w, throttle, { createdAt: T + 2 * MINUTE, runAt: T + 2 * MINUTE });
    assert.deepEqual(third, { id: second.id, outcome: "existing", state: "scheduled" });
    const next = await insert(w, throttle, { createdAt: T + HOUR, runAt: T + HOUR });
    assert.equal((await w.job(next.id)).runAt, T + 2 * HOUR);
    assert.notEqual(first.id, next.id);
  },
  "cancel: a waiting holder is cancelled, and the new job has the key": async (w) => {
    for (const state of ["scheduled", "available"] as const) {
      const holder = await holderIn(w, state);
      const answer = await insert(w, { onConflict: "cancel" });
      assert.deepEqual({ ...answer, id: "" }, {
        id: "",
        outcome: "replaced",
        state: "available",
        displaced: { id: holder.id, state: "cancelled" },
      });
      const ended = await w.job(holder.id);
      assert.equal(ended.state, "cancelled");
      assert.match(ended.error?.message ?? "", new RegExp(`^Job ${answer.id} `));
      assert.equal((await insert(w, {})).id, answer.id);
      await w.amend(await w.job(answer.id), { kind: "delete" });
    }
  },
  "cancel: a running holder is told to stop, never runs again, and the new job has the key": async (w) => {
    const holder = await holderIn(w, "running");
    const answer = await insert(w, { onConflict: "cancel" });
    assert.deepEqual(answer.displaced, { id: holder.id, state: "running" });
    assert.deepEqual(await w.driver.cancelRequests("w1"), [{ id: holder.id, attempt: 1 }]);
    assert.equal(await w.settle(holder, failed), "cancel_requested");
    assert.equal(await w.settle(holder, cancelled), "applied");
    assert.equal((await insert(w, {})).id, answer.id);
  },
  "cancel: what has ended but holds the key is kept": async (w) => {
    const holder = await holderIn(w, "completed", { states: ["unfinished", "completed"] });
    assert.equal((await insert(w, { onConflict: "cancel" })).id, holder.id);
    assert.equal((await w.job(holder.id)).state, "completed");
  },
  "cancel: a holder that would keep its key when cancelled loses it too": async (w) => {
    await holderIn(w, "available", { states: ["unfinished", "finished"] });
    const answer = await insert(w, { onConflict: "cancel", states: ["unfinished", "finished"] });
    assert.equal(answer.outcome, "replaced");
    assert.equal((await insert(w, {})).id, answer.id);
  },
  "fail: the whole call fails, names the holder, and stores nothing": async (w) => {
    const holder = await holderIn(w, "running");
    const [waiting] = await w.addMany(1, { ...make(w, { key: "w" }), id: w.make().id });
    const jobs = [
      w.make(),
      make(w, { key: "w", onConflict: "replace" }, { payload: "changed" }),
      make(w, { onConflict: "fail" }),
      w.make(),
    ];
    await assert.rejects(w.driver.insert(jobs), (error: Error & { code?: string }) => {
      assert.equal(error.code, "conflict");
      assert.match(
        error.message,
        new RegExp(`^Job ${holder.id}, which is running, has the same unique key "k"`),
      );
      return true;
    });
    assert.deepEqual((await w.list()).sort(), [holder.id, waiting].sort());
    assert.notEqual((await w.job(waiting ?? "")).payload, "changed");
  },
  "fail: two jobs of one call with the same key are a conflict; a repeated call is not": async (w) => {
    const fail = { onConflict: "fail" } as const;
    const [one, two] = [make(w, fail), make(w, fail)];
    await assert.rejects(w.driver.insert([one, two]), { code: "conflict" });
    assert.deepEqual(await w.list(), []);
    assert.equal((await w.insert(one)).outcome, "created");
    assert.deepEqual(await w.insert(one), { id: one.id, outcome: "existing", state: "available" });
  },
  "inside one call jobs contest a key one after the other": async (w) => {
    const replace = { onConflict: "replace" } as const;
    const cancel = { onConflict: "cancel" } as const;
    const jobs = [
      make(w, replace, { payload: 1 }),
      make(w, {}, { payload: 2 }),
      make(w, replace, { payload: 3 }),
      make(w, replace, { payload: 4 }),
      make(w, cancel, { payload: 5 }),
      make(w, { key: "other", onConflict: "debounce" }, delayed(SECOND)),
      make(w, replace, { payload: 6 }),
    ];
    const results = await w.driver.insert(jobs);
    const [a, e, o] = [jobs[0]?.id, jobs[4]?.id, jobs[5]?.id];
    assert.deepEqual(results.map(({ id, outcome }) => [id, outcome]), [
      [a, "created"],
      [a, "existing"],
      [a, "replaced"],
      [a, "replaced"],
      [e, "replaced"],
      [o, "created"],
      [e, "replaced"],
    ]);
    assert.deepEqual((await w.job(a ?? "")).payload, 4);
    assert.deepEqual([(await w.job(e ?? "")).payload, (await w.job(e ?? "")).state], [6, "available"]);
  },
  "many requests of one call for one key are one change": async (w) => {
    const debounce = { onConflict: "debounce" } as const;
    const jobs = Array.from({ length: 500 }, (_, n) => make(w, debounce, delayed(MINUTE, { payload: n })));
    const results = await w.driver.insert(jobs);
    assert.equal(new Set(results.map(({ id }) => id)).size, 1);
    assert.deepEqual(results.map(({ outcome }) => outcome), ["created", ...Array(499).fill("replaced")]);
    assert.equal((await w.job(jobs[0]?.id ?? "")).payload, 499);
  },
  "a follow-up contests its key together with the end of the run, whose own key is free by then": async (
    w,
  ) => {
    const run = await w.start(make(w, {}));
    const waiting = await insert(w, { key: "w" }, { payload: "old" });
    const again = make(w, { onConflict: "cancel" });
    const change = make(w, { key: "w", onConflict: "replace" }, { payload: "new" });
    const results = await w.driver.settle({
      transitions: [{
        namespace: "default",
        queue: "default",
        type: "test",
        id: run.id,
        attempt: run.attempt,
        at: T + SECOND,
        failures: 0,
        releases: 0,
        error: null,
        to: "completed",
        outcome: "completed",
        result: null,
        followUps: [again, change],
      }],
      close: [],
    });
    assert.deepEqual(results, ["applied"]);
    assert.equal((await w.job(again.id)).state, "available");
    assert.deepEqual([(await w.job(run.id)).state, (await w.job(waiting.id)).payload], ["completed", "new"]);
  },
  "an operator's retry takes a key that its holder has given up": async (w) => {
    const dead = await w.finish(doomed, make(w, {}));
    const other = await holderIn(w, "dead", { states: ["unfinished", "completed"] });
    assert.equal(await w.amend(dead, { kind: "makeAvailable" }), "applied");
    assert.equal((await insert(w, {})).id, dead.id);
    assert.equal(await w.amend(other, { kind: "makeAvailable" }), "conflict");
  },
  "an operator's retry of a job that still holds its key keeps it": async (w) => {
    const job = await holderIn(w, "completed", { states: ["unfinished", "completed"] });
    assert.equal(await w.amend(job, { kind: "makeAvailable" }), "applied");
    assert.equal((await insert(w, {})).id, job.id);
  },
  "of concurrent requests for one key exactly one makes the job, whatever the policy": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    for (const onConflict of ["keep", "replace", "debounce", "fail"] as const) {
      const results = await race(
        drivers,
        24,
        () => make(w, { key: onConflict, onConflict }, delayed(MINUTE, { type: onConflict })),
      );
      const outcomes = results.map((result) => typeof result === "string" ? result : result.outcome);
      const rest =
        { keep: "existing", replace: "replaced", debounce: "replaced", fail: "conflict" }[onConflict];
      assert.deepEqual(outcomes.toSorted(), ["created", ...Array(23).fill(rest)].toSorted(), onConflict);
      assert.equal((await w.list({ types: [onConflict] })).length, 1);
    }
  },
  "of concurrent requests that cancel each other one is left, and each of the others was displaced once":
    async (w) => {
      const drivers = [w.driver, await w.reopen(), await w.reopen()];
      const results = (await race(drivers, 20, () => make(w, { onConflict: "cancel" }))) as InsertResult[];
      const left = await w.list({ states: ["available"] });
      assert.equal(left.length, 1);
      const displaced = results.flatMap(({ displaced }) => displaced?.id ?? []);
      assert.equal(new Set(displaced).size, 19);
      assert.deepEqual([...displaced, ...left].toSorted(), results.map(({ id }) => id).toSorted());
    },
  "a key that its holder gives up goes to exactly one of those who want it": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    await holderIn(w, "dead", { states: ["unfinished", "completed"] });
    const results = await race(drivers, 18, (n) => make(w, n % 2 === 0 ? {} : { onConflict: "replace" }));
    const made = results.filter((result) => typeof result !== "string" && result.outcome === "created");
    assert.equal(made.length, 1);
    assert.equal((await w.list({ states: ["available"] })).length, 1);
  },
  "requests, claims and ends at the same time lose nothing and never give a key to two": async (w) => {
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    const policies = ["replace", "cancel", "debounce", "keep"] as const;
    const produce = async (driver: Driver, lane: number): Promise<void> => {
      for (let n = 0; n < 25; n++) {
        const onConflict = policies[(n + lane) % policies.length] ?? "keep";
        await driver.insert([
          make(w, { onConflict, states: ["unfinished"] }, delayed(1 + n % 3, { payload: n })),
        ]);
      }
    };
    const consume = async (driver: Driver): Promise<void> => {
      for (let n = 0; n < 25; n++) {
        await driver.promote(T + MINUTE, 10);
        const { jobs } = await w.claim({ limit: 2, now: T + MINUTE }, driver);
        for (const job of jobs) {
          const ended = await w.settle(job, done);
          if (ended === "cancel_requested") assert.equal(await w.settle(job, cancelled), "applied");
        }
      }
    };
    await Promise.all([...drivers.map(produce), ...drivers.slice(0, 2).map(consume)]);
    const waiting = await w.list({ states: [...WAITING_STATES, "running"] });
    assert.ok(waiting.length <= 1, `${waiting.length} jobs have the key`);
    await w.driver.promote(T + DAY, 10);
    assert.deepEqual(await w.claimIds({ now: T + DAY }), waiting);
  },
};

/** Inserts jobs one by one, all at the same time over several drivers; a refusal counts by its code. */
async function race(
  drivers: Driver[],
  count: number,
  job: (n: number) => NewJob,
): Promise<(InsertResult | string)[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      try {
        const [result] = await (drivers[n % drivers.length] as Driver).insert([job(n)]);
        return result as InsertResult;
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    }),
  );
}
