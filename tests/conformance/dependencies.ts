import assert from "node:assert/strict";
import type { Dependency } from "../../src/domain/dependency.ts";
import type { Job, NewJob } from "../../src/domain/job.ts";
import type { JobState } from "../../src/domain/states.ts";
import type { Told } from "../../src/storage/driver.ts";
import { type Chapter, decideAt, done, doomed, failed, idOf, SECOND, T, type World } from "./world.ts";

const LATER = T + 10 * SECOND;

/** Inserts a job that waits for others. */
function child(w: World, after: Dependency | string[], over: Partial<NewJob> = {}): Promise<Job> {
  const options = { after: Array.isArray(after) ? { jobs: after } : after };
  return w.add({ ...over, options: { ...options, ...over.options } });
}

/** Tells of all ends there are. */
async function tell(w: World, now = LATER): Promise<Told> {
  const sum: Told = { released: [], cancelled: [], more: false };
  for (let more = true; more;) {
    const told = await w.driver.tellChildren({ now, limit: 1_000 });
    sum.released.push(...told.released);
    sum.cancelled.push(...told.cancelled);
    more = told.more || told.cancelled.length > 0;
  }
  return sum;
}

async function states(w: World, ...jobs: { id: string }[]): Promise<JobState[]> {
  return await Promise.all(jobs.map(async ({ id }) => (await w.job(id)).state));
}

