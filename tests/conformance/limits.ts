import assert from "node:assert/strict";
import { RECHECK_MS } from "../../src/domain/admission.ts";
import type { Job } from "../../src/domain/job.ts";
import { EACH_KEY, limitName } from "../../src/domain/limit.ts";
import { DEFAULT_RETENTION } from "../../src/domain/queue.ts";
import { addJobs, begin, finish, limit, next, states } from "./limits_world.ts";
import { type Chapter, done, LEASE, lost, MINUTE, released, SECOND, T } from "./world.ts";

export const limitsChapter: Chapter = {
  "limits are kept by target, name and key": async (w) => {
    const rate = { limit: 5, perMs: MINUTE, burst: 10 };
    const all = [
      await limit(w, { concurrency: 3 }, { queue: "q" }),
      await limit(w, {}, { pausedAt: T }),
      await limit(w, { concurrency: 1, rate }, { key: EACH_KEY }),
    ];
    assert.deepEqual(await w.driver.limits("default"), all);
    assert.deepEqual(await w.driver.limits("other"), []);
    const changed = await limit(w, { concurrency: 9 }, { queue: "q" });
    assert.deepEqual((await w.driver.limits("default"))[0], changed);
    assert.equal(await w.driver.removeLimit(limitName("default", { queue: "q" }), T), true);
    assert.equal(await w.driver.removeLimit(limitName("default", { queue: "q" }), T), false);
    assert.equal((await w.driver.limits("default")).length, 2);
  },
  "a limit in code does not replace that of an operator": async (w) => {
    await limit(w, { concurrency: 1 }, { source: "code" });
    await limit(w, { concurrency: 2 }, { source: "code" });
    const operators = await limit(w, { concurrency: 3 });
    assert.deepEqual(await limit(w, { concurrency: 4 }, { source: "code" }), operators);
    assert.deepEqual(await w.driver.limits("default"), [operators]);
  },
  "of a type with a concurrency so many run; each end lets the next one start": async (w) => {
    await limit(w, { concurrency: 2 });
    const ids = await addJobs(w, 5);
    const { started, parked } = await begin(w);
    assert.deepEqual([started, parked], [ids.slice(0, 2), ids.slice(2)]);
    assert.deepEqual(await states(w, ids), ["running", "running", "blocked", "blocked", "blocked"]);
    assert.deepEqual(await next(w), []);
    for (const [at, id] of ids.entries()) {
      await finish(w, id);
      assert.deepEqual(await next(w), ids.slice(at + 2, at + 3));
    }
    assert.deepEqual(new Set(await states(w, ids)), new Set(["completed"]));
  },
  "a job that waited runs like any other: attempt, worker, lease": async (w) => {
    await limit(w, { concurrency: 1 });
    const [first = "", second = ""] = await addJobs(w, 2);
    await begin(w);
    const waiting = await w.job(second);
    assert.deepEqual([waiting.state, waiting.attempt, waiting.leaseId, waiting.failures], [
      "blocked",
      1,
      null,
      0,
    ]);
    await finish(w, first);
    const request = { worker: "w2", namespace: "default", queues: "all", types: "all", limit: 1 } as const;
    const claim = await w.driver.claimParked({ ...request, now: T + SECOND, expiresAt: T + LEASE });
    const running = await w.job(second);
    assert.deepEqual(claim.jobs, [running]);
    assert.deepEqual(
      [running.state, running.attempt, running.worker, running.leaseId, running.startedAt],
      ["running", 2, "w2", claim.leaseId, T + SECOND],
    );
    await w.settle(running, done);
    assert.equal((await w.job(second)).state, "completed");
    assert.deepEqual((await w.driver.executions(second)).map(({ attempt }) => attempt), [2]);
  },
  "jobs without limits pass; other types and namespaces do not count": async (w) => {
    await limit(w, { concurrency: 1 });
    const others = await w.addMany(3, { type: "free" });
    const ids = await addJobs(w, 2);
    assert.deepEqual(await begin(w), { started: [...others, ids[0]], parked: [ids[1]] });
  },
  "with a limit for each key, keys do not stand in each other's way": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    await limit(w, { concurrency: 2 }, { key: "big" });
    const a = await addJobs(w, 2, "a");
    const b = await addJobs(w, 1, "b");
    const big = await addJobs(w, 3, "big");
    const none = await addJobs(w, 2);
    const { started, parked } = await begin(w);
    assert.deepEqual(started, [a[0], b[0], big[0], big[1], ...none]);
    assert.deepEqual(parked, [a[1], big[2]]);
    await finish(w, big[0] ?? "");
    assert.deepEqual(await next(w), [big[2]]);
  },
  "a job passes all its limits or none": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    await limit(w, { concurrency: 2 }, { queue: "q" });
    const over = { queue: "q" };
    const a = await addJobs(w, 2, "a", over);
    const b = await addJobs(w, 1, "b", over);
    const c = await addJobs(w, 1, "c", over);
    assert.deepEqual(await begin(w), { started: [a[0], b[0]], parked: [a[1], c[0]] });
    await finish(w, a[0] ?? "");
    // The queue has room for one; a waits at its key, c at the queue.
    assert.equal((await next(w)).length, 1);
    assert.deepEqual(await next(w), []);
    await finish(w, b[0] ?? "");
    assert.equal((await next(w)).length, 1);
    assert.deepEqual(await states(w, [a[1] ?? "", c[0] ?? ""]), ["running", "running"]);
  },
  "a rate lets a burst start at once and the rest one by one": async (w) => {
    await limit(w, { rate: { limit: 60, perMs: MINUTE, burst: 3 } });
    const ids = await addJobs(w, 6);
    assert.deepEqual((await begin(w)).started, ids.slice(0, 3));
    assert.deepEqual(await next(w), []);
    assert.deepEqual(await next(w, { now: T + SECOND - 1 }), []);
    assert.deepEqual(await next(w, { now: T + SECOND }), [ids[3]]);
    assert.deepEqual(await next(w, { now: T + 3 * SECOND }), ids.slice(4));
    const later = await addJobs(w, 5);
    assert.deepEqual(
      (await begin(w, { now: T + MINUTE })).started,
      later.slice(0, 3),
      "never more than the burst",
    );
  },
  "a worker that asks with an earlier time does not make a rate count time twice": async (w) => {
    await limit(w, { rate: { limit: 60, perMs: MINUTE, burst: 3 } });
    const ids = await addJobs(w, 8);
    assert.deepEqual((await begin(w, { limit: 2 })).started, ids.slice(0, 2));
    assert.deepEqual((await begin(w, { limit: 1, now: T - 10 * SECOND })).started, [ids[2]]);
    assert.deepEqual((await begin(w)).started, [], "the burst is used up");
    assert.deepEqual(await next(w, { now: T + SECOND }), [ids[3]]);
    assert.deepEqual(await next(w, { now: T + SECOND / 2 }), []);
    assert.deepEqual(await next(w, { now: T + 2 * SECOND }), [ids[4]]);
  },
  "a claim says when the next one that waits may start": async (w) => {
    await limit(w, { rate: { limit: 60, perMs: MINUTE, burst: 1 } });
    await addJobs(w, 2);
    await begin(w);
    const request = { worker: "w", namespace: "default", queues: "all", types: "all", limit: 1 } as const;
    const claim = (now: number) => w.driver.claimParked({ ...request, now, expiresAt: now + LEASE });
    assert.equal((await claim(T)).nextOpenAt, T + SECOND);
    const last = await claim(T + SECOND);
    assert.deepEqual([last.jobs.length, last.nextOpenAt], [1, undefined]);
  },
  "weights count in rates; one heavier than the burst still starts": async (w) => {
    await limit(w, { rate: { limit: 10, perMs: SECOND, burst: 10 } });
    const [heavy = "", huge = ""] = [
      ...await addJobs(w, 1, undefined, { options: { limitWeight: 8 } }),
      ...await addJobs(w, 1, undefined, { options: { limitWeight: 50 } }),
    ];
    assert.deepEqual(await begin(w), { started: [heavy], parked: [huge] });
    assert.deepEqual(await next(w, { now: T + 799 }), []);
    assert.deepEqual(await next(w, { now: T + 800 }), [huge]);
  },
  "those who wait take turns by key, however many jobs a key brings": async (w) => {
    await limit(w, { concurrency: 1 });
    const first = await addJobs(w, 1);
    const a = await addJobs(w, 4, "a");
    await addJobs(w, 2, "b");
    await begin(w);
    const order: string[] = [];
    for (let [running = ""] = first; running !== "";) {
      await finish(w, running);
      [running = ""] = await next(w, { limit: 1 });
      if (running !== "") order.push(running);
    }
    const keys = order.map((id) => a.includes(id) ? "a" : "b").join("");
    assert.equal(keys, "abab" + "aa");
    assert.deepEqual(order.filter((id) => a.includes(id)), a);
  },
  "those who wait start by priority": async (w) => {
    await limit(w, { concurrency: 1 });
    const [first = ""] = await addJobs(w, 1, undefined, { priority: 9 });
    const [low = ""] = await addJobs(w, 1, undefined, { priority: -5 });
    const [high = ""] = await addJobs(w, 1, undefined, { priority: 5 });
    await begin(w);
    await finish(w, first);
    assert.deepEqual(await next(w), [high]);
    await finish(w, high);
    assert.deepEqual(await next(w), [low]);
  },
  "who comes anew waits behind those who wait already": async (w) => {
    await limit(w, { concurrency: 1 });
    const [first = "", second = ""] = await addJobs(w, 2);
    await begin(w);
    await finish(w, first);
    const [late = ""] = await addJobs(w, 1);
    assert.deepEqual(await begin(w), { started: [], parked: [late] });
    assert.deepEqual(await next(w), [second]);
    await finish(w, second);
    assert.deepEqual(await next(w), [late]);
  },
  "nothing of a paused type or key starts until it is resumed": async (w) => {
    await limit(w, {}, { pausedAt: T });
    const ids = await addJobs(w, 2);
    assert.deepEqual((await begin(w)).parked, ids);
    assert.deepEqual(await next(w, { now: T + RECHECK_MS }), []);
    await limit(w, {}, { at: T + MINUTE });
    assert.deepEqual(await next(w, { now: T + MINUTE }), ids);
    await limit(w, {}, { key: "k", pausedAt: T });
    const keyed = await addJobs(w, 1, "k");
    const other = await addJobs(w, 1, "l");
    assert.deepEqual(await begin(w, { now: T + MINUTE }), { started: other, parked: keyed });
    await w.driver.removeLimit(limitName("default", { type: "t", key: "k" }), T + MINUTE);
    assert.deepEqual(await next(w, { now: T + MINUTE }), keyed);
  },
  "a limit that is raised lets more start": async (w) => {
    await limit(w, { concurrency: 1 });
    const ids = await addJobs(w, 4);
    await begin(w);
    await limit(w, { concurrency: 3 });
    assert.deepEqual(await next(w), ids.slice(1, 3));
    await limit(w, { concurrency: 1 });
    assert.deepEqual(await next(w), [], "a lower one lets none start until enough have ended");
  },
  "nothing passes a gate that cools down": async (w) => {
    await limit(w, {}, { key: EACH_KEY });
    await w.driver.coolDown(limitName("default", { type: "t", key: "slow" }), T + MINUTE);
    const slow = await addJobs(w, 1, "slow");
    const fast = await addJobs(w, 1, "fast");
    assert.deepEqual(await begin(w), { started: fast, parked: slow });
    await w.driver.coolDown(limitName("default", { type: "t", key: "slow" }), T + SECOND);
    assert.deepEqual(await next(w, { now: T + MINUTE - 1 }), [], "a shorter time does not shorten it");
    assert.deepEqual(await next(w, { now: T + MINUTE }), slow);
  },
  "a run that ended in whatever way does not count, though nobody said so": async (w) => {
    for (const outcome of [done, lost, released]) {
      const type = `t_${outcome.kind}`;
      await limit(w, { concurrency: 1 }, { type });
      const [first = "", second = ""] = await w.addMany(2, { type });
      await begin(w, { types: [type] });
      await w.settle(await w.job(first), outcome);
      assert.deepEqual(await next(w, { types: [type] }), [], "nobody looks before the time");
      assert.deepEqual(await next(w, { types: [type], now: T + RECHECK_MS }), [second]);
    }
  },
  "release opens only where somebody waits and the run is over": async (w) => {
    await limit(w, { concurrency: 1 });
    const [first = "", second = ""] = await addJobs(w, 2);
    await begin(w);
    assert.equal(await w.driver.release([first], T), false, "it still runs");
    assert.equal(await w.driver.release([second], T), false, "it holds nothing");
    await w.settle(await w.job(first), done);
    assert.equal(await w.driver.release([first], T), true);
    assert.equal(await w.driver.release([first], T), false);
    await next(w);
    await w.settle(await w.job(second), done);
    assert.equal(await w.driver.release([second], T), false, "nobody waits");
  },
  "a place that is found free while somebody looks for another job is not lost on those who wait for it":
    async (
      w,
    ) => {
      await limit(w, { concurrency: 1 }, { key: EACH_KEY });
      await limit(w, { concurrency: 1 }, { queue: "q" });
      const [other = ""] = await addJobs(w, 1, undefined, { queue: "q", type: "u" });
      const [both = ""] = await addJobs(w, 1, "k", { queue: "q", priority: -1 });
      assert.deepEqual(await begin(w), { started: [other], parked: [both] });
      const [first = "", second = ""] = await addJobs(w, 2, "k");
      assert.deepEqual(await begin(w), { started: [first], parked: [second] });
      await w.settle(await w.job(first), done);
      // Before its end is told somebody tries the one that waits for the queue, and looks at the key for that.
      await limit(w, { concurrency: 1 }, { queue: "q" });
      assert.deepEqual(await next(w, { queues: ["q"], types: ["u"] }), []);
      await limit(w, { concurrency: 1 }, { queue: "q" });
      assert.deepEqual(await next(w, { queues: ["q"], types: ["t"], limit: 1 }), []);
      await w.driver.release([first], T);
      assert.deepEqual(await next(w), [second]);
    },
  "pruning forgets a gate only when that changes nothing": async (w) => {
    const prune = (now: number) => w.driver.prune({ now, retention: DEFAULT_RETENTION, limit: 1_000 });
    const sweep = async (now: number): Promise<void> => {
      for (let step = await prune(now); step.cursor !== undefined;) {
        step = await w.driver.prune({ now, retention: DEFAULT_RETENTION, limit: 1_000, cursor: step.cursor });
      }
    };
    await limit(w, { rate: { limit: 1, perMs: MINUTE, burst: 2 } });
    const ids = await addJobs(w, 3);
    assert.deepEqual((await begin(w)).started, ids.slice(0, 2));
    await sweep(T);
    assert.deepEqual(await next(w), [], "what has started counts");
    assert.deepEqual(await next(w, { now: T + MINUTE }), ids.slice(2));
    await sweep(T + 2 * MINUTE);
    const [more = ""] = await addJobs(w, 1);
    const late = await addJobs(w, 1);
    assert.deepEqual(await begin(w, { now: T + 2 * MINUTE }), { started: [more], parked: late });
    await sweep(T + 9 * MINUTE);
    assert.deepEqual(await next(w, { now: T + 9 * MINUTE }), late, "who waits is not forgotten");
  },
  "an attempt that is not live passes nothing": async (w) => {
    await limit(w, { concurrency: 1 });
    const [id = ""] = await addJobs(w, 1);
    const { leaseId } = await w.claim();
    const acquire = (over: { leaseId?: string; attempt?: number } = {}) =>
      w.driver.acquire({
        namespace: "default",
        leaseId: over.leaseId ?? leaseId ?? "",
        runs: [{ id, attempt: over.attempt ?? 1 }],
        now: T,
      });
    assert.deepEqual(await acquire({ attempt: 2 }), ["stale"]);
    assert.deepEqual(await acquire({ leaseId: "999999" }), ["stale"]);
    assert.deepEqual(await acquire(), ["granted"]);
    assert.deepEqual(await acquire(), ["granted"], "said again, it is the same");
    await w.settle(await w.job(id), done);
    assert.deepEqual(await acquire(), ["stale"]);
  },
  "a lease whose jobs are all parked is gone; one with a running job stays": async (w) => {
    await limit(w, { concurrency: 1 });
    await addJobs(w, 2);
    await begin(w, { worker: "a", limit: 2 });
    await addJobs(w, 1);
    await begin(w, { worker: "b" });
    const orphans = await w.driver.orphans({ now: T, workers: ["a", "b"], limit: 10 });
    assert.deepEqual(orphans.map(({ worker, jobs }) => [worker, jobs.length]), [["a", 1]]);
  },
  "a job that is to be cancelled is not parked: it starts, so that it ends": async (w) => {
    await limit(w, {}, { pausedAt: T });
    await addJobs(w, 1);
    const { leaseId, jobs: [job] } = await w.claim();
    assert.ok(job && leaseId);
    await w.amend(job, { kind: "requestCancel" });
    const runs = [{ id: job.id, attempt: job.attempt }];
    assert.deepEqual(await w.driver.acquire({ namespace: "default", leaseId, runs, now: T }), ["granted"]);
  },
  "waiting jobs can be cancelled, deleted, expired, archived and put before their limits again": async (
    w,
  ) => {
    await limit(w, { concurrency: 1 });
    const ids = await addJobs(w, 6);
    await begin(w);
    const jobs = await Promise.all(ids.slice(1).map((id) => w.job(id)));
    const [a, b, c, d, e] = jobs as [Job, Job, Job, Job, Job];
    assert.equal(await w.amend(a, { kind: "cancel", reason: "no" }), "applied");
    assert.equal(await w.amend(b, { kind: "delete" }), "applied");
    assert.equal(await w.amend(c, { kind: "expire" }), "applied");
    assert.equal(await w.amend(e, { kind: "archive" }), "applied");
    assert.equal(await w.amend(d, { kind: "makeAvailable" }), "applied");
    assert.deepEqual(await states(w, [a.id, c.id, d.id, e.id]), [
      "cancelled",
      "expired",
      "available",
      "dead",
    ]);
    assert.deepEqual(await begin(w), { started: [], parked: [d.id] });
    await finish(w, ids[0] ?? "");
    assert.deepEqual(await next(w), [d.id]);
  },
  "waiting jobs are listed by gate in their order, and counted": async (w) => {
    await limit(w, { concurrency: 1 }, { key: EACH_KEY });
    const ids = [...await addJobs(w, 3, "b\n\u00fc\u{1f600}"), ...await addJobs(w, 2, "a")];
    await begin(w);
    const expected = [ids[4], ids[1], ids[2]];
    const query = { namespace: "default", states: ["blocked" as const] };
    assert.deepEqual((await w.driver.list({ ...query, limit: 9 })).items.map(({ id }) => id), expected);
    const page = await w.driver.list({ ...query, limit: 2 });
    const rest = await w.driver.list({ ...query, limit: 2, cursor: page.nextCursor ?? "" });
    assert.deepEqual([...page.items, ...rest.items].map(({ id }) => id), expected);
    const counts = await w.driver.counts("default", 100);
    assert.deepEqual(counts.find(({ state }) => state === "blocked"), {
      queue: "default",
      state: "blocked",
      count: 3,
      capped: false,
    });
  },
  "a claim takes only what its worker can run, of queues that are not paused": async (w) => {
    await limit(w, { concurrency: 5 });
    await limit(w, {}, { pausedAt: T });
    const mine = await addJobs(w, 2, undefined, { queue: "mine" });
    const other = await addJobs(w, 2, undefined, { queue: "other" });
    await begin(w);
    await limit(w, { concurrency: 5 });
    assert.deepEqual(await next(w, { types: ["u"] }), []);
    assert.deepEqual(await next(w, { namespace: "elsewhere" }), []);
    assert.deepEqual(await next(w, { queues: ["mine"], limit: 1 }), mine.slice(0, 1));
    await w.driver.updateQueue({ namespace: "default", name: "other", at: T, pausedAt: T });
    assert.deepEqual(await next(w), mine.slice(1));
    await w.driver.updateQueue({ namespace: "default", name: "other", at: T, pausedAt: null });
    assert.deepEqual(await next(w), other);
  },
  "two processes that start jobs at the same time do not pass a limit together": async (w) => {
    await limit(w, { concurrency: 3 });
    await limit(w, { concurrency: 2 }, { key: EACH_KEY });
    const second = await w.reopen();
    for (let n = 0; n < 12; n++) await addJobs(w, 1, n % 2 === 0 ? "even" : "odd");
    const rounds = await Promise.all(
      Array.from({ length: 12 }, (_, at) => begin(w, { limit: 1 }, at % 2 === 0 ? w.driver : second)),
    );
    const started = rounds.flatMap((round) => round.started);
    assert.equal(started.length, 3);
    assert.equal(rounds.flatMap((round) => round.parked).length, 9);
    let left = 9;
    for (const running = [...started]; running.length > 0;) {
      const id = running.shift() ?? "";
      await finish(w, id);
      const more = await Promise.all([next(w), next(w)]);
      assert.ok(running.length + more.flat().length <= 3);
      running.push(...more.flat());
      left -= more.flat().length;
    }
    assert.equal(left, 0);
  },
};
