import assert from "node:assert/strict";
import type { JobdError } from "../../src/domain/errors.ts";
import type { Json } from "../../src/domain/json.ts";
import type { OpenOptions } from "../../src/runtime/jobd_options.ts";
import type { OpenStore } from "../conformance/store.ts";
import { BACKOFF_MS, LEASE_MS, runsOf, Servers } from "./servers.ts";

const KEYS = { current: "k1", keys: { k1: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" } };

const lost = (error: unknown): boolean => (error as JobdError).code === "lease_lost";
const invalid = (pattern: RegExp) => (error: unknown): boolean =>
  (error as JobdError).code === "invalid_request" && pattern.test((error as Error).message);

type Test = (s: Servers) => Promise<void>;

const CLAIMS: Record<string, Test> = {
  "a claim gives jobs in order, with their deadlines, and nothing twice": async (s) => {
    const low = await s.here.enqueue({ type: "a", payload: { n: 1 }, timeout: "1m" });
    const high = await s.here.enqueue({ type: "b", priority: "high" });
    const lease = await s.claim();
    assert.deepEqual(lease.jobs.map(({ job }) => [job.id, job.attempt, job.state]), [
      [high.id, 1, "running"],
      [low.id, 1, "running"],
    ]);
    const [first, second] = lease.jobs;
    assert.ok(first && second);
    assert.deepEqual(second.job.payload, { n: 1 });
    assert.equal(second.deadline - (second.job.startedAt ?? 0), 60_000);
    assert.equal(first.deadline - (first.job.startedAt ?? 0), 300_000);
    assert.deepEqual([lease.worker, lease.leaseMs], ["remote:w1@default", LEASE_MS]);
    assert.equal(await s.maybe(), undefined);
  },
  "only the queues and types that were asked for, and those of the caller": async (s) => {
    for (const queue of ["q1", "q2"]) {
      for (const type of ["a", "b"]) await s.here.enqueue({ type, queue });
    }
    const kinds = async (request: object, scope?: { queues: string[] | null; types: string[] | null }) => {
      const lease = await s.here.leases.claim({ worker: "w1", limit: 9, ...request }, scope ? { scope } : {});
      return lease?.jobs.map(({ job }) => `${job.queue} ${job.type}`).sort();
    };
    assert.deepEqual(await kinds({ queues: ["q1"], types: ["b"] }), ["q1 b"]);
    assert.deepEqual(await kinds({}, { queues: ["q1"], types: ["b"] }), undefined);
    assert.deepEqual(await kinds({}, { queues: ["q2"], types: ["a"] }), ["q2 a"]);
    assert.deepEqual(await kinds({}), ["q1 a", "q2 b"]);
  },
  "pauses and limits count as for every worker": async (s) => {
    await s.here.queues.create("q");
    await s.here.queues.pause("q");
    await s.here.limits.set({ type: "narrow", concurrency: 1 });
    await s.here.enqueue({ type: "a", queue: "q" });
    const [one, two] = await s.here.enqueueMany([{ type: "narrow" }, { type: "narrow" }]);
    assert.ok(one && two);
    const lease = await s.claim();
    assert.deepEqual(lease.jobs.map(({ job }) => job.id), [one.id]);
    assert.equal(await s.maybe(), undefined);
    assert.equal((await s.job(two.id)).state, "blocked");
    const [run] = runsOf(lease);
    assert.ok(run);
    await s.here.leases.complete(run);
    assert.deepEqual((await s.claim()).jobs.map(({ job }) => job.id), [two.id]);
    await s.here.queues.resume("q");
    assert.equal((await s.claim()).jobs[0]?.job.queue, "q");
  },
  "a worker that is gone takes its place at a limit with it only until the lease ends": async (s) => {
    await s.here.limits.set({ type: "narrow", concurrency: 1 });
    const [one, two] = await s.here.enqueueMany([{ type: "narrow" }, { type: "narrow" }]);
    assert.ok(one && two);
    await s.claim();
    assert.equal(await s.maybe(), undefined);
    s.pass(LEASE_MS + 1);
    assert.equal(await s.sweep(), 1);
    assert.deepEqual((await s.claim()).jobs.map(({ job }) => job.id), [two.id]);
  },
  "a claim that waits gets the job that comes, from whatever program": async (s) => {
    const waiting = s.maybe({ wait: "50s" });
    await s.there.leases.claim({ worker: "other" });
    const { id } = await s.there.enqueue({ type: "a" });
    assert.deepEqual((await waiting)?.jobs.map(({ job }) => job.id), [id]);
  },
  "of those who wait for the same, one gets the job, and the others wait on": async (s) => {
    const all = ["w1", "w2", "w3"].map((worker) => s.maybe({ worker, wait: "50s", limit: 1 }));
    const [a, b, c] = await s.here.enqueueMany([{ type: "a" }, { type: "a" }, { type: "a" }]);
    const got = (await Promise.all(all)).map((lease) => lease?.jobs.map(({ job }) => job.id));
    assert.deepEqual(got.flat().sort(), [a?.id, b?.id, c?.id].sort());
    assert.deepEqual(got.map((jobs) => jobs?.length), [1, 1, 1]);
  },
  "a wait ends with nothing after its time, when its caller goes, and when the program ends": async (s) => {
    assert.equal(await s.maybe({ wait: "20ms" }), undefined);
    const gone = new AbortController();
    const left = s.here.leases.claim({ worker: "w1", wait: "50s" }, { signal: gone.signal });
    gone.abort();
    assert.equal(await left, undefined);
    const { id } = await s.here.enqueue({ type: "a" });
    const nobody = s.here.leases.claim({ worker: "w1" }, { signal: gone.signal });
    assert.equal(await nobody, undefined);
    assert.equal((await s.job(id)).state, "available");
    const last = s.there.leases.claim({ worker: "w2", queues: ["empty"], wait: "50s" });
    await s.there.leases.close();
    assert.equal(await last, undefined);
  },
  "a wish that cannot be is refused": async (s) => {
    await assert.rejects(s.maybe({ limit: 0 }), invalid(/limit: 0 is not a whole number from 1 to 100/));
    await assert.rejects(s.maybe({ limit: 101 }), invalid(/limit/));
    await assert.rejects(s.maybe({ wait: "51s" }), invalid(/wait: "51s" is not at most 50 seconds/));
    await assert.rejects(
      s.maybe({ lease: "500ms" }),
      invalid(/lease: "500ms" is not from one second to one hour/),
    );
    await assert.rejects(s.maybe({ worker: "a@b" }), invalid(/worker/));
    await assert.rejects(s.maybe({ queues: [] }), invalid(/list of queues/));
  },
};

const REPORTS: Record<string, Test> = {
  "complete keeps the result, and says the same when it is repeated, by another server too": async (s) => {
    const run = await s.start();
    const end = { jobId: run.job, attempt: 1, outcome: "completed", willRunAgain: false };
    assert.deepEqual(await s.here.leases.complete(run, { n: [1, null] }), end);
    const job = await s.job(run.job);
    assert.deepEqual([job.state, job.result, job.worker], [
      "completed",
      { n: [1, null] },
      "remote:w1@default",
    ]);
    assert.deepEqual(await s.here.leases.complete(run, { n: [1, null] }), end);
    assert.deepEqual(await s.there.leases.complete(run, "another"), end);
    assert.deepEqual((await s.job(run.job)).result, { n: [1, null] });
    await assert.rejects(s.here.leases.fail(run, { error: "no" }), lost);
    await assert.rejects(s.here.leases.release(run), lost);
    assert.deepEqual(await s.outcomes(run.job), ["completed"]);
  },
  "many reports of the same end at the same time are one end, and all hear of it": async (s) => {
    const run = await s.start();
    const ends = await Promise.all(
      Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? s.here : s.there).leases.complete(run, n)),
    );
    assert.deepEqual(new Set(ends.map(({ outcome }) => outcome)), new Set(["completed"]));
    assert.deepEqual(await s.outcomes(run.job), ["completed"]);
  },
  "a failed job waits as the backoff says, and is dead after its last attempt": async (s) => {
    const run = await s.start({ type: "a", maxAttempts: 2 });
    const error = { code: "smtp", message: "no route", stack: "at x", data: { host: "h" } };
    const end = { jobId: run.job, attempt: 1, outcome: "failed", willRunAgain: true };
    assert.deepEqual(await s.here.leases.fail(run, { error }), end);
    const waiting = await s.job(run.job);
    assert.equal(waiting.state, "scheduled");
    assert.deepEqual(waiting.error, { ...error, retryInMs: BACKOFF_MS });
    s.pass(BACKOFF_MS + 1);
    await s.sweep();
    const [again] = runsOf(await s.claim());
    assert.ok(again);
    assert.equal(again.attempt, 2);
    assert.deepEqual(await s.here.leases.fail(run, { error }), end, "the first attempt, said again");
    const dead = { jobId: run.job, attempt: 2, outcome: "failed", willRunAgain: false };
    assert.deepEqual(await s.here.leases.fail(again, { error: "gone" }), dead);
    assert.deepEqual(await s.here.leases.fail(again, { error: "gone" }), dead);
    assert.equal((await s.job(run.job)).state, "dead");
    assert.deepEqual(await s.outcomes(run.job), ["failed", "failed"]);
  },
  "a failure may be permanent, transient, or name its own delay": async (s) => {
    const permanent = await s.start({ type: "a", maxAttempts: 9 });
    assert.equal((await s.here.leases.fail(permanent, { error: "x", permanent: true })).willRunAgain, false);
    assert.equal((await s.job(permanent.job)).state, "dead");
    const transient = await s.start({ type: "a", maxAttempts: 1 });
    assert.equal((await s.here.leases.fail(transient, { error: "x", transient: true })).willRunAgain, true);
    assert.equal((await s.job(transient.job)).failures, 0);
    const timed = await s.start();
    await s.here.leases.fail(timed, { error: "x", retryIn: "2h" });
    assert.equal((await s.job(timed.job)).error?.retryInMs, 7_200_000);
    await assert.rejects(s.here.leases.fail(timed, { error: "x", retryIn: "soon" }), invalid(/retryIn/));
  },
  "a snooze puts a job off and costs nothing; a cool-down all of its key": async (s) => {
    const run = await s.start({ type: "a", limitKey: "shop" });
    const end = await s.here.leases.snooze(run, { delay: "10s", reason: "later", coolDown: true });
    assert.deepEqual([end.outcome, end.willRunAgain], ["snoozed", true]);
    const job = await s.job(run.job);
    assert.deepEqual([job.state, job.failures, job.error], ["scheduled", 0, null]);
    assert.equal((await s.here.executions.of(run.job))[0]?.error?.message, "later");
    assert.deepEqual((await s.here.leases.snooze(run, { delay: "10s" })).outcome, "snoozed");
    const other = await s.here.enqueue({ type: "a", limitKey: "shop" });
    assert.equal(await s.maybe(), undefined);
    assert.equal((await s.job(other.id)).state, "blocked");
    for (const wish of [{}, { delay: 1, until: Date.now() }]) {
      await assert.rejects(s.here.leases.snooze(run, wish), invalid(/either a delay or a time/));
    }
  },
  "what is released can be had at once, and counts for nothing a few times": async (s) => {
    const run = await s.start();
    assert.deepEqual((await s.here.leases.release(run)).willRunAgain, true);
    assert.deepEqual((await s.there.leases.release(run)).outcome, "released");
    const [again] = runsOf(await s.claim());
    assert.deepEqual([again?.job, again?.attempt], [run.job, 2]);
    assert.equal((await s.job(run.job)).failures, 0);
  },
  "reports of a lease that has ended are refused and change nothing, taken over or not": async (s) => {
    const run = await s.start();
    const { leases } = s.here;
    s.pass(LEASE_MS + 1);
    const before = await s.job(run.job);
    const refused = async (): Promise<void> => {
      await assert.rejects(leases.complete(run, "late"), lost);
      await assert.rejects(leases.fail(run, { error: "late" }), lost);
      await assert.rejects(leases.snooze(run, { delay: 1 }), lost);
      await assert.rejects(leases.release(run), lost);
      await assert.rejects(leases.progress(run, "late"), lost);
      await assert.rejects(leases.log(run, { seq: 0, text: "late" }), lost);
      await assert.rejects(leases.wait(run, { name: "late" }), lost);
      await assert.rejects(leases.extend(run.lease), lost);
    };
    await refused();
    assert.deepEqual(await s.job(run.job), before);
    assert.equal(await s.sweep(), 1);
    await refused();
    s.pass(BACKOFF_MS + 1);
    await s.sweep();
    const [second] = runsOf(await s.claim({ worker: "w2" }));
    assert.deepEqual([second?.job, second?.attempt], [run.job, 2]);
    const taken = await s.job(run.job);
    await refused();
    assert.deepEqual(await s.job(run.job), taken);
    assert.ok(second);
    assert.equal((await leases.complete(second, "mine")).outcome, "completed");
    await refused();
    assert.deepEqual([(await s.job(run.job)).result, await s.outcomes(run.job)], ["mine", [
      "lost",
      "completed",
    ]]);
    const logs = await Array.fromAsync(s.here.jobs.logs(run.job));
    assert.deepEqual(logs, []);
  },
  "no attempt, lease or job but one's own": async (s) => {
    const run = await s.start();
    const other = await s.start({ type: "b" });
    for (
      const wrong of [
        { ...run, attempt: 2 },
        { ...run, lease: other.lease },
        { ...run, lease: "999999" },
        { ...run, lease: "1; drop" },
        { ...run, job: other.job },
        { ...run, job: crypto.randomUUID() },
      ]
    ) await assert.rejects(s.here.leases.complete(wrong), lost);
    const scope = { queues: null, types: ["b"] };
    await assert.rejects(s.here.leases.complete(run, null, scope), lost);
    await assert.rejects(s.here.leases.extend(run.lease, {}, scope), lost);
    const tenant = await s.here.forNamespace("other");
    await assert.rejects(tenant.leases.complete(run), lost);
    await assert.rejects(tenant.leases.extend(run.lease), lost);
    await tenant.close();
    assert.equal((await s.job(run.job)).state, "running");
    assert.equal((await s.here.leases.complete(run)).outcome, "completed");
    await assert.rejects(s.here.leases.complete(run, null, scope), lost, "nor is it told how it ended");
  },
  "the leases of workers of jobd itself are nobody's business": async (s) => {
    await s.here.enqueue({ type: "a" });
    const now = s.here.now();
    const claim = await s.driver.claim({
      worker: "host:1:x",
      namespace: "default",
      queues: "all",
      types: "all",
      limit: 1,
      now,
      expiresAt: now + LEASE_MS,
    });
    const [job] = claim.jobs;
    assert.ok(job && claim.leaseId);
    const run = { lease: claim.leaseId, job: job.id, attempt: 1 };
    await assert.rejects(s.here.leases.complete(run), lost);
    await assert.rejects(s.here.leases.extend(run.lease), lost);
  },
};

