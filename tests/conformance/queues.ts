import assert from "node:assert/strict";
import { type Chapter, done, MINUTE, released, T } from "./world.ts";

export const queuesChapter: Chapter = {
  "a queue can be made before it has jobs, with settings": async (w) => {
    const settings = {
      maxAttempts: 9,
      backoff: { baseMs: 1, maxMs: 2, jitter: "none" },
      timeoutMs: 3,
      ttlMs: 5,
      retentionMs: { dead: 4 },
    } as const;
    const queue = await w.driver.updateQueue({ namespace: "default", name: "mail", at: T, settings });
    assert.deepEqual(queue, { namespace: "default", name: "mail", pausedAt: null, createdAt: T, settings });
    assert.deepEqual(await w.driver.queues("default"), [queue]);
    assert.deepEqual(await w.driver.queues("other"), []);
  },
  "settings replace the old ones; what is not named stays": async (w) => {
    const update = (change: object, at = T): Promise<unknown> =>
      w.driver.updateQueue({ namespace: "default", name: "q", at, ...change });
    await update({ settings: { maxAttempts: 9 }, pausedAt: T });
    const first = { namespace: "default", name: "q", createdAt: T };
    assert.deepEqual(await update({ settings: { timeoutMs: 5 } }, T + 1), {
      ...first,
      pausedAt: T,
      settings: { timeoutMs: 5 },
    });
    assert.deepEqual(await update({ pausedAt: null }, T + 2), {
      ...first,
      pausedAt: null,
      settings: { timeoutMs: 5 },
    });
    assert.deepEqual(await update({}, T + 3), { ...first, pausedAt: null, settings: { timeoutMs: 5 } });
  },
  "namespaces are told by their queues": async (w) => {
    assert.deepEqual(await w.driver.namespaces(), []);
    await w.insert(w.make({ namespace: "b", queue: "x", createdAt: T + MINUTE }));
    await w.insert(w.make({ namespace: "b", queue: "y", createdAt: T + 2 * MINUTE }));
    await w.driver.updateQueue({ namespace: "B", name: "x", at: T });
    assert.deepEqual(await w.driver.namespaces(), [
      { name: "B", queues: 1, createdAt: T },
      { name: "b", queues: 2, createdAt: T + MINUTE },
    ]);
  },
  "queues are in the order of their names, letter by letter": async (w) => {
    const names = ["b", "B", "a-b", "a.b", "a_b", "a", "10", "9", "ab", "Z"];
    for (const name of names) await w.driver.updateQueue({ namespace: "default", name, at: T });
    assert.deepEqual((await w.driver.queues("default")).map(({ name }) => name), names.toSorted());
  },
  "a paused queue gives nothing until it is resumed": async (w) => {
    const { id } = await w.add({ queue: "q" });
    const other = await w.add({ queue: "r" });
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: T });
    assert.deepEqual(await w.claimIds({ queues: ["q"] }), []);
    assert.deepEqual(await w.claimIds(), [other.id]);
    const [later] = await w.addMany(1, { queue: "q" });
    assert.deepEqual(await w.claimIds({ queues: ["q", "r"] }), []);
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: null });
    assert.deepEqual(await w.claimIds(), [id, later]);
  },
  "a queue that is resumed is the first again, also for a claim that always finds enough elsewhere": async (
    w,
  ) => {
    const [urgent] = await w.addMany(1, { queue: "a", priority: 3 });
    const others = await w.addMany(3, { queue: "b" });
    const set = (pausedAt: number | null) =>
      w.driver.updateQueue({ namespace: "default", name: "a", at: T, pausedAt });
    await set(T);
    assert.deepEqual(await w.claimIds({ limit: 1 }), [others[0]]);
    await set(null);
    assert.deepEqual(await w.claimIds({ limit: 1 }), [urgent]);
    assert.deepEqual(await w.claimIds({ limit: 2 }), others.slice(1));
  },
  "once a pause is answered, no job of the queue starts on any connection": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    await w.addMany(200, { queue: "q" });
    await w.claim({}, drivers[1]);
    let paused = false;
    const claimer = async (n: number): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const asked = paused;
        const { jobs } = await w.claim({ worker: `w${n}` }, drivers[n % 2]);
        if (asked) assert.deepEqual(jobs, []);
      }
    };
    const pause = async (): Promise<void> => {
      await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: T });
      paused = true;
    };
    await Promise.all([claimer(0), claimer(1), claimer(2), pause(), claimer(3)]);
    assert.deepEqual(await w.claimIds({}), []);
  },
  "a pause touches neither running jobs nor promotion": async (w) => {
    const job = await w.start({ queue: "q" });
    const delayed = await w.add({ queue: "q", runAt: T + MINUTE });
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: T });
    assert.equal((await w.driver.promote(T + MINUTE, 10)).promoted, 1);
    assert.equal((await w.job(delayed.id)).state, "available");
    assert.equal(await w.settle(job, released), "applied");
    assert.deepEqual(await w.claimIds(), []);
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: null });
    for (const id of [delayed.id, job.id]) {
      const next = await w.claimOne();
      assert.equal(next.id, id);
      assert.equal(await w.settle(next, done), "applied");
    }
  },
  "a queue that is removed is gone with its settings and its pause, until a job comes": async (w) => {
    const q = { namespace: "default", name: "q" };
    const other = { namespace: "other", name: "q" };
    for (const queue of [q, other]) {
      await w.driver.updateQueue({ ...queue, at: T, settings: { maxAttempts: 9 }, pausedAt: T });
    }
    assert.equal(await w.driver.removeQueue(q, T + 1), true);
    assert.deepEqual(await w.driver.queues("default"), []);
    assert.deepEqual((await w.driver.namespaces()).map(({ name }) => name), ["other"]);
    assert.equal(await w.driver.removeQueue(q, T + 2), false);
    assert.equal(await w.driver.removeQueue({ namespace: "default", name: "never" }, T + 2), false);
    const { id } = await w.add({ queue: "q", createdAt: T + 3, runAt: T + 3 });
    const fresh = { ...q, pausedAt: null, createdAt: T + 3, settings: {} };
    assert.deepEqual(await w.driver.queues("default"), [fresh]);
    assert.deepEqual(await w.claimIds(), [id]);
    assert.deepEqual(await w.driver.queues("default"), [fresh], "it does not depend on what its jobs do");
    const [left] = await w.driver.queues("other");
    assert.deepEqual([left?.settings, left?.pausedAt], [{ maxAttempts: 9 }, T]);
  },
  "a job that waits for a time, follows another, has a key, or is moved makes its queue anew as well": async (
    w,
  ) => {
    const listed = async (): Promise<string[]> =>
      (await w.driver.queues("default")).map(({ name }) => name).filter((name) => name !== "else");
    const remove = () => w.driver.removeQueue({ namespace: "default", name: "q" }, T);
    const comes = async (come: () => Promise<unknown>): Promise<void> => {
      assert.equal(await remove(), true);
      assert.deepEqual(await listed(), []);
      await come();
      assert.deepEqual(await listed(), ["q"]);
    };
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T });
    await comes(() => w.add({ queue: "q", runAt: T + MINUTE }));
    const parent = await w.add({ queue: "else" });
    await comes(() => w.add({ queue: "q", options: { after: { jobs: [parent.id] } } }));
    await comes(() => w.add({ queue: "q", runAt: T + MINUTE, options: { uniqueKey: "k" } }));
    await comes(() =>
      w.add({
        queue: "q",
        type: "u",
        runAt: T + MINUTE,
        options: { unique: { key: "k", onConflict: "replace" } },
      })
    );
    const moved = await w.add({ queue: "else", runAt: T + MINUTE });
    await comes(() =>
      w.driver.amend([{
        id: moved.id,
        from: "scheduled",
        attempt: 0,
        at: T,
        change: { kind: "replace", set: { queue: "q" } },
      }])
    );
    await comes(() => w.driver.updateQueue({ namespace: "default", name: "q", at: T }));
    // A job that was there before, and does not come in.
    assert.equal(await remove(), true);
    const again = await w.insert(w.make({ id: moved.id, queue: "q" }));
    assert.deepEqual([again.outcome, await listed()], ["existing", []]);
  },
  "what is in a queue when it is removed stays as it is, and is found under its name": async (w) => {
    const running = await w.start({ queue: "q" });
    const later = await w.add({ queue: "q", runAt: T + MINUTE });
    assert.equal(await w.driver.removeQueue({ namespace: "default", name: "q" }, T), true);
    assert.deepEqual([(await w.job(running.id)).state, (await w.job(later.id)).queue], ["running", "q"]);
    assert.deepEqual(
      (await w.driver.counts("default", 10)).map(({ queue, state }) => `${queue} ${state}`),
      ["q running", "q scheduled"],
    );
    assert.equal(await w.settle(running, done), "applied");
    await w.driver.promote(T + MINUTE, 10);
    // An available job shows its queue, whenever it came.
    assert.deepEqual((await w.driver.queues("default")).map(({ name }) => name), ["q"]);
    assert.equal((await w.claimOne()).id, later.id);
  },
  "a process that knows the queue from before its removal enqueues into it like any other": async (w) => {
    const other = await w.reopen();
    await w.insert(w.make({ queue: "q" }));
    await other.insert([w.make({ queue: "q" })]);
    const ids = await w.claimIds();
    assert.equal(ids.length, 2);
    await w.driver.removeQueue({ namespace: "default", name: "q" }, T);
    const late = w.make({ queue: "q" });
    await other.insert([late]);
    assert.deepEqual((await other.queues("default")).map(({ name }) => name), ["q"]);
    assert.deepEqual(await w.claimIds({ queues: ["q"] }), [late.id]);
  },
  "a queue of the same name in another namespace is another queue": async (w) => {
    const mine = await w.add({ queue: "q" });
    const theirs = await w.add({ queue: "q", namespace: "other" });
    await w.driver.updateQueue({ namespace: "default", name: "q", at: T, pausedAt: T });
    assert.deepEqual(await w.claimIds(), []);
    assert.deepEqual(await w.claimIds({ namespace: "other" }), [theirs.id]);
    assert.equal((await w.job(mine.id)).state, "available");
  },
};
