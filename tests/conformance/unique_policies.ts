import assert from "node:assert/strict";
import type { NewJob } from "../../src/domain/job.ts";
import { FINAL_STATES } from "../../src/domain/states.ts";
import { CONFLICT_POLICIES, type UniqueOptions } from "../../src/domain/unique.ts";
import { delayed, HELD, holderIn, HOUR, insert, make } from "./unique_world.ts";
import { type Chapter, done, doomed, failed, MINUTE, snoozed, T, type World } from "./world.ts";

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
};