const LIFE: Record<string, Test> = {
  "a renewed lease goes on, with the time that is asked for": async (s) => {
    const run = await s.start();
    s.pass(LEASE_MS - 1_000);
    const renewed = await s.there.leases.extend(run.lease);
    assert.deepEqual(renewed.jobs, [{ id: run.job, status: "running" }]);
    s.pass(LEASE_MS - 1_000);
    assert.equal(await s.sweep(), 0);
    assert.equal((await s.here.leases.extend(run.lease, { lease: "1h" })).leaseMs, 3_600_000);
    s.pass(LEASE_MS * 2);
    assert.equal(await s.sweep(), 0);
    assert.equal((await s.here.leases.complete(run)).outcome, "completed");
  },
  "a worker hears which of its jobs are to be stopped, and which are not its own any more": async (s) => {
    const made = await s.here.enqueueMany([{ type: "a" }, { type: "a" }, { type: "a" }]);
    const lease = await s.claim();
    const [first, second, third] = runsOf(lease);
    assert.ok(first && second && third);
    await s.here.jobs.cancel(first.job);
    await s.here.leases.complete(second);
    const running = (await s.here.leases.extend(lease.id)).jobs.map(({ id, status }) =>
      [id, status] as const
    );
    // In whatever order.
    assert.deepEqual(new Map(running), new Map([[first.job, "cancel"], [third.job, "running"]]));
    const jobs = made.map(({ id }) => id);
    assert.deepEqual((await s.here.leases.extend(lease.id, { jobs })).jobs.map(({ status }) => status), [
      "cancel",
      "lost",
      "running",
    ]);
    const end = { jobId: first.job, attempt: 1, outcome: "cancelled", willRunAgain: false };
    assert.deepEqual(await s.here.leases.complete(first, "too late"), end);
    assert.deepEqual(await s.here.leases.complete(first, "too late"), end);
    const job = await s.job(first.job);
    assert.deepEqual([job.state, job.result], ["cancelled", null]);
    await s.here.leases.release(third);
    await assert.rejects(s.here.leases.extend(lease.id), lost);
  },
  "an attempt that takes too long ends, whoever renews its lease; so does one past its deadline": async (
    s,
  ) => {
    const slow = await s.start({ type: "a", timeout: "40s" });
    const short = await s.start({ type: "b", ttl: "45s" });
    s.pass(LEASE_MS - 1_000);
    for (const { lease } of [slow, short]) await s.here.leases.extend(lease);
    s.pass(LEASE_MS - 1_000);
    for (const { lease } of [slow, short]) await assert.rejects(s.here.leases.extend(lease), lost);
    const job = await s.job(slow.job);
    assert.deepEqual([job.state, job.error?.code, job.failures], ["scheduled", "timeout", 1]);
    assert.match(job.error?.message ?? "", /longer than 40000 ms/);
    assert.equal((await s.job(short.job)).state, "expired");
    assert.deepEqual((await s.here.leases.complete(slow)).outcome, "failed");
    assert.deepEqual((await s.here.leases.complete(short)).outcome, "expired");
  },
  "a result that comes after the time of the attempt does not count": async (s) => {
    const run = await s.start({ type: "a", timeout: "5s" });
    s.pass(5_001);
    const end = await s.here.leases.complete(run, 1);
    assert.deepEqual([end.outcome, end.willRunAgain], ["failed", true]);
    assert.deepEqual(await s.here.leases.complete(run, 1), end);
    assert.equal((await s.job(run.job)).error?.code, "timeout");
  },
  "remote workers are seen, with what they run": async (s) => {
    const made = await s.here.enqueueMany([{ type: "a" }, { type: "a" }]);
    assert.equal(made.length, 2);
    const lease = await s.claim({ types: ["a"], queues: ["default"], limit: 3 });
    const [worker] = await s.there.workers.list();
    assert.ok(worker);
    const { id, namespace, queues, types, concurrency, running, process } = worker;
    assert.deepEqual({ id, namespace, queues, types, concurrency, running, process }, {
      id: "remote:w1@default",
      namespace: "default",
      queues: ["default"],
      types: ["a"],
      concurrency: 3,
      running: 2,
      process: { remote: true },
    });
    await s.there.leases.extend(lease.id);
    const [seen] = await s.here.workers.list();
    assert.deepEqual([seen?.running, seen?.startedAt, seen?.types], [2, worker.startedAt, ["a"]]);
    s.pass(61_000);
    assert.deepEqual(await s.here.workers.list(), []);
  },
  "a lease with nothing left of it goes with the last of its jobs": async (s) => {
    await s.here.enqueueMany([{ type: "a" }, { type: "a" }]);
    const lease = await s.claim();
    for (const run of runsOf(lease)) await s.here.leases.complete(run);
    const leases = [lease.id];
    assert.deepEqual(await s.driver.orphans({ now: 0, workers: [], leases, limit: 1 }), []);
  },
  "its ends are counted as those of others": async (s) => {
    const run = await s.start();
    await s.here.leases.complete(run);
    await s.here.leases.close();
    const { rows } = await s.there.stats();
    assert.deepEqual(rows.map(({ type, outcome, count }) => [type, outcome, count]), [["a", "completed", 1]]);
  },
};

