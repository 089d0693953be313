import assert from "node:assert/strict";
import { delayed, holderIn, HOUR, insert, make } from "./unique_world.ts";
import { answerTo, ask } from "./waits.ts";
import { cancelled, type Chapter, DAY, done, doomed, failed, MINUTE, parkedAt, SECOND, T } from "./world.ts";

/** What each policy does to the holder of the key. */
export const uniqueConflictsChapter: Chapter = {
  "replace: the waiting job becomes what the request says, under its own id": async (w) => {
    const holder = await w.add({ ...make(w, {}, { payload: { n: 1 }, runAt: T + HOUR }), priority: 3 });
    const request = make(w, { onConflict: "replace" }, {
      payload: null,
      priority: 7,
      maxAttempts: 9,
      createdAt: T + MINUTE,
      runAt: T + 2 * MINUTE,
      expireAt: T + DAY,
      options: { timeoutMs: 5, ttlMs: DAY, tags: ["t"], meta: { m: 1 }, headers: { h: "1" }, origin: "o" },
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
  "replace: a job that waits for an answer waits on, with what the request says": async (w) => {
    const job = await w.start(make(w, {}));
    await ask(w, job);
    await w.settle(job, parkedAt("approval"));
    const { id, state } = await insert(w, { onConflict: "replace" }, { payload: 2, priority: 5, runAt: T });
    assert.deepEqual([id, state], [job.id, "blocked"]);
    const parked = await w.job(id);
    assert.deepEqual([parked.waitingFor, parked.payload, parked.priority], ["approval", 2, 5]);
    assert.deepEqual(await w.claimIds(), []);
    assert.equal(await w.amend(parked, answerTo("approval")), "applied");
    assert.deepEqual(await w.claimIds(), [id]);
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
};
