import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import type { NewJob } from "../../src/domain/job.ts";
import { type Chapter, done, MINUTE, T } from "./world.ts";

const MINE = { namespace: "default" };
const THEIRS = { namespace: "other" };
const unknownParent = (error: unknown): boolean =>
  error instanceof JobdError && error.code === "invalid_request" &&
  /is to wait for job .* which does not exist$/.test(error.message);

export const namespacesChapter: Chapter = {
  "a claim takes jobs of its namespace only, also those that wait at limits": async (w) => {
    const limit = { target: "queue", name: "q", key: "" } as const;
    for (const each of [MINE, THEIRS]) {
      await w.driver.saveLimit({
        ...each,
        ...limit,
        settings: { concurrency: 1 },
        pausedAt: null,
        source: "operator",
      }, T);
    }
    const [mine, theirs] = [await w.add({ queue: "q", ...MINE }), await w.add({ queue: "q", ...THEIRS })];
    assert.deepEqual(await w.claimIds({ ...THEIRS }), [theirs.id]);
    assert.deepEqual(await w.claimIds({ ...THEIRS }), []);
    assert.deepEqual(await w.claimIds({ ...MINE }), [mine.id]);
    assert.deepEqual((await w.driver.limits("default")).map(({ namespace }) => namespace), ["default"]);
    assert.equal(await w.driver.removeLimit({ ...THEIRS, ...limit }, T), true);
    assert.equal((await w.driver.limits("default")).length, 1);
  },
  "the same unique key is another one in another namespace, whatever its scope": async (w) => {
    for (const scope of ["type", "queue", "namespace"] as const) {
      const options = { unique: { key: "k", ...(scope === "type" ? {} : { scope }) } };
      const outcomes = [];
      for (const each of [MINE, THEIRS, MINE, THEIRS]) {
        outcomes.push((await w.insert(w.make({ ...each, type: scope, options }))).outcome);
      }
      assert.deepEqual(outcomes, ["created", "created", "existing", "existing"], scope);
    }
  },
  "a job of another namespace is no parent, neither one that is there nor one of the same call": async (
    w,
  ) => {
    const child = (parent: NewJob): NewJob => w.make({ ...MINE, options: { after: { jobs: [parent.id] } } });
    const there = w.make(THEIRS);
    await w.insert(there);
    await assert.rejects(w.driver.insert([child(there)]), unknownParent);
    const sameCall = w.make(THEIRS);
    await assert.rejects(w.driver.insert([sameCall, child(sameCall)]), unknownParent);
    assert.deepEqual(await w.driver.get([sameCall.id]), [], "all or none");
    const families = [MINE, THEIRS].flatMap((each): NewJob[] => {
      const parent = w.make(each);
      return [parent, w.make({ ...each, options: { after: { jobs: [parent.id] } } })];
    });
    assert.deepEqual((await w.driver.insert(families)).map(({ state }) => state), [
      "available",
      "blocked",
      "available",
      "blocked",
    ]);
  },
  "lists, counts, attempts and statistics are of one namespace": async (w) => {
    const job = await w.start({ queue: "q", ...THEIRS }, THEIRS);
    assert.equal(await w.settle(job, done), "applied");
    await w.add({ queue: "q", ...THEIRS });
    await w.driver.addStats([{
      minute: T - T % MINUTE,
      ...THEIRS,
      queue: "q",
      type: "x",
      outcome: "completed",
      count: 1,
      wait: [1],
      run: [1],
    }]);
    for (const [{ namespace }, some] of [[MINE, 0], [THEIRS, 1]] as const) {
      assert.equal((await w.driver.list({ namespace, limit: 10 })).items.length, 2 * some);
      assert.equal((await w.driver.counts(namespace, 10)).length, some);
      assert.equal((await w.driver.queues(namespace)).length, some);
      assert.equal((await w.driver.listExecutions({ namespace, limit: 10 })).items.length, some);
      assert.equal((await w.driver.stats({ namespace, from: 0, to: T + MINUTE })).length, some);
    }
  },
};