const DATA: Record<string, Test> = {
  "logs are kept once each, in order, with progress": async (s) => {
    const run = await s.start();
    const { leases } = s.here;
    await leases.log(run, { seq: 0, text: "one\n" });
    await leases.log(run, { seq: 1, text: "two\n", stream: "stderr" });
    await s.there.leases.log(run, { seq: 1, text: "two\n", stream: "stderr" });
    await leases.log(run, { seq: 0, text: "one\n" });
    await s.there.leases.log(run, { seq: 2, text: "x".repeat(20_000) });
    const logs = await Array.fromAsync(s.here.jobs.logs(run.job));
    assert.deepEqual(logs.map(({ offset, stream, text }) => [offset, stream, text.length]), [
      [0, "stdout", 4],
      [4, "stderr", 4],
      [8, "stdout", 16_384],
      [16_392, "stdout", 3_616],
    ]);
    await assert.rejects(leases.log(run, { seq: 3, text: "x".repeat(65_537) }), invalid(/at most 65536/));
    await assert.rejects(leases.log(run, { seq: -1, text: "x" }), invalid(/seq/));
    await leases.progress(run, { percent: 40 });
    assert.deepEqual((await s.job(run.job)).progress, { percent: 40 });
  },
  "of a long log its beginning and its end are kept": async (s) => {
    const run = await s.start();
    for (let seq = 0; seq < 24; seq++) {
      const { leases } = seq === 20 ? s.there : s.here;
      await leases.log(run, { seq, text: String.fromCharCode(97 + seq).repeat(65_536) });
    }
    const logs = await Array.fromAsync(s.here.jobs.logs(run.job));
    const text = logs.map((chunk) => chunk.text[0]).join("").replaceAll(/(.)\1+/g, "$1");
    assert.match(text, /^abcdefgh/);
    assert.match(text, /uvwx$/);
    const size = logs.reduce((sum, chunk) => sum + chunk.text.length, 0);
    assert.ok(size <= 2 * 524_288 + 65_536 && size >= 1_000_000, String(size));
    assert.equal(logs.at(-1)?.offset, 24 * 65_536 - 16_384);
  },
  "the worker gets what is redacted, and what it leaves behind does not show it": async (s) => {
    const payload = { token: "s3cr3t-token", to: "ada" };
    const { id } = await s.here.enqueue({ type: "a", payload, redact: ["token"], maxAttempts: 1 });
    const lease = await s.claim();
    assert.deepEqual(lease.jobs[0]?.job.payload, payload);
    const [run] = runsOf(lease);
    assert.ok(run);
    await s.here.leases.log(run, { seq: 0, text: "used s3cr3t-token\n" });
    await s.here.leases.progress(run, { with: "s3cr3t-token" });
    await s.here.leases.fail(run, { error: { message: "refused s3cr3t-token" } });
    const job = await s.job(id);
    const logs = await Array.fromAsync(s.here.jobs.logs(id));
    const stored = await s.driver.get([id]);
    const shown: Json = JSON.parse(JSON.stringify([job.error, job.progress, logs, stored[0]?.error]));
    assert.doesNotMatch(JSON.stringify(shown), /s3cr3t/);
    assert.match(JSON.stringify(shown), /redacted/);
  },
  "what a handler elsewhere waits for is told to it when it has come": async (s) => {
    const run = await s.start();
    const wish = { name: "approval", timeout: "1h" };
    assert.deepEqual(await s.here.leases.wait(run, wish), { status: "parked" });
    assert.deepEqual(await s.there.leases.wait(run, wish), { status: "parked" });
    assert.equal((await s.job(run.job)).waitingFor, "approval");
    assert.equal(await s.maybe(), undefined);
    await s.here.waits.resume({ job: run.job, name: "approval" }, { yes: true });
    const [again] = runsOf(await s.claim());
    assert.ok(again);
    assert.deepEqual(await s.here.leases.wait(again, wish), { status: "answered", value: { yes: true } });
    assert.equal((await s.here.leases.complete(again)).outcome, "completed");
    assert.equal((await s.job(run.job)).failures, 0);
  },
  "jobs of groups come one by one": async (s) => {
    await s.here.enqueueMany([
      { type: "a", group: { key: "k", size: 2 } },
      { type: "a", group: { key: "k", size: 2 } },
    ]);
    const ids = new Set<string>();
    while (ids.size < 2) {
      await s.driver.ripen(s.here.now(), 10);
      for (
        const run of runsOf(await s.maybe() ?? { id: "", worker: "", expiresAt: 0, leaseMs: 0, jobs: [] })
      ) {
        ids.add(run.job);
        assert.equal((await s.here.leases.complete(run)).outcome, "completed");
      }
    }
  },
};

