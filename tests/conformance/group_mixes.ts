import assert from "node:assert/strict";
import type { Gathering } from "../../src/domain/group.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import { blockedBy } from "../../src/domain/wait.ts";
import { newBatch } from "./batches.ts";
import { begin, limit } from "./limits_world.ts";
import { answerTo, ask } from "./waits.ts";
import {
  type Chapter,
  decideAt,
  done,
  failed,
  idOf,
  newJob,
  parkedAt,
  released,
  SECOND,
  T,
  type World,
} from "./world.ts";

const RULES: Gathering = { key: "a", size: 3, maxAgeMs: 10 * SECOND };
const DUE = T + 10 * SECOND;

function inGroup(over: Partial<NewJob> = {}): Partial<NewJob> {
  return { ...over, options: { ...over.options, group: RULES } };
}

/** Lets groups go and hands them over, as a worker does; gives the jobs. */
async function handOver(w: World, now = DUE, apart: string[] = []): Promise<Job[]> {
  await w.driver.ripen(now, 100);
  const { leaseId, jobs } = await w.claim({ now, limit: 100 });
  if (leaseId === null) return [];
  const runs = jobs.map(({ id, attempt }) => ({ id, attempt }));
  const gathered = await w.driver.gather({ leaseId, runs, apart, now });
  return [...jobs, ...gathered.flatMap((group) => group.jobs)];
}

async function reasons(w: World, ids: string[]): Promise<(string | null)[]> {
  return await Promise.all(ids.map(async (id) => blockedBy(await w.job(id))));
}

async function sizes(w: World): Promise<number[]> {
  return (await w.driver.groups({ namespace: "default", limit: 100 })).map(({ jobs }) => jobs);
}