export const dependenciesChapter: Chapter = {
  "a job that comes after another one is blocked until that one has completed": async (w) => {
    const parent = await w.start();
    const job = await child(w, [parent.id]);
    assert.equal(job.state, "blocked");
    assert.deepEqual(await w.claimIds(), []);
    assert.deepEqual(await w.list({ states: ["blocked"] }), [job.id]);
    assert.deepEqual(await tell(w), { released: [], cancelled: [], more: false });
    await w.settle(parent, done);
    assert.deepEqual(await tell(w), { released: [job.id], cancelled: [], more: false });
    assert.deepEqual(await w.claimIds({ now: LATER }), [job.id]);
    assert.deepEqual(await tell(w), { released: [], cancelled: [], more: false });
  },
  "one whose parents have completed already does not wait": async (w) => {
    const parent = await w.finish(done);
    assert.equal((await child(w, [parent.id])).state, "available");
  },
  "it waits for all of them, or for one of them": async (w) => {
    const [a, b] = [await w.start(), await w.start()];
    const all = await child(w, [a.id, b.id]);
    const any = await child(w, { jobs: [a.id, b.id], any: true });
    await w.settle(b, done);
    assert.deepEqual((await tell(w)).released, [any.id]);
    await w.settle(a, done);
    assert.deepEqual((await tell(w)).released, [all.id]);
  },
  "an attempt that fails is no end": async (w) => {
    const parent = await w.start();
    const job = await child(w, [parent.id]);
    await w.settle(parent, failed);
    await tell(w);
    assert.deepEqual(await states(w, job), ["blocked"]);
  },
  "when a parent dies it is cancelled, started, or held until the parent is retried": async (w) => {
    const parent = await w.start();
    const cancelled = await child(w, [parent.id]);
    const run = await child(w, { jobs: [parent.id], onFailure: "run" });
    const held = await child(w, { jobs: [parent.id], onFailure: "hold" });
    await w.settle(parent, doomed);
    assert.deepEqual(await tell(w), { released: [run.id], cancelled: [cancelled.id], more: false });
    assert.deepEqual(await states(w, cancelled, run, held), ["cancelled", "available", "blocked"]);
    assert.match((await w.job(cancelled.id)).error?.message ?? "", new RegExp(parent.id));
    await w.claimIds();
    await w.amend(await w.job(parent.id), { kind: "makeAvailable" });
    await w.settle(await w.claimOne(), done);
    assert.deepEqual((await tell(w)).released, [held.id]);
  },
  "the same for one that is inserted after the parent has died": async (w) => {
    const parent = await w.finish(doomed);
    const cancelled = await child(w, [parent.id]);
    const run = await child(w, { jobs: [parent.id], onFailure: "run" });
    const held = await child(w, { jobs: [parent.id], onFailure: "hold" });
    assert.deepEqual([cancelled.state, run.state, held.state], ["cancelled", "available", "blocked"]);
    await w.claimIds();
    await w.amend(parent, { kind: "makeAvailable" });
    await w.settle(await w.claimOne(), done);
    assert.deepEqual((await tell(w)).released, [held.id]);
  },
  "of many of which one is enough all must fail": async (w) => {
    const parents = [await w.start(), await w.start(), await w.start()];
    const job = await child(w, { jobs: parents.map(({ id }) => id), any: true });
    for (const parent of parents.slice(1)) await w.settle(parent, doomed);
    assert.deepEqual(await tell(w), { released: [], cancelled: [], more: false });
    await w.settle(parents[0] as Job, doomed);
    assert.deepEqual((await tell(w)).cancelled, [job.id]);
  },
  "every way to end is told: cancelled, expired, deleted, lost": async (w) => {
    for (const kind of ["cancel", "expire", "archive", "delete"] as const) {
      const parent = await w.add();
      const job = await child(w, [parent.id]);
      await w.amend(parent, kind === "cancel" ? { kind, reason: "no" } : { kind });
      assert.deepEqual((await tell(w)).cancelled, [job.id], kind);
    }
    const parent = await w.start({ maxAttempts: 1 });
    const job = await child(w, [parent.id]);
    const [orphan] = await w.driver.orphans({ now: T + 60 * SECOND, workers: [], limit: 10 });
    assert.ok(orphan);
    await w.settle(parent, { kind: "lost", message: "gone" });
    assert.deepEqual((await tell(w)).cancelled, [job.id]);
  },
  "what it waits for may be in the same call, in any order, and goes down the line": async (w) => {
    const [a, b, c] = w.makeMany(3) as [NewJob, NewJob, NewJob];
    const chain = [
      { ...c, options: { after: { jobs: [b.id] } } },
      a,
      { ...b, options: { after: { jobs: [a.id] } } },
    ];
    const results = await w.driver.insert(chain);
    assert.deepEqual(results.map(({ state }) => state), ["blocked", "available", "blocked"]);
    await w.settle(await w.claimOne(), done);
    assert.deepEqual((await tell(w)).released, [b.id]);
    await w.amend(await w.job(b.id), { kind: "cancel", reason: "no" });
    assert.deepEqual((await tell(w)).cancelled, [c.id]);
  },
  "jobs that wait for each other are refused, as are parents that do not exist; nothing is inserted": async (
    w,
  ) => {
    const [a, b] = w.makeMany(2) as [NewJob, NewJob];
    const other = await w.add({ namespace: "other" });
    const wrong: [NewJob[], RegExp][] = [
      [[
        { ...a, options: { after: { jobs: [b.id] } } },
        { ...b, options: { after: { jobs: [a.id] } } },
      ], /wait for itself/],
      [[{ ...a, options: { after: { jobs: [a.id] } } }], /wait for itself/],
      [[b, { ...a, options: { after: { jobs: [idOf(999)] } } }], /does not exist/],
      [[b, { ...a, options: { after: { jobs: [other.id] } } }], /does not exist/],
    ];
    for (const [jobs, message] of wrong) {
      await assert.rejects(w.driver.insert(jobs), { code: "invalid_request", message });
    }
    assert.deepEqual(await w.driver.get([a.id, b.id]), []);
  },
  "repeating a call is safe, also when its parents have gone": async (w) => {
    const parent = await w.start();
    const job = w.make({ options: { after: { jobs: [parent.id] } } });
    assert.deepEqual(await w.insert(job), { id: job.id, outcome: "created", state: "blocked" });
    assert.deepEqual(await w.insert(job), { id: job.id, outcome: "existing", state: "blocked" });
    await w.settle(parent, done);
    await tell(w);
    await w.amend(await w.job(parent.id), { kind: "delete" });
    assert.deepEqual(await w.insert(job), { id: job.id, outcome: "existing", state: "available" });
  },
  "one that is to start later waits for its time then": async (w) => {
    const parent = await w.start();
    const job = await child(w, [parent.id], { runAt: LATER + SECOND });
    assert.equal(job.state, "blocked");
    await w.settle(parent, done);
    await tell(w);
    assert.equal((await w.job(job.id)).state, "scheduled");
    assert.equal((await w.driver.promote(LATER + SECOND, 10)).promoted, 1);
  },
  "an operator may run it at once or cancel it; it is not told of anything afterwards": async (w) => {
    const parent = await w.start();
    const [now, gone] = [await child(w, [parent.id]), await child(w, [parent.id])];
    assert.equal(await w.amend(now, { kind: "makeAvailable" }), "applied");
    assert.equal(await w.amend(gone, { kind: "cancel", reason: "no" }), "applied");
    const running = await w.claimOne({ now: LATER });
    assert.equal(running.id, now.id);
    await w.settle(parent, doomed);
    assert.deepEqual(await tell(w), { released: [], cancelled: [], more: false });
    assert.deepEqual(await states(w, now, gone), ["running", "cancelled"]);
  },
  "what is new about it does not make it start": async (w) => {
    const parent = await w.start();
    const job = await child(w, [parent.id]);
    const set = { priority: 7, payload: { new: true }, runAt: LATER + SECOND };
    assert.equal(await w.amend(job, { kind: "replace", set }), "applied");
    const { state, priority, payload, runAt } = await w.job(job.id);
    assert.deepEqual({ state, priority, payload, runAt }, { state: "blocked", ...set });
    await w.settle(parent, done);
    await tell(w, LATER + SECOND);
    assert.deepEqual(await states(w, job), ["available"]);
  },
  "a follow-up may wait for the job that it follows, and for others": async (w) => {
    const [parent, other] = [await w.start(), await w.start()];
    const [one, two] = [
      w.make({ options: { after: { jobs: [parent.id] } } }),
      w.make({ options: { after: { jobs: [parent.id, other.id] } } }),
    ];
    await w.driver.settle({
      transitions: [{
        ...decideAt(parent, done, T + SECOND),
        followUps: [one, two],
      }],
      close: [],
    });
    assert.deepEqual(await states(w, one, two), ["available", "blocked"]);
    await w.settle(other, done);
    assert.deepEqual((await tell(w)).released, [two.id]);
  },
  "many children of one parent are told in steps": async (w) => {
    const parent = await w.start();
    const children = w.makeMany(25, { options: { after: { jobs: [parent.id] } } });
    await w.driver.insert(children);
    await w.settle(parent, done);
    const released: string[] = [];
    for (let more = true; more;) {
      const told = await w.driver.tellChildren({ now: LATER, limit: 10 });
      released.push(...told.released);
      more = told.more;
    }
    assert.deepEqual(released.sort(), children.map(({ id }) => id));
  },
  "those who wait are told once, however many tell": async (w) => {
    const parents: Job[] = [];
    for (let n = 0; n < 10; n++) parents.push(await w.start());
    const ids = parents.map(({ id }) => id);
    const jobs = w.makeMany(20, { options: { after: { jobs: ids } } });
    await w.driver.insert(jobs);
    const told: Told[] = [];
    await Promise.all(parents.map(async (parent) => {
      await w.settle(parent, done);
      told.push(await w.driver.tellChildren({ now: LATER, limit: 100 }));
    }));
    told.push(await tell(w));
    assert.deepEqual(told.flatMap(({ released }) => released).sort(), jobs.map(({ id }) => id));
  },
};
