/** Queues are drained and deleted, whatever is in them and whoever goes on using them, on all backends. */
import assert from "node:assert/strict";
import { type Job, Jobd, JobdError, type JobState } from "../../src/mod.ts";
import { intercepted } from "../../src/storage/intercept.ts";
import { untilStopped } from "../../src/testing/mod.ts";
import { openMemoryStore, openSqliteStore } from "../conformance/backends.ts";
import type { OpenStore, Store } from "../conformance/store.ts";
import { openPostgresStore } from "../storage/postgres_store.ts";

const refusal = (code: string, message: RegExp) => (error: unknown): boolean =>
  error instanceof JobdError && error.code === code && message.test(error.message);

interface Site {
  jobd: Jobd;
  store: Store;
  /** The states of all jobs of a queue. */
  states(queue: string): Promise<JobState[]>;
  /** Waits for a condition. */
  until(what: () => Promise<boolean>): Promise<void>;
  /** A worker whose jobs of type `slow` run until they are told to stop, those of type `deaf` until `finish` is called. */
  work(): Promise<AsyncDisposable & { finish(): void }>;
}

function siteOf(store: Store, jobd: Jobd): Site {
  return {
    jobd,
    store,
    states: async (queue) =>
      (await Array.fromAsync(jobd.jobs.list({ queue }))).map(({ state }) => state).toSorted(),
    async until(what) {
      while (!await what()) await new Promise((done) => setTimeout(done, 5));
    },
    async work() {
      const finished = Promise.withResolvers<void>();
      const worker = jobd.worker({
        handlers: {
          slow: (_, context) => untilStopped(context),
          deaf: () => finished.promise,
          bad: () => Promise.reject(new Error("no")),
          ok: () => 1,
        },
      });
      await worker.start();
      return {
        finish: () => finished.resolve(),
        [Symbol.asyncDispose]: () => {
          finished.resolve();
          return worker.stop();
        },
      };
    },
  };
}

/** A job in each state that a queue can have them in, but running. */
async function fill({ jobd, until, work, states }: Site, queue: string): Promise<void> {
  await jobd.enqueueMany([
    { type: "bad", queue, maxAttempts: 1 },
    { type: "ok", queue },
    { type: "nobody", queue, ttl: "1ms", delay: "1h" },
  ]);
  const { id } = await jobd.enqueue({ type: "nobody", queue, delay: "1h" });
  await jobd.jobs.cancel(id);
  {
    await using _worker = await work();
    await until(async () => (await states(queue)).join() === "cancelled,completed,dead,expired");
  }
  const parent = await jobd.enqueue({ type: "nobody", queue, delay: "1h" });
  await jobd.enqueueMany([{ type: "nobody", queue }, { type: "nobody", queue, after: [parent.id] }]);
}

const FULL = ["available", "blocked", "cancelled", "completed", "dead", "expired", "scheduled"];