/** Groups together with batches, waits and limits. */
export const groupMixesChapter: Chapter = {
  "members of a batch gather, and count when they end": async (w) => {
    const batch = newBatch(1);
    const options = { batch: batch.id };
    const { jobs } = await w.driver.createBatch(batch, w.makeMany(2, inGroup({ options })));
    assert.deepEqual(jobs.map(({ state }) => state), ["blocked", "blocked"]);
    const running = await handOver(w);
    assert.deepEqual(running.map(({ id }) => id).sort(), jobs.map(({ id }) => id).sort());
    for (const job of running) await w.settle(job, done, DUE);
    await w.driver.tellBatches({ now: DUE, limit: 100 });
    const { items } = await w.driver.batches({ namespace: "default", limit: 10 });
    assert.deepEqual(items.map(({ state, counts }) => [state, counts.completed]), [["completed", 2]]);
  },
  "a member of a batch that is being cancelled takes no place in its group": async (w) => {
    const batch = newBatch(2, { sealedAt: null });
    const [stays] = await w.addMany(1, inGroup());
    await w.driver.createBatch(batch, [w.make({ type: "plain", options: { batch: batch.id } })]);
    await w.driver.changeBatch({ namespace: "default", id: batch.id, change: "cancel", at: T });
    const [late] = await w.driver.insert([w.make(inGroup({ options: { batch: batch.id } }))]);
    assert.equal(late?.state, "cancelled");
    assert.deepEqual(await sizes(w), [1]);
    const handed = (await handOver(w)).filter(({ type }) => type !== "plain");
    assert.deepEqual(handed.map(({ id }) => id), [stays]);
  },
  "a callback of a batch gathers with other jobs": async (w) => {
    const callback = newJob(77_000, { ...inGroup() });
    const batch = newBatch(3, { callbacks: { finish: callback } });
    await w.driver.createBatch(batch, [w.make({ type: "plain" })]);
    const [job] = (await w.claim({ types: ["plain"] })).jobs;
    await w.settle(job as Job, done, T);
    const { callbacks } = await w.driver.tellBatches({ now: T, limit: 100 });
    assert.deepEqual(callbacks.map(({ result }) => result.state), ["blocked"]);
    const [other] = await w.addMany(1, inGroup());
    assert.deepEqual(await sizes(w), [2]);
    assert.deepEqual((await handOver(w)).map(({ id }) => id).sort(), [idOf(77_000), other].sort());
  },
  "what a job is blocked by is told apart: its group, its limit, its answer": async (w) => {
    const ids = await w.addMany(2, inGroup({ type: "t" }));
    assert.deepEqual(await reasons(w, ids), ["group", "group"]);
    await limit(w, { concurrency: 1 }, { type: "t" });
    const [holder] = await w.addMany(1, { type: "t" });
    assert.deepEqual((await begin(w)).started, [holder]);
    // The first job leads its group, and waits at the limit; the other one still gathers.
    await w.driver.ripen(DUE, 100);
    const { parked } = await begin(w, { now: DUE });
    assert.equal(parked.length, 1);
    assert.deepEqual((await reasons(w, ids)).sort(), ["group", "limit"]);
    assert.equal(blockedBy(await w.job(parked[0] ?? "")), "limit");
    const { items } = await w.driver.list({ namespace: "default", states: ["blocked"], limit: 10 });
    assert.deepEqual(items.map(({ gathering }) => gathering).sort(), [false, true]);
  },
  "those who run again together are gathered, and say so": async (w) => {
    const ids = await w.addMany(2, inGroup());
    const running = await handOver(w);
    await w.driver.settle({
      transitions: running.map((job) => decideAt(job, failed, DUE)),
      close: [],
    });
    assert.deepEqual(await reasons(w, ids), ["group", "group"]);
    const [first] = await handOver(w, DUE + 100 * SECOND);
    assert.deepEqual([first?.state, first?.gathering, first?.attempt], ["running", false, 2]);
  },
  "a job of a group that runs by itself may wait, and what is left of that means nothing later": async (
    w,
  ) => {
    const ids = await w.addMany(2, inGroup());
    const apart = ["test"];
    const [leader] = await handOver(w, DUE, apart);
    assert.ok(leader);
    await ask(w, leader);
    assert.equal(await w.settle(leader, parkedAt("approval"), DUE), "applied");
    const waits = await w.job(leader.id);
    assert.deepEqual([blockedBy(waits), waits.waitingFor], ["wait", "approval"]);
    assert.equal(await w.amend(waits, answerTo("approval"), DUE), "applied");
    // Both run and fail at the same time, so they are gathered again.
    const running = await handOver(w, DUE);
    assert.deepEqual(running.map(({ id }) => id).sort(), [...ids].sort());
    await w.driver.settle({
      transitions: running.map((job) => decideAt(job, failed, DUE)),
      close: [],
    });
    for (const id of ids) {
      const job = await w.job(id);
      assert.deepEqual([blockedBy(job), job.waitingFor], ["group", null]);
    }
  },
  "a job that comes back to its lease by its group is in that once": async (w) => {
    const ids = await w.addMany(2, inGroup());
    await w.driver.ripen(DUE, 100);
    const { leaseId, jobs } = await w.claim({ now: DUE });
    const runs = jobs.map(({ id, attempt }) => ({ id, attempt }));
    const request = { leaseId: leaseId ?? "", runs, apart: [], now: DUE };
    const [group] = await w.driver.gather(request);
    const [follower] = group?.jobs ?? [];
    assert.ok(follower);
    assert.equal(await w.settle(follower, released, DUE), "applied");
    await w.driver.gather(request);
    const [orphan] = await w.driver.orphans({ now: DUE + 100 * SECOND, workers: [], limit: 10 });
    assert.deepEqual(orphan?.jobs.map(({ id }) => id).sort(), [...ids].sort());
    const running = (await w.driver.counts("default", 100)).find(({ state }) => state === "running");
    assert.equal(running?.count, 2);
  },
  "a job that gathers goes on with it when it gets another priority": async (w) => {
    const ids = await w.addMany(2, inGroup());
    const set = { priority: 7 };
    assert.equal(await w.amend(await w.job(ids[1] ?? ""), { kind: "replace", set }), "applied");
    const job = await w.job(ids[1] ?? "");
    assert.deepEqual([job.state, job.gathering, job.priority], ["blocked", true, 7]);
    assert.deepEqual((await handOver(w)).map(({ id }) => id), ids.toReversed());
  },
};