const ENCRYPTED: Record<string, Test> = {
  "encrypted jobs are opened for their worker, and their results sealed": async (s) => {
    const run = await s.start({ type: "a", payload: { secret: 1 }, encrypt: true });
    assert.deepEqual(await s.here.leases.complete(run, { also: "secret" }), {
      jobId: run.job,
      attempt: 1,
      outcome: "completed",
      willRunAgain: false,
    });
    const [stored] = await s.driver.get([run.job]);
    assert.doesNotMatch(JSON.stringify(stored), /"also"|"secret":1/);
    const job = await s.job(run.job);
    assert.deepEqual([job.payload, job.result], [{ secret: 1 }, { also: "secret" }]);
  },
};

const WITHOUT_KEY: Record<string, Test> = {
  "a job that cannot be read here is put off, and no worker gets it": async (s) => {
    const { Jobd } = await import("../../src/runtime/jobd.ts");
    const { keptOpen } = await import("../../src/storage/intercept.ts");
    await using other = await Jobd.open(keptOpen(s.driver), { encryption: KEYS });
    const { id } = await other.enqueue({ type: "a", payload: 1, encrypt: true });
    const plain = await s.here.enqueue({ type: "b" });
    assert.deepEqual((await s.claim()).jobs.map(({ job }) => job.id), [plain.id]);
    const job = await s.job(id);
    assert.deepEqual([job.state, job.failures], ["scheduled", 0]);
  },
};

/** What remote workers may rely on, on one backend. */
export function remote(name: string, open: OpenStore): void {
  const all: [Record<string, Test>, OpenOptions][] = [
    [{ ...CLAIMS, ...REPORTS, ...LIFE, ...DATA, ...WITHOUT_KEY }, {}],
    [ENCRYPTED, { encryption: KEYS }],
  ];
  for (const [tests, options] of all) {
    for (const [title, test] of Object.entries(tests)) {
      Deno.test(`${name}: remote workers: ${title}`, async () => {
        await using store = await open();
        await using servers = await Servers.open(store, options);
        await test(servers);
      });
    }
  }
}
