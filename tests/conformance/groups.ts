import assert from "node:assert/strict";
import type { Gathering } from "../../src/domain/group.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { ClaimResult, Driver, Gathered } from "../../src/storage/driver.ts";
import { RECHECK_MS } from "../../src/storage/group_store.ts";
import { type Chapter, decideAt, done, failed, LEASE, lost, MINUTE, SECOND, T, type World } from "./world.ts";

const RULES = { size: 5, maxAgeMs: MINUTE, silenceMs: 10 * SECOND };

function inGroup(key: string, rules: Partial<Gathering> = {}): Pick<NewJob, "options"> {
  return { options: { group: { key, ...RULES, ...rules } } };
}

/** Inserts one job of a group, at a time. */
async function put(w: World, key: string, at = T, rules: Partial<Gathering> = {}): Promise<string> {
  return (await w.insert(w.make({ createdAt: at, runAt: at, ...inGroup(key, rules) }))).id;
}

/** Claims and gathers, as a worker does. */
async function handOver(
  driver: Driver,
  now: number,
  worker = "w1",
): Promise<{ claim: ClaimResult; groups: Gathered[] }> {
  const claim = await driver.claim({
    worker,
    namespace: "default",
    queues: "all",
    types: "all",
    limit: 100,
    now,
    expiresAt: now + LEASE,
  });
  const runs = claim.jobs.map(({ id, attempt }) => ({ id, attempt }));
  const groups = claim.leaseId === null
    ? []
    : await driver.gather({ leaseId: claim.leaseId, runs, apart: [], now });
  return { claim, groups };
}

/** The ids of all groups that are handed over at that time, sorted. */
async function handed(w: World, now: number): Promise<string[][]> {
  await w.driver.ripen(now, 1_000);
  const { groups } = await handOver(w.driver, now);
  return groups.map(({ runs, jobs }) => [...runs, ...jobs.map(({ id }) => id)].sort());
}

async function sizes(w: World): Promise<Record<string, number[]>> {
  const sizes: Record<string, number[]> = {};
  for (const { key, jobs } of await w.driver.groups({ namespace: "default", limit: 1_000 })) {
    (sizes[key] ??= []).push(jobs);
  }
  return sizes;
}

async function jobsOf(w: World, ids: string[]): Promise<Job[]> {
  const jobs = new Map((await w.driver.get(ids)).map((job) => [job.id, job]));
  return ids.flatMap((id) => jobs.get(id) ?? []);
}

