import assert from "node:assert/strict";
import type { Change } from "../../src/domain/amendment.ts";
import type { Job } from "../../src/domain/job.ts";
import type { Json } from "../../src/domain/json.ts";
import type { JobWait } from "../../src/domain/wait.ts";
import {
  type Chapter,
  DAY,
  done,
  failed,
  MINUTE,
  parkedAt,
  released,
  SECOND,
  T,
  type World,
} from "./world.ts";

/** When jobs of these tests are parked. */
const AT = T + SECOND;

/** An answer to a wait. */
export function answerTo(name: string, value: Json = "yes", key?: string): Change {
  return { kind: "answer", answer: { name, value, ...(key === undefined ? {} : { key }) } };
}

/** A handler asks for an answer. */
export async function ask(
  w: World,
  job: Job,
  name = "approval",
  until: number | null = null,
): Promise<JobWait> {
  const wait = await w.driver.openWait(job, { name, kind: "answer", at: AT, ask: true, until });
  assert.ok(wait, "the attempt is not live");
  return wait;
}

/** A job whose handler waits. */
export async function parkedJob(w: World, name = "approval", until: number | null = null): Promise<Job> {
  const job = await w.start();
  await ask(w, job, name, until);
  assert.equal(await w.settle(job, parkedAt(name), AT), "applied");
  return await w.job(job.id);
}

async function waitOf(w: World, job: Job, name = "approval"): Promise<JobWait> {
  const wait = (await w.driver.waits(job.id)).find((wait) => wait.name === name);
  assert.ok(wait, `there is no wait ${name}`);
  return wait;
}