const TESTS: Record<string, (site: Site) => Promise<void>> = {
  "drain cancels what waits, once, and nothing else": async (site) => {
    const { jobd, states } = site;
    await fill(site, "q");
    await jobd.enqueue({ type: "nobody", queue: "other" });
    const told: number[] = [];
    assert.deepEqual(
      await jobd.queues.drain("q", { state: "scheduled", onProgress: (done) => void told.push(done) }),
      { cancelled: 1, running: 0 },
    );
    assert.deepEqual(told, [1]);
    assert.deepEqual(await jobd.queues.drain("q", { state: ["blocked", "available"] }), {
      cancelled: 2,
      running: 0,
    });
    assert.deepEqual(await jobd.queues.drain("q"), { cancelled: 0, running: 0 });
    assert.deepEqual(await states("q"), [
      ...Array.from({ length: 4 }, () => "cancelled"),
      "completed",
      "dead",
      "expired",
    ]);
    assert.deepEqual(await states("other"), ["available"]);
    assert.equal((await jobd.queues.get("q")).pausedAt, null);
    await assert.rejects(jobd.queues.drain("none"), refusal("not_found", /no queue "none"/));
    await assert.rejects(
      jobd.queues.drain("q", { state: "running" as "available" }),
      refusal("invalid_request", /Invalid state: "running" is not scheduled, blocked, available/),
    );
  },
  "drain leaves running jobs alone, and waits for them if wanted": async ({ jobd, until, work, states }) => {
    await using worker = await work();
    const { id } = await jobd.enqueue({ type: "deaf", queue: "q" });
    await until(async () => (await jobd.jobs.get(id)).state === "running");
    await jobd.enqueue({ type: "nobody", queue: "q" });
    assert.deepEqual(await jobd.queues.drain("q"), { cancelled: 1, running: 1 });
    await assert.rejects(
      jobd.queues.drain("q", { wait: true, timeoutMs: 1 }),
      refusal("timed_out", new RegExp(`1 job runs still: ${id}`)),
    );
    const drained = jobd.queues.drain("q", { wait: true });
    worker.finish();
    assert.deepEqual(await drained, { cancelled: 0, running: 0 });
    assert.deepEqual(await states("q"), ["cancelled", "completed"]);
  },
  "a queue with jobs is not deleted, and it is said what they are": async (site) => {
    const { jobd, states } = site;
    await fill(site, "q");
    await assert.rejects(
      jobd.queues.delete("q"),
      refusal(
        "conflict",
        /not empty: 1 available, 1 blocked, 1 cancelled, 1 dead, 1 expired, 1 scheduled, completed jobs$/,
      ),
    );
    assert.deepEqual(await states("q"), FULL);
    assert.equal((await jobd.queues.get("q")).pausedAt, null);
    await jobd.jobs.delete({
      queue: "q",
      state: FULL.filter((state) => state !== "completed") as JobState[],
    });
    await assert.rejects(jobd.queues.delete("q"), refusal("conflict", /not empty: completed jobs$/));
    await jobd.jobs.delete({ queue: "q" });
    assert.deepEqual(await jobd.queues.delete("q"), { deleted: 0, schedules: [] });
    await assert.rejects(jobd.queues.get("q"), refusal("not_found", /no queue "q"/));
    await assert.rejects(jobd.queues.delete("q"), refusal("not_found", /no queue "q"/));
  },
  "by force a queue goes with its jobs, settings and limits; its name, statistics and neighbours stay":
    async (site) => {
      const { jobd, states } = site;
      await fill(site, "q");
      await fill(site, "other");
      await jobd.queues.update("q", { maxAttempts: 9 });
      for (const queue of ["q", "other"]) {
        await jobd.limits.set({ queue, concurrency: 1 });
        await jobd.limits.set({ queue, key: "*", concurrency: 1 });
      }
      await jobd.limits.set({ type: "q", concurrency: 1 });
      const elsewhere = await jobd.enqueue({
        type: "nobody",
        queue: "other",
        after: {
          jobs: [(await jobd.enqueue({ type: "nobody", queue: "q", delay: "1h" })).id],
          onFailure: "run",
        },
      });
      const before = (await jobd.stats()).rows.filter(({ queue }) => queue === "q");
      assert.deepEqual(await jobd.queues.delete("q", { force: true }), { deleted: 8, schedules: [] });
      assert.deepEqual(await states("q"), []);
      assert.deepEqual((await jobd.queues.list()).map(({ name }) => name), ["other"]);
      assert.deepEqual(
        (await jobd.limits.list()).map(({ target, name, key }) => `${target} ${name} ${key}`),
        [
          "queue other ",
          "queue other *",
          "type q ",
        ],
      );
      assert.deepEqual(await states("other"), [...FULL, "blocked"].toSorted());
      assert.equal((await jobd.jobs.get(elsewhere.id)).queue, "other");
      assert.deepEqual((await jobd.stats()).rows.filter(({ queue }) => queue === "q"), before);
      const { id } = await jobd.enqueue({ type: "nobody", queue: "q" });
      assert.deepEqual((await jobd.queues.get("q")).settings, {});
      assert.equal((await jobd.jobs.get(id)).queue, "q");
    },
  "running jobs are told to stop, and waited for; then they go too": async (
    { jobd, until, work, states },
  ) => {
    await using _worker = await work();
    const made = await jobd.enqueueMany(Array.from({ length: 5 }, () => ({ type: "slow", queue: "q" })));
    await until(async () => (await states("q")).every((state) => state === "running"));
    await jobd.enqueue({ type: "nobody", queue: "q" });
    assert.deepEqual(await jobd.queues.delete("q", { force: true }), { deleted: 6, schedules: [] });
    await assert.rejects(jobd.jobs.get(made[0]!.id), refusal("not_found", /no job/));
    assert.deepEqual((await jobd.queues.list()).map(({ name }) => name), []);
  },
  "a job that does not stop keeps its queue, paused; another call goes on": async (
    { jobd, until, work, states },
  ) => {
    await using worker = await work();
    const { id } = await jobd.enqueue({ type: "deaf", queue: "q" });
    await until(async () => (await jobd.jobs.get(id)).state === "running");
    await jobd.enqueueMany([{ type: "nobody", queue: "q" }, { type: "nobody", queue: "q", delay: "1h" }]);
    await assert.rejects(
      jobd.queues.delete("q", { force: true, timeoutMs: 1 }),
      refusal("timed_out", new RegExp(`1 job runs still: ${id}`)),
    );
    const job: Job = await jobd.jobs.get(id);
    assert.deepEqual([await states("q"), job.cancelRequestedAt !== null], [["running"], true]);
    assert.notEqual((await jobd.queues.get("q")).pausedAt, null);
    const removed = jobd.queues.delete("q", { force: true });
    worker.finish();
    assert.deepEqual(await removed, { deleted: 1, schedules: [] });
    assert.deepEqual(await jobd.queues.list(), []);
  },
  "schedules are in the way of a queue; by force they make it again": async ({ jobd }) => {
    for (const name of ["a", "b"]) {
      await jobd.schedules.create(name, { every: "1h", job: { type: "x", queue: "q" } });
    }
    await jobd.schedules.create("other", { every: "1h", job: { type: "x" } });
    await jobd.schedules.create("events", { every: "1h" });
    await jobd.queues.create("q");
    await assert.rejects(jobd.queues.delete("q"), refusal("conflict", /used by schedules: a, b$/));
    assert.deepEqual(await jobd.queues.delete("q", { force: true }), { deleted: 0, schedules: ["a", "b"] });
    await jobd.schedules.run("a");
    assert.deepEqual((await jobd.queues.list()).map(({ name }) => name), ["q"]);
    assert.deepEqual((await jobd.schedules.list()).length, 4);
  },
  "broken off anywhere, it is begun again and loses nothing that is not meant": async ({ jobd, store }) => {
    const made = await jobd.enqueueMany(
      Array.from(
        { length: 900 },
        (_, n) => ({ queue: n % 2 === 0 ? "q" : "other", delay: n % 3 === 0 ? "1h" : 0 }),
      ),
    );
    const steps = ["list", "amend", "removeLimit", "removeQueue", "updateQueue"] as const;
    await jobd.limits.set({ queue: "q", concurrency: 1 });
    let calls = 0;
    let broken = 0;
    for (let failAt = 1;; failAt += 3) {
      calls = 0;
      const dying = await Jobd.open(intercepted(store.driver, ({ method, effect }) => {
        if (!(steps as readonly string[]).includes(method)) return effect();
        calls += 1;
        return calls === failAt ? Promise.reject(new Error("killed")) : effect();
      }));
      const gone = await dying.queues.delete("q", { force: true }).then(() => true, (error: unknown) => {
        if (refusal("not_found", /no queue/)(error)) return true;
        assert.match(String(error), /killed/);
        return false;
      });
      if (gone) break;
      broken += 1;
    }
    assert.ok(broken > 3, String(broken));
    assert.deepEqual((await jobd.queues.list()).map(({ name }) => name), ["other"]);
    const left = await Array.fromAsync(jobd.jobs.list());
    assert.deepEqual(
      left.map(({ id }) => id).toSorted(),
      made.filter((_, n) => n % 2 === 1).map(({ id }) => id).toSorted(),
    );
  },
  "jobs that are enqueued meanwhile go with the queue or make it anew; none is lost or hidden": async (
    { jobd, store },
  ) => {
    const other = await Jobd.open(await store.reopen());
    try {
      for (let round = 0; round < 10; round++) {
        await jobd.enqueueMany(Array.from({ length: 20 }, () => ({ queue: "q" })));
        let stop = false;
        const produced: string[] = [];
        const producing = (async () => {
          while (!stop) {
            const delay = produced.length % 2 === 0 ? 0 : "1h";
            produced.push((await other.enqueue({ queue: "q", type: "late", delay })).id);
          }
        })();
        await jobd.queues.delete("q", { force: true });
        stop = true;
        await producing;
        const left = await Array.fromAsync(jobd.jobs.list({ queue: "q" }));
        const names = (await jobd.queues.list()).map(({ name, pausedAt }) => `${name} ${pausedAt}`);
        assert.deepEqual(names, left.length === 0 ? [] : ["q null"], `round ${round}`);
        // Those that are left are the last ones.
        assert.deepEqual(
          left.map(({ id }) => id).toSorted(),
          left.length === 0 ? [] : produced.slice(-left.length).toSorted(),
        );
      }
    } finally {
      if (other.backend !== "memory") await other.close();
    }
  },
};

const STORES: Record<string, OpenStore> = {
  memory: openMemoryStore,
  sqlite: openSqliteStore,
  postgres: () => openPostgresStore({}, "newest"),
};

for (const [backend, open] of Object.entries(STORES)) {
  for (const [title, body] of Object.entries(TESTS)) {
    Deno.test(`${backend}: ${title}`, async () => {
      await using store = await open();
      await body(siteOf(store, await Jobd.open(store.driver)));
    });
  }
}