export const groupsChapter: Chapter = {
  "jobs of one key wait, cost the claim nothing, and are handed over together after silence": async (w) => {
    const ids = [await put(w, "a"), await put(w, "a", T + 9 * SECOND)];
    assert.deepEqual((await jobsOf(w, ids)).map(({ state }) => state), ["blocked", "blocked"]);
    assert.deepEqual(await w.claimIds({ now: T + 9 * SECOND }), []);
    assert.deepEqual(await w.driver.ripen(T + 18 * SECOND, 10), { ripened: 0, nextDueAt: T + 19 * SECOND });
    assert.deepEqual(await handed(w, T + 19 * SECOND), [ids]);
    for (const job of await jobsOf(w, ids)) {
      assert.equal(job.state, "running");
      assert.equal(job.attempt, 1);
      assert.equal(job.worker, "w1");
      assert.equal(job.startedAt, T + 19 * SECOND);
    }
    const [first, second] = await jobsOf(w, ids);
    assert.equal(first?.leaseId, second?.leaseId);
    assert.deepEqual(await sizes(w), {});
    assert.deepEqual(await w.driver.ripen(T + MINUTE, 10), { ripened: 0, nextDueAt: null });
  },
  "a group that is never silent is handed over when it is old": async (w) => {
    for (let second = 0; second < 36; second += 9) await put(w, "a", T + second * SECOND, { size: 100 });
    await put(w, "a", T + 58 * SECOND, { size: 100 });
    const [group] = await w.driver.groups({ namespace: "default", limit: 10 });
    assert.equal(group?.dueAt, T + MINUTE);
    assert.equal((await handed(w, T + MINUTE))[0]?.length, 5);
  },
  "a full group is due at once, and the next job opens another one": async (w) => {
    for (let made = 0; made < 7; made++) await put(w, "a");
    assert.deepEqual(await sizes(w), { a: [5, 2] });
    assert.deepEqual((await handed(w, T)).map(({ length }) => length), [5]);
    assert.deepEqual(await sizes(w), { a: [2] });
  },
  "one insert of many jobs fills as many groups as they need, in their order": async (w) => {
    const ids = await w.addMany(12, inGroup("a"));
    const others = await w.addMany(3, inGroup("b"));
    assert.deepEqual(await sizes(w), { a: [5, 5, 2], b: [3] });
    assert.deepEqual(await handed(w, T + 10 * SECOND), [
      ids.slice(0, 5),
      ids.slice(5, 10),
      ids.slice(10),
      others,
    ]);
  },
  "groups are told apart by key, type, queue and namespace": async (w) => {
    await w.add({ ...inGroup("a") });
    await w.add({ ...inGroup("b") });
    await w.add({ ...inGroup("a"), type: "other" });
    await w.add({ ...inGroup("a"), queue: "other" });
    await w.add({ ...inGroup("a"), namespace: "other" });
    const groups = await w.driver.groups({ namespace: "default", limit: 10 });
    assert.deepEqual(groups.map(({ key, type, queue, jobs }) => [key, type, queue, jobs]), [
      ["a", "test", "default", 1],
      ["b", "test", "default", 1],
      ["a", "other", "default", 1],
      ["a", "test", "other", 1],
    ]);
    assert.equal((await w.driver.groups({ namespace: "other", limit: 10 })).length, 1);
    const after = groups[1]?.id ?? "";
    assert.equal((await w.driver.groups({ namespace: "default", after, limit: 1 }))[0]?.type, "other");
    assert.equal(
      (await w.driver.groups({ namespace: "default", key: "a", type: "test", limit: 9 })).length,
      2,
    );
  },
  "a job that is inserted again, or whose key is held, does not join twice": async (w) => {
    const job = w.make({ options: { ...inGroup("a").options, uniqueKey: "u" } });
    assert.equal((await w.insert(job)).state, "blocked");
    assert.deepEqual(await w.insert(job), { id: job.id, outcome: "existing", state: "blocked" });
    assert.equal((await w.insert(w.make({ options: job.options }))).outcome, "existing");
    assert.deepEqual(await sizes(w), { a: [1] });
  },
  "plain jobs of the same insert are not touched": async (w) => {
    const results = await w.driver.insert([w.make(), w.make(inGroup("a")), w.make()]);
    assert.deepEqual(results.map(({ state }) => state), ["available", "blocked", "available"]);
    assert.equal((await w.claimIds()).length, 2);
  },
  "those who are cancelled, deleted or run by hand leave their group": async (w) => {
    const ids = await w.addMany(5, inGroup("a", { size: 6 }));
    const jobs = await jobsOf(w, ids);
    assert.equal(await w.amend(jobs[0] as Job, { kind: "cancel", reason: "no" }), "applied");
    assert.equal(await w.amend(jobs[1] as Job, { kind: "delete" }), "applied");
    assert.equal(await w.amend(jobs[2] as Job, { kind: "expire" }), "applied");
    assert.deepEqual(await sizes(w), { a: [2] });
    assert.deepEqual(await handed(w, T + 10 * SECOND), [ids.slice(3)]);
  },
  "a job that is run by hand takes along those who have gathered": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    const [, second] = await jobsOf(w, ids);
    assert.equal(await w.amend(second as Job, { kind: "makeAvailable" }, T + SECOND), "applied");
    const { groups } = await handOver(w.driver, T + SECOND);
    assert.deepEqual(groups.map(({ runs, jobs }) => [runs, jobs.map(({ id }) => id)]), [
      [[ids[1]], [ids[0], ids[2]]],
    ]);
    await put(w, "a", T + 2 * SECOND);
    assert.deepEqual(await sizes(w), { a: [1] });
  },
  "a group without jobs ends silently": async (w) => {
    const [job] = await jobsOf(w, await w.addMany(1, inGroup("a")));
    await w.amend(job as Job, { kind: "cancel", reason: "no" });
    assert.deepEqual(await sizes(w), {});
    assert.deepEqual(await w.driver.ripen(T + MINUTE, 10), { ripened: 0, nextDueAt: null });
  },
  "when the first job goes away before it is claimed, another one leads the group": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    const at = T + 10 * SECOND;
    assert.equal((await w.driver.ripen(at, 10)).ripened, 1);
    assert.equal((await w.driver.ripen(at + RECHECK_MS, 10)).ripened, 0, "it waits for its claim");
    const [leader] = (await jobsOf(w, ids)).filter(({ state }) => state === "available");
    assert.equal(leader?.id, ids[0]);
    await w.amend(leader as Job, { kind: "cancel", reason: "no" }, at);
    assert.deepEqual((await handOver(w.driver, at)).claim.jobs, []);
    assert.deepEqual(await handed(w, at + 2 * RECHECK_MS), [ids.slice(1)]);
  },
  "a job that arrives between the first one's turn and the hand-over opens a new group": async (w) => {
    await w.addMany(2, inGroup("a"));
    await w.driver.ripen(T + 10 * SECOND, 10);
    await put(w, "a", T + 10 * SECOND);
    const { groups } = await handOver(w.driver, T + 10 * SECOND);
    assert.equal(groups[0]?.jobs.length, 1);
    assert.deepEqual(await sizes(w), { a: [1] });
  },
  "priorities decide who leads and in which order the others are handed over": async (w) => {
    const low = await w.add({ ...inGroup("a"), priority: 1 });
    const high = await w.add({ ...inGroup("a"), priority: 9 });
    const middle = await w.add({ ...inGroup("a"), priority: 5 });
    await w.driver.ripen(T + 10 * SECOND, 10);
    const { groups } = await handOver(w.driver, T + 10 * SECOND);
    assert.deepEqual(groups.map(({ runs, jobs }) => [...runs, ...jobs.map(({ id }) => id)]), [
      [high.id, middle.id, low.id],
    ]);
  },
  "each job ends by itself: result, retry, cancellation": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    await handed(w, T + 10 * SECOND);
    const [a, b, c] = await jobsOf(w, ids) as [Job, Job, Job];
    await w.amend(c, { kind: "requestCancel" });
    const at = T + 11 * SECOND;
    const results = await w.driver.settle({
      transitions: [decideAt(a, done, at), decideAt(b, failed, at), decideAt(c, done, at)],
      close: [],
    });
    assert.deepEqual(results, ["applied", "applied", "cancel_requested"]);
    assert.deepEqual((await jobsOf(w, ids)).map(({ state }) => state), ["completed", "scheduled", "running"]);
    assert.equal((await w.driver.executions(b.id)).length, 1);
  },
  "those who fail together are run together again": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    await handed(w, T + 10 * SECOND);
    const at = T + 11 * SECOND;
    const jobs = await jobsOf(w, ids);
    const transitions = jobs.map((job) => decideAt(job, failed, at));
    await w.driver.settle({ transitions, close: [jobs[0]?.leaseId ?? ""] });
    assert.deepEqual((await jobsOf(w, ids)).map(({ state, failures }) => [state, failures]), [
      ["blocked", 1],
      ["blocked", 1],
      ["blocked", 1],
    ]);
    await put(w, "a", at);
    assert.deepEqual(await sizes(w), { a: [3, 1] });
    assert.deepEqual(await handed(w, at + 9 * SECOND), [], "not before the end of their backoff");
    assert.deepEqual((await handed(w, at + 10 * SECOND))[0], ids);
    assert.deepEqual((await jobsOf(w, ids)).map(({ attempt }) => attempt), [2, 2, 2]);
  },
  "the jobs of a lost worker come back as one group": async (w) => {
    const ids = await w.addMany(4, inGroup("a"));
    const at = T + 10 * SECOND;
    await handed(w, at);
    const [orphan] = await w.driver.orphans({ now: at + LEASE, workers: [], limit: 10 });
    assert.deepEqual(orphan?.jobs.map(({ id }) => id).sort(), ids);
    const { leaseId, expiresAt, jobs } = orphan as NonNullable<typeof orphan>;
    const transitions = jobs.map((job) => decideAt(job, lost, at + LEASE));
    const rescue = { leaseId, expiresAt };
    assert.deepEqual(
      await w.driver.settle({ transitions, close: [leaseId], rescue }),
      ["applied", "applied", "applied", "applied"],
    );
    assert.deepEqual(
      await w.driver.settle({ transitions, close: [leaseId], rescue }),
      ["stale", "stale", "stale", "stale"],
    );
    assert.deepEqual(await handed(w, at + LEASE + 10 * SECOND), [ids]);
  },
  "nothing is gathered under a lease that is lost": async (w) => {
    const ids = await w.addMany(2, inGroup("a"));
    await w.driver.ripen(T + 10 * SECOND, 10);
    const claim = await w.claim({ now: T + 10 * SECOND });
    const [job] = claim.jobs as [Job];
    await w.driver.settle({ transitions: [], close: [claim.leaseId as string] });
    const runs = [{ id: job.id, attempt: job.attempt }];
    assert.deepEqual(
      await w.driver.gather({ leaseId: claim.leaseId as string, runs, apart: [], now: T }),
      [],
    );
    assert.deepEqual((await jobsOf(w, ids)).map(({ state }) => state), ["running", "blocked"]);
  },
  "jobs of types that run one by one become available": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    await w.driver.ripen(T + 10 * SECOND, 10);
    const claim = await w.claim({ now: T + 10 * SECOND });
    const runs = claim.jobs.map(({ id, attempt }) => ({ id, attempt }));
    const apart = ["test"];
    assert.deepEqual(
      await w.driver.gather({ leaseId: claim.leaseId ?? "", runs, apart, now: T + 10 * SECOND }),
      [],
    );
    assert.deepEqual(await w.claimIds({ now: T + 10 * SECOND }), ids.slice(1));
    assert.deepEqual(await sizes(w), {});
  },
  "a group is let go by hand, by id or key, and its jobs are found afterwards": async (w) => {
    const ids = await w.addMany(2, inGroup("a"));
    const others = await w.addMany(2, inGroup("b"));
    const [a] = await w.driver.groups({ namespace: "default", key: "a", limit: 1 });
    const id = a?.id ?? "";
    assert.equal(await w.driver.flushGroups({ namespace: "other", id }, T), 0);
    assert.equal(await w.driver.flushGroups({ namespace: "default", id, type: "other" }, T), 0);
    assert.equal(await w.driver.flushGroups({ namespace: "default", id }, T), 1);
    assert.deepEqual(await handed(w, T), [ids]);
    assert.equal(await w.driver.flushGroups({ namespace: "default", id }, T), 0);
    assert.equal(await w.driver.flushGroups({ namespace: "default", key: "b" }, T), 1);
    assert.deepEqual(await handed(w, T), [others]);
    const found = await w.driver.groupJobs({ namespace: "default", id, limit: 10 });
    assert.deepEqual(found.map((job) => [job.id, job.state]), ids.map((id) => [id, "running"]));
    assert.deepEqual(await w.driver.groupJobs({ namespace: "other", key: "b", limit: 10 }), []);
    assert.equal((await w.driver.groupJobs({ namespace: "default", key: "b", limit: 1 })).length, 1);
  },
  "a dead job that is retried runs with those of its group that are retried with it": async (w) => {
    const ids = await w.addMany(3, inGroup("a"));
    await handed(w, T + 10 * SECOND);
    const at = T + 11 * SECOND;
    const jobs = await jobsOf(w, ids);
    const end = { kind: "failed", error: { code: "error", message: "it broke" }, permanent: true } as const;
    await w.driver.settle({ transitions: jobs.map((job) => decideAt(job, end, at)), close: [] });
    for (const job of (await jobsOf(w, ids)).slice(1)) await w.amend(job, { kind: "makeAvailable" }, at);
    const claim = await w.claim({ now: at, limit: 1 });
    const runs = claim.jobs.map(({ id, attempt }) => ({ id, attempt }));
    const [group] = await w.driver.gather({ leaseId: claim.leaseId ?? "", runs, apart: [], now: at });
    assert.deepEqual([...group?.runs ?? [], ...group?.jobs.map(({ id }) => id) ?? []], ids.slice(1));
  },
  "what is left of groups is pruned with their jobs": async (w) => {
    const [id] = await w.addMany(1, inGroup("a"));
    await handed(w, T + 10 * SECOND);
    await w.settle(await w.job(id as string), done, T + 11 * SECOND);
    const kept = { completed: 0, dead: 0, cancelled: 0, expired: 0 };
    for (let cursor: string | undefined, round = 0; round === 0 || cursor !== undefined; round++) {
      const step = await w.driver.prune({
        now: T + MINUTE,
        retention: kept,
        limit: 100,
        ...(cursor === undefined ? {} : { cursor }),
      });
      cursor = step.cursor;
    }
    assert.deepEqual(await w.driver.groupJobs({ namespace: "default", key: "a", limit: 10 }), []);
    const again = await w.add({ ...inGroup("a"), id: id as string });
    assert.equal(again.state, "blocked");
    assert.deepEqual(await sizes(w), { a: [1] });
  },
  "producers at once never exceed the size, and workers at once get each job once": async (w) => {
    const at = T + 10 * SECOND;
    const drivers = [w.driver, await w.reopen(), await w.reopen()];
    const batches = drivers.flatMap((driver) =>
      Array.from({ length: 10 }, (_, batch) => ({
        driver,
        jobs: Array.from({ length: 7 }, () => w.make(inGroup(batch % 2 === 0 ? "a" : "b"))),
      }))
    );
    const all = batches.flatMap(({ jobs }) => jobs.map(({ id }) => id));
    await Promise.all(batches.map(({ driver, jobs }) => driver.insert(jobs)));
    const seen: string[] = [];
    for (let round = 0; seen.length < all.length && round < 100; round++) {
      await Promise.all(drivers.map((driver) => driver.ripen(at + round * RECHECK_MS, 7)));
      const got = await Promise.all(drivers.map((driver, n) => handOver(driver, at, `w${n}`)));
      for (const { runs, jobs } of got.flatMap(({ groups }) => groups)) {
        assert.ok(runs.length + jobs.length <= RULES.size);
        seen.push(...runs, ...jobs.map(({ id }) => id));
      }
    }
    assert.deepEqual(seen.sort(), all.sort());
    assert.deepEqual(await sizes(w), {});
  },
};
