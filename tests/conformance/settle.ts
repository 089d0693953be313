import assert from "node:assert/strict";
import type { Outcome } from "../../src/domain/outcome.ts";
import { withFollowUps } from "../../src/domain/transition.ts";
import {
  amendment,
  cancelled,
  type Chapter,
  decideAt,
  done,
  doomed,
  expired,
  failed,
  idOf,
  LEASE,
  lost,
  MINUTE,
  released,
  SECOND,
  snoozed,
  T,
} from "./world.ts";

const AT = T + SECOND;

export const settleChapter: Chapter = {
  "a completed job has its result and its end": async (w) => {
    const job = await w.start({ expireAt: T + MINUTE });
    assert.equal(await w.settle(job, done), "applied");
    assert.deepEqual(await w.job(job.id), {
      ...job,
      state: "completed",
      finishedAt: AT,
      leaseId: null,
      result: { ok: true },
      expireAt: null,
    });
  },
  "a failed job is scheduled again with one failure more": async (w) => {
    const job = await w.start({ expireAt: T + MINUTE });
    assert.equal(await w.settle(job, failed), "applied");
    assert.deepEqual(await w.job(job.id), {
      ...job,
      state: "scheduled",
      leaseId: null,
      failures: 1,
      runAt: AT + 10 * SECOND,
      error: { code: "error", message: "it broke", retryInMs: 10 * SECOND },
    });
  },
  "a job that fails for good is dead and gives up its deadline": async (w) => {
    const job = await w.start({ expireAt: T + MINUTE });
    assert.equal(await w.settle(job, doomed), "applied");
    const error = { code: "error", message: "it broke" };
    const end = { state: "dead", leaseId: null, failures: 1, finishedAt: AT, expireAt: null, error };
    assert.deepEqual(await w.job(job.id), { ...job, ...end });
  },
  "cancelled and expired jobs end with the reason": async (w) => {
    for (const [outcome, state] of [[cancelled, "cancelled"], [expired, "expired"]] as const) {
      const job = await w.finish(outcome);
      assert.deepEqual([job.state, job.finishedAt, job.failures, job.error?.code], [state, AT, 0, state]);
    }
  },
  "a failure that is not the job's fault is kept and costs nothing": async (w) => {
    const job = await w.start({ maxAttempts: 1 });
    const error = { code: "transient", message: "the service is away" };
    assert.equal(await w.settle(job, { kind: "failed", error, transient: true }), "applied");
    const after = await w.job(job.id);
    assert.deepEqual([after.state, after.failures, after.error?.message], ["scheduled", 0, error.message]);
    const [execution] = await w.driver.executions(job.id);
    assert.deepEqual([execution?.outcome, execution?.error?.code], ["failed", "transient"]);
  },
  "a snoozed job waits and costs neither a failure nor a hand-back": async (w) => {
    const job = await w.start();
    assert.equal(await w.settle(job, snoozed), "applied");
    const after = await w.job(job.id);
    assert.deepEqual(after, { ...job, state: "scheduled", leaseId: null, runAt: AT + MINUTE });
  },
  "a job that is handed back is available at once, behind those of its priority": async (w) => {
    const job = await w.start();
    const [other] = await w.addMany(1);
    const [urgent] = await w.addMany(1, { priority: 1 });
    assert.equal(await w.settle(job, released), "applied");
    assert.deepEqual(await w.job(job.id), { ...job, state: "available", leaseId: null, releases: 1 });
    assert.deepEqual(await w.claimIds(), [urgent, other, job.id]);
  },
  "a lost run counts as a failure": async (w) => {
    const job = await w.start();
    assert.equal(await w.settle(job, lost), "applied");
    const { state, failures, error } = await w.job(job.id);
    assert.deepEqual([state, failures, error?.code], ["scheduled", 1, "worker_lost"]);
  },
  "attempt, failures and hand-backs are counted apart": async (w) => {
    const { id } = await w.add({ maxAttempts: 3 });
    const seen = [];
    for (const outcome of [released, failed, snoozed, released, failed, snoozed, failed]) {
      const job = await w.claimOne();
      assert.equal(await w.settle(job, outcome), "applied");
      const { state, attempt, failures, releases } = await w.job(id);
      seen.push(`${state} ${attempt} ${failures} ${releases}`);
      await w.driver.promote(T + MINUTE * 60, 10);
    }
    assert.deepEqual(seen, [
      "available 1 0 1",
      "scheduled 2 1 1",
      "scheduled 3 1 1",
      "available 4 1 2",
      "scheduled 5 2 2",
      "scheduled 6 2 2",
      "dead 7 3 2",
    ]);
  },
  "the latest failure stays until there is another": async (w) => {
    const job = await w.start();
    await w.settle(job, failed);
    const error = (await w.job(job.id)).error;
    for (const outcome of [snoozed, released, done]) {
      await w.driver.promote(T + 60 * MINUTE, 10);
      await w.settle(await w.claimOne(), outcome);
      assert.deepEqual((await w.job(job.id)).error, error, outcome.kind);
    }
  },
  "follow-ups are there exactly when the run has ended as wished": async (w) => {
    const cases = [[done, true], [snoozed, true], [failed, false], [cancelled, false], [
      released,
      false,
    ]] as const;
    for (const [outcome, wanted] of cases) {
      const job = await w.start({ queue: "first" });
      const followUps = [w.make({ queue: "new" }), w.make({ queue: "new", runAt: T + MINUTE })];
      const transition = withFollowUps(decideAt(job, outcome, AT), followUps);
      assert.equal(await w.write(transition), "applied");
      const found = await w.driver.get(followUps.map(({ id }) => id));
      assert.deepEqual(found.map(({ state }) => state).sort(), wanted ? ["available", "scheduled"] : []);
      // A repetition whose first reply was lost finds the run over, and adds nothing.
      await w.driver.amend(found.map((job) => amendment(job, { kind: "delete" }, AT)));
      assert.equal(await w.write(transition), "stale");
      assert.deepEqual(await w.driver.get(followUps.map(({ id }) => id)), []);
    }
  },
  "follow-ups of a batch come with their own runs only, and those with a key that is taken are left out":
    async (w) => {
      const jobs = [await w.start(), await w.start()];
      const stale = { ...jobs[1]!, attempt: 9 };
      const [holder] = await w.addMany(1, { options: { uniqueKey: "k" } });
      const wanted = [w.make(), w.make({ options: { uniqueKey: "k" } })];
      const unwanted = [w.make()];
      const results = await w.driver.settle({
        transitions: [
          withFollowUps(decideAt(jobs[0]!, done, AT), wanted),
          withFollowUps(decideAt(stale, done, AT), unwanted),
          decideAt(jobs[1]!, done, AT),
        ],
        close: [],
      });
      assert.deepEqual(results, ["applied", "stale", "applied"]);
      const ids = [...wanted, ...unwanted].map(({ id }) => id);
      assert.deepEqual((await w.driver.get(ids)).map(({ id }) => id), [wanted[0]!.id]);
      assert.deepEqual(await w.claimIds(), [holder, wanted[0]!.id]);
    },
  "a second ending of the same run is stale and changes nothing": async (w) => {
    for (const first of [done, failed, doomed, cancelled, expired, released, snoozed]) {
      const job = await w.start();
      assert.equal(await w.settle(job, first), "applied");
      const after = await w.job(job.id);
      for (const second of [done, failed, doomed, cancelled, expired, released, snoozed, lost]) {
        assert.equal(await w.settle(job, second, T + MINUTE), "stale", `${first.kind}, then ${second.kind}`);
      }
      assert.deepEqual(await w.job(job.id), after);
      await w.amend(after, { kind: "delete" });
    }
  },
  "an earlier run that ends late is stale: the later run goes on": async (w) => {
    const zombie = await w.start();
    assert.equal(await w.settle(zombie, released), "applied");
    const live = await w.claimOne({ worker: "w2" });
    for (const outcome of [done, failed, doomed, cancelled, released]) {
      assert.equal(await w.settle(zombie, outcome), "stale");
    }
    assert.deepEqual(await w.job(live.id), live);
    assert.equal(await w.settle(live, done), "applied");
    assert.equal(await w.settle(zombie, doomed), "stale");
    assert.equal((await w.job(live.id)).state, "completed");
  },
  "a run that has not begun cannot end": async (w) => {
    const job = await w.start();
    assert.equal(await w.settle({ ...job, attempt: 2 }, done), "stale");
    assert.equal(await w.settle({ ...job, attempt: 0 }, done), "stale");
    assert.equal(await w.settle({ ...job, id: idOf(99_999) }, done), "stale");
    const waiting = await w.add();
    assert.equal(await w.settle(waiting, done), "stale");
    assert.deepEqual(await w.job(job.id), job);
  },
  "a deleted job cannot end": async (w) => {
    const job = await w.start();
    await w.settle(job, done);
    await w.amend(await w.job(job.id), { kind: "delete" });
    assert.equal(await w.settle(job, done), "stale");
    assert.deepEqual(await w.driver.get([job.id]), []);
  },
  "a batch answers in order, and one stale end does not hold up the others": async (w) => {
    await w.addMany(6, { maxAttempts: 1 });
    const { leaseId, jobs } = await w.claim({ limit: 6 });
    const [a, b, c, d, e, f] = jobs;
    assert.ok(leaseId && a && b && c && d && e && f);
    await w.settle(b, done);
    const endings: [typeof a, Outcome][] = [
      [f, snoozed],
      [b, doomed],
      [a, done],
      [e, released],
      [d, failed],
      [c, lost],
    ];
    const transitions = endings.map(([job, outcome]) => decideAt(job, outcome, AT));
    assert.deepEqual(await w.driver.settle({ transitions, close: [leaseId] }), [
      "applied",
      "stale",
      "applied",
      "applied",
      "applied",
      "applied",
    ]);
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), [leaseId]);
    const states = await Promise.all(jobs.map(async ({ id }) => (await w.job(id)).state));
    assert.deepEqual(states, ["completed", "completed", "dead", "dead", "available", "scheduled"]);
  },
  "one run that ends twice in a batch ends once, as the first says": async (w) => {
    const job = await w.start();
    const transitions = [done, doomed, released].map((outcome) => decideAt(job, outcome, AT));
    assert.deepEqual(await w.driver.settle({ transitions, close: [] }), ["applied", "stale", "stale"]);
    assert.equal((await w.job(job.id)).state, "completed");
    assert.equal((await w.driver.executions(job.id)).length, 1);
    assert.deepEqual(await w.claimIds(), []);
  },
  "hand-backs of one batch become available in the order given": async (w) => {
    const ids = await w.addMany(5);
    const { jobs } = await w.claim({ limit: 5 });
    const order = [3, 0, 4, 1, 2];
    const transitions = order.flatMap((index) => jobs[index] ?? []).map((job) => decideAt(job, released, AT));
    await w.driver.settle({ transitions, close: [] });
    assert.deepEqual(await w.claimIds(), order.map((index) => ids[index]));
  },
  "a large batch is written at once": async (w) => {
    await w.addMany(500);
    const { leaseId, jobs } = await w.claim({ limit: 500 });
    assert.ok(leaseId);
    const transitions = jobs.map((job) => decideAt(job, done, AT));
    const results = await w.driver.settle({ transitions, close: [leaseId] });
    assert.deepEqual(new Set(results), new Set(["applied"]));
    assert.equal((await w.list({ states: ["completed"] })).length, 500);
  },
  "closed leases are gone, others stay": async (w) => {
    await w.addMany(2);
    const [first, second] = [await w.claim(), await w.claim()];
    assert.ok(first.leaseId && second.leaseId && first.jobs[0]);
    const transitions = [decideAt(first.jobs[0], done, AT)];
    await w.driver.settle({ transitions, close: [first.leaseId] });
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), [second.leaseId]);
    await w.driver.settle({ transitions: [], close: [first.leaseId, "999999"] });
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), [second.leaseId]);
  },
  "leases are closed only with a batch that is applied as a whole": async (w) => {
    await w.addMany(3);
    const { leaseId, jobs: [first, second, third] } = await w.claim({ limit: 3 });
    assert.ok(leaseId && first && second && third);
    await w.amend(first, { kind: "requestCancel" });
    const settle = (...ends: [typeof first, Outcome][]): Promise<string[]> => {
      const transitions = ends.map(([job, outcome]) => decideAt(job, outcome, AT));
      return w.driver.settle({ transitions, close: [leaseId] });
    };
    assert.deepEqual(await settle([first, done], [second, done]), ["cancel_requested", "applied"]);
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), [leaseId]);
    assert.deepEqual(await settle([second, done], [third, done]), ["stale", "applied"]);
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), [leaseId]);
    assert.deepEqual(await settle([first, cancelled]), ["applied"]);
    assert.deepEqual(await w.driver.extend("w1", T + LEASE), []);
  },
  "nothing to settle gives nothing": async (w) => {
    assert.deepEqual(await w.driver.settle({ transitions: [], close: [] }), []);
  },
  "of concurrent ends of one run exactly one is applied": async (w) => {
    const drivers = [w.driver, await w.reopen()];
    const job = await w.start();
    const results = await Promise.all(
      [done, doomed, failed, released, cancelled, snoozed, done, lost].map((outcome, n) =>
        drivers[n % 2]?.settle({ transitions: [decideAt(job, outcome, AT)], close: [] })
      ),
    );
    assert.deepEqual(results.flat().toSorted(), ["applied", ...Array(7).fill("stale")]);
    assert.equal((await w.driver.executions(job.id)).length, 1);
  },
};
