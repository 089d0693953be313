import assert from "node:assert/strict";
import { JobdError } from "../../src/domain/errors.ts";
import type { NewJob } from "../../src/domain/job.ts";
import { Jobd } from "../../src/runtime/jobd.ts";
import { keptOpen } from "../../src/storage/intercept.ts";
import { type Chapter, done, MINUTE, T, type World } from "./world.ts";

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
  "one is made before its first job, shown with what is in it, and removed when it is empty": async (w) => {
    await using jobd = await open(w);
    const { name, queues } = await jobd.namespaces.create("acme");
    assert.deepEqual([name, queues], ["acme", 1]);
    await assert.rejects(jobd.namespaces.create("acme"), { code: "conflict" });
    await assert.rejects(jobd.namespaces.create("jobd.x"), { code: "invalid_request" });
    await using acme = await jobd.forNamespace("acme");
    await acme.enqueueMany([{ type: "a" }, { type: "a", queue: "q", delay: "1h" }]);
    await acme.schedules.create("nightly", { cron: "0 3 * * *" });
    const { counts, capped, schedules, ...rest } = await jobd.namespaces.get("acme");
    assert.deepEqual([counts, capped, schedules, rest.queues], [{ available: 1, scheduled: 1 }, [], 1, 2]);
    await assert.rejects(jobd.namespaces.get("nobody"), { code: "not_found" });
    await assert.rejects(jobd.namespaces.delete("nobody"), { code: "not_found" });
    await assert.rejects(jobd.namespaces.delete("acme"), (error: JobdError) =>
      error.code === "conflict" &&
      /not empty: jobs in queue "default"; jobs in queue "q"; schedules: nightly$/.test(error.message));
    assert.equal((await acme.queues.list()).length, 2, "nothing was removed");
    await jobd.namespaces.create("empty");
    const gone = await jobd.namespaces.delete("empty");
    assert.deepEqual(gone, { deleted: 0, queues: ["default"], schedules: [], tokens: [] });
  },
  "one is removed by force with jobs, schedules, limits and tokens; others stay; a later job makes it anew":
    async (
      w,
    ) => {
      await using jobd = await open(w);
      await using acme = await jobd.forNamespace("acme");
      await jobd.enqueue({ type: "a" });
      await acme.enqueueMany([{ type: "a" }, { type: "a", queue: "q" }]);
      await acme.schedules.create("nightly", { cron: "0 3 * * *", job: { type: "a" } });
      await acme.limits.set({ type: "a", concurrency: 1 });
      const { secret } = await jobd.tokens.create("theirs", { role: "admin", namespace: "acme" });
      const told: number[] = [];
      const report = await jobd.namespaces.delete("acme", {
        force: true,
        onProgress: (done) => void told.push(done),
      });
      assert.deepEqual(report, {
        deleted: 2,
        queues: ["default", "q"],
        schedules: ["nightly"],
        tokens: ["theirs"],
      });
      assert.equal(told.at(-1), 2);
      assert.deepEqual((await jobd.namespaces.list()).map(({ name }) => name), ["default"]);
      assert.deepEqual([await w.driver.limits("acme"), (await acme.schedules.list()).length], [[], 0]);
      assert.equal(await jobd.tokens.find(secret), undefined);
      assert.equal((await Array.fromAsync(jobd.jobs.list())).length, 1);
      await assert.rejects(jobd.namespaces.delete("acme", { force: true }), { code: "not_found" });
      await acme.enqueue({ type: "a" });
      assert.deepEqual((await jobd.namespaces.get("acme")).counts, { available: 1 });
    },
};

function open(w: World): Promise<Jobd> {
  return Jobd.open(keptOpen(w.driver));
}