export const waitsChapter: Chapter = {
  "a job whose handler waits is blocked, holds no lease and costs no attempt": async (w) => {
    const before = await w.start();
    await ask(w, before);
    await w.driver.settle({
      transitions: [{ ...await transition(w, before), to: "blocked", outcome: "parked", wait: "approval" }],
      close: [before.leaseId ?? ""],
    });
    const job = await w.job(before.id);
    assert.deepEqual(
      [job.state, job.waitingFor, job.leaseId, job.attempt, job.failures, job.releases],
      ["blocked", "approval", null, 1, 0, 0],
    );
    assert.deepEqual(await w.claimIds(), []);
    assert.deepEqual((await w.driver.orphans({ now: T + DAY, workers: [], limit: 10 })).length, 0);
    assert.deepEqual(await w.list({ states: ["blocked"] }), [job.id]);
    assert.deepEqual(
      (await w.driver.executions(job.id)).map(({ attempt, outcome }) => [attempt, outcome]),
      [[1, "parked"]],
    );
  },
  "an answer makes it available, and is there for the next attempt": async (w) => {
    const job = await parkedJob(w);
    assert.equal(await w.amend(job, answerTo("approval", { by: "Ada" })), "applied");
    const next = await w.claimOne({ now: T + MINUTE });
    assert.deepEqual([next.id, next.attempt, next.waitingFor], [job.id, 2, null]);
    const wait = await ask(w, next);
    assert.deepEqual([wait.value, wait.answeredAt, wait.timedOutAt], [{ by: "Ada" }, T + 2 * SECOND, null]);
    assert.equal(await w.settle(next, done), "applied");
  },
  "a job that goes on has the place of its priority": async (w) => {
    const job = await w.start({ priority: 5 });
    await ask(w, job);
    await w.settle(job, parkedAt("approval"), AT);
    const other = await w.add();
    await w.amend(await w.job(job.id), answerTo("approval"));
    assert.deepEqual(await w.claimIds(), [job.id, other.id]);
  },
  "an answer that comes while the handler runs lets it go on at once": async (w) => {
    const job = await w.start();
    await ask(w, job);
    assert.equal(await w.amend(job, answerTo("approval", 7)), "applied");
    assert.equal(await w.settle(job, parkedAt("approval"), AT), "applied");
    const now = await w.job(job.id);
    assert.deepEqual([now.state, now.waitingFor], ["available", null]);
    assert.equal((await ask(w, await w.claimOne())).value, 7);
  },
  "an answer that comes before the handler has asked is kept for it": async (w) => {
    const job = await w.add();
    assert.equal(await w.amend(job, answerTo("approval", 1)), "applied");
    assert.deepEqual([(await waitOf(w, job)).askedAt, (await w.job(job.id)).state], [null, "available"]);
    const run = await w.claimOne();
    const wait = await ask(w, run);
    assert.deepEqual([wait.value, wait.askedAt], [1, AT]);
  },
  "the first answer stands": async (w) => {
    const job = await w.start();
    await ask(w, job);
    assert.equal(await w.amend(job, answerTo("approval", 1, "k")), "applied");
    assert.equal(await w.amend(job, answerTo("approval", 2)), "stale");
    const wait = await waitOf(w, job);
    assert.deepEqual([wait.value, wait.answerKey], [1, "k"]);
  },
  "an answer changes nothing about a job that is not as it was seen, or has ended": async (w) => {
    const job = await w.start();
    await ask(w, job);
    await w.settle(job, parkedAt("approval"), AT);
    assert.equal(await w.amend(job, answerTo("approval")), "stale");
    const parked = await w.job(job.id);
    assert.equal(await w.amend(parked, { kind: "cancel", reason: "no" }), "applied");
    assert.equal(await w.amend(await w.job(job.id), answerTo("approval")), "stale");
    assert.deepEqual([(await waitOf(w, job)).value, (await w.job(job.id)).waitingFor], [null, null]);
  },
  "a wait that is over ends when its time comes, not sooner": async (w) => {
    const [late, soon] = [await parkedJob(w, "a", AT + DAY), await parkedJob(w, "b", AT + MINUTE)];
    const never = await parkedJob(w, "c");
    assert.deepEqual(await w.driver.endWaits(AT, 10), { released: [], nextDueAt: AT + MINUTE });
    assert.deepEqual(await w.driver.endWaits(AT + MINUTE, 10), {
      released: [soon.id],
      nextDueAt: AT + DAY,
    });
    assert.equal((await waitOf(w, soon, "b")).timedOutAt, AT + MINUTE);
    assert.deepEqual(await w.driver.endWaits(AT + 2 * DAY, 10), { released: [late.id], nextDueAt: null });
    assert.deepEqual(await w.claimIds(), [soon.id, late.id]);
    assert.equal((await w.job(never.id)).state, "blocked");
  },
  "a wait that its job has left does not end when its time comes": async (w) => {
    const job = await parkedJob(w, "left", AT + SECOND);
    assert.equal(await w.amend(job, { kind: "makeAvailable" }), "applied");
    const run = await w.claimOne();
    await ask(w, run, "next", AT + MINUTE);
    await w.settle(run, parkedAt("next"), AT);
    assert.deepEqual(await w.driver.endWaits(AT + MINUTE, 10), { released: [job.id], nextDueAt: null });
    assert.deepEqual(
      (await w.driver.waits(job.id)).map(({ name, timedOutAt }) => [name, timedOutAt]),
      [["left", null], ["next", AT + MINUTE]],
    );
  },
  "waits end soonest first, as many as asked for": async (w) => {
    const ids = [];
    for (const ms of [3, 1, 2]) ids.push((await parkedJob(w, "a", AT + ms * MINUTE)).id);
    assert.deepEqual((await w.driver.endWaits(AT + DAY, 2)).released, [ids[1], ids[2]]);
    assert.deepEqual(await w.driver.endWaits(AT + DAY, 2), { released: [ids[0]], nextDueAt: null });
  },
  "what has timed out is not answered any more, nor asked for anew": async (w) => {
    const job = await parkedJob(w, "approval", AT + MINUTE);
    assert.equal(await w.amend(job, answerTo("approval"), AT + MINUTE), "stale");
    assert.equal((await w.job(job.id)).state, "blocked");
    await w.driver.endWaits(AT + MINUTE, 10);
    const run = await w.claimOne();
    assert.equal(await w.amend(run, answerTo("approval"), AT + MINUTE), "stale");
    const wait = await ask(w, run, "approval", AT + DAY);
    assert.deepEqual([wait.timedOutAt, wait.until, wait.value], [AT + MINUTE, AT + MINUTE, null]);
  },
  "asking when the time is over ends the wait": async (w) => {
    const job = await w.start();
    await ask(w, job, "approval", AT + MINUTE);
    await w.settle(job, released);
    const run = await w.claimOne();
    const opening = { name: "approval", kind: "answer", ask: true, until: T + DAY } as const;
    const wait = await w.driver.openWait(run, { ...opening, at: AT + MINUTE });
    assert.deepEqual([wait?.timedOutAt, wait?.until], [AT + MINUTE, AT + MINUTE]);
    assert.equal(await w.amend(run, answerTo("approval"), AT), "stale");
    const now = await w.driver.openWait(run, { ...opening, name: "at once", at: AT, until: AT });
    assert.equal(now?.timedOutAt, AT);
  },
  "the time of a wait begins when the handler asks, not when its token is made": async (w) => {
    const job = await w.start();
    const opening = { name: "approval", kind: "answer", until: AT + MINUTE } as const;
    const opened = await w.driver.openWait(job, { ...opening, at: T, ask: false });
    assert.deepEqual([opened?.openedAt, opened?.askedAt, opened?.until], [T, null, null]);
    const asked = await w.driver.openWait(job, { ...opening, at: AT, ask: true });
    assert.deepEqual([asked?.openedAt, asked?.askedAt, asked?.until], [T, AT, AT + MINUTE]);
    const again = await w.driver.openWait(job, { ...opening, at: AT + 1, ask: true, until: T + DAY });
    assert.deepEqual([again?.askedAt, again?.until], [AT, AT + MINUTE]);
  },
  "only the live attempt may ask, and take an answer back": async (w) => {
    const zombie = await w.start();
    await w.settle(zombie, released);
    const opening = { name: "a", kind: "answer", at: AT, ask: true, until: null } as const;
    assert.equal(await w.driver.openWait(zombie, opening), undefined);
    const live = await w.claimOne();
    assert.equal(await w.driver.openWait(zombie, opening), undefined);
    assert.deepEqual(await w.driver.waits(live.id), []);
    await w.driver.openWait(live, opening);
    await w.amend(live, answerTo("a"));
    assert.equal(await w.driver.forgetWait(zombie, "a"), false);
    assert.equal(await w.driver.forgetWait(live, "b"), false);
    assert.equal(await w.driver.forgetWait(live, "a"), true);
    assert.equal((await w.driver.openWait(live, opening))?.answeredAt, null);
  },
  "a parked job can be ended with a result or an error, others cannot": async (w) => {
    const [one, two] = [await parkedJob(w), await parkedJob(w)];
    assert.equal(await w.amend(one, { kind: "complete", result: { pages: 3 } }, T + MINUTE), "applied");
    const error = { code: "rejected", message: "no" };
    assert.equal(await w.amend(two, { kind: "fail", error }, T + MINUTE), "applied");
    const [completed, dead] = [await w.job(one.id), await w.job(two.id)];
    assert.deepEqual([completed.state, completed.result, completed.finishedAt, completed.error], [
      "completed",
      { pages: 3 },
      T + MINUTE,
      null,
    ]);
    assert.deepEqual([dead.state, dead.error, dead.finishedAt], ["dead", error, T + MINUTE]);
    assert.deepEqual(await w.list({ states: ["blocked"] }), []);
    assert.deepEqual(await w.list({ states: ["dead"] }), [dead.id]);
    const running = await w.start();
    const available = await w.add();
    for (const job of [running, available, completed]) {
      assert.equal(await w.amend(job, { kind: "complete", result: 1 }), "stale");
      assert.equal(await w.amend(job, { kind: "fail", error }), "stale");
    }
  },
  "those who come after a job that is ended from outside are told": async (w) => {
    const job = await parkedJob(w);
    const child = await w.add({ options: { after: { jobs: [job.id] } } });
    assert.equal(child.state, "blocked");
    await w.amend(job, { kind: "complete", result: 1 }, T + MINUTE);
    assert.deepEqual((await w.driver.tellChildren({ now: T + MINUTE, limit: 10 })).released, [child.id]);
    assert.deepEqual(await w.claimIds(), [child.id]);
  },
  "a parked job is cancelled at once, expires and can be deleted": async (w) => {
    const job = await w.start({ expireAt: T + MINUTE });
    await ask(w, job, "approval", AT + SECOND);
    await w.settle(job, parkedAt("approval"), AT);
    assert.deepEqual((await w.driver.overdue(T + MINUTE, 10)).map(({ id }) => id), [job.id]);
    assert.equal(await w.amend(await w.job(job.id), { kind: "expire" }), "applied");
    const [cancelled, deleted] = [await parkedJob(w), await parkedJob(w, "approval", AT + SECOND)];
    assert.equal(await w.amend(cancelled, { kind: "cancel", reason: "no" }), "applied");
    assert.equal(await w.amend(deleted, { kind: "delete" }), "applied");
    assert.deepEqual(await w.driver.waits(deleted.id), []);
    assert.deepEqual(await w.driver.endWaits(T + DAY, 10), { released: [], nextDueAt: null });
    assert.deepEqual(
      await Promise.all([job, cancelled].map(async ({ id }) => (await w.job(id)).state)),
      ["expired", "cancelled"],
    );
  },
  "a job that is to be cancelled does not park": async (w) => {
    const job = await w.start();
    await ask(w, job);
    await w.amend(job, { kind: "requestCancel" });
    assert.equal(await w.settle(job, parkedAt("approval"), AT), "cancel_requested");
  },
  "a dead job that is retried keeps its answers and waits anew for the rest, a completed one begins anew":
    async (w) => {
      const run = async (end: typeof done): Promise<Job> => {
        const job = await w.start({ maxAttempts: 1 });
        await ask(w, job, "a");
        await w.amend(job, answerTo("a"));
        await ask(w, job, "b", AT);
        await w.settle(job, end);
        const ended = await w.job(job.id);
        assert.equal(await w.amend(ended, { kind: "makeAvailable" }), "applied");
        return await w.claimOne();
      };
      const retried = await run(failed);
      assert.deepEqual((await w.driver.waits(retried.id)).map(({ name }) => name), ["a"]);
      const again = await run(done);
      assert.deepEqual(await w.driver.waits(again.id), []);
    },
  "a parked job stays where it is when it is changed; a new payload makes it forget answers": async (w) => {
    const job = await w.start();
    await ask(w, job, "before");
    await w.amend(job, answerTo("before"));
    await ask(w, job);
    await w.settle(job, parkedAt("approval"), AT);
    const parked = await w.job(job.id);
    const set = { payload: 2, priority: 7, runAt: T + DAY };
    assert.equal(await w.amend(parked, { kind: "replace", set }), "applied");
    const changed = await w.job(job.id);
    assert.deepEqual([changed.state, changed.waitingFor, changed.priority], ["blocked", "approval", 7]);
    assert.deepEqual((await w.driver.waits(job.id)).map(({ name }) => name), ["approval"]);
    // The start time that it was given counts when it has its answer.
    assert.equal(await w.amend(changed, answerTo("approval")), "applied");
    assert.equal((await w.job(job.id)).state, "scheduled");
    assert.equal((await w.driver.promote(T + DAY, 10)).promoted, 1);
  },
  "a job that waits at a limit waits for no answer": async (w) => {
    const job = await parkedJob(w);
    await w.amend(job, answerTo("approval"));
    const limit = { namespace: "default", target: "type", name: "test", key: "" } as const;
    await w.driver.saveLimit({ ...limit, settings: { concurrency: 1 }, pausedAt: T, source: "operator" }, T);
    const claim = await w.claim();
    const runs = claim.jobs.map(({ id, attempt }) => ({ id, attempt }));
    const request = { namespace: "default", leaseId: claim.leaseId ?? "", runs, now: T };
    assert.deepEqual(await w.driver.acquire(request), ["parked"]);
    const blocked = await w.job(job.id);
    assert.deepEqual([blocked.state, blocked.waitingFor], ["blocked", null]);
  },
  "the secret of a store stays the same, and cannot be guessed": async (w) => {
    const secret = await w.driver.secret();
    assert.ok(secret.length >= 32);
    assert.equal(await w.driver.secret(), secret);
  },
  "waits of jobs that do not exist are none": async (w) => {
    assert.deepEqual(await w.driver.waits(w.make().id), []);
    assert.deepEqual(await w.driver.waits("no id"), []);
  },
};

async function transition(w: World, { id }: Job) {
  const { attempt, namespace, queue, type, failures, releases } = await w.job(id);
  return { id, attempt, namespace, queue, type, failures, releases, at: AT, error: null };
}
