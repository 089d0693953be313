import assert from "node:assert/strict";
import { silentLogger } from "../../src/runtime/logger.ts";
import { system } from "../../src/storage/system.ts";
import { startServer } from "../../src/surfaces/http/server.ts";
import { Site } from "./site.ts";

const LEASES = "/api/v1/leases";

Deno.test("a worker's jobs over HTTP: claimed with what it needs, reported, reported again, and too late", async () => {
  await using site = await Site.open();
  const { id } = await site.jobd.enqueue({
    type: "mail",
    payload: { to: "ada" },
    headers: { traceparent: "00-1" },
    tags: ["news"],
    timeout: "1m",
  });
  const as = "work";
  const claimed = await site.call("POST", LEASES, { as, body: { worker: "w1", types: ["mail"] } });
  assert.equal(claimed.status, 200);
  const [job] = claimed.body.jobs;
  const { payload, attempt, headers, tags, timeoutMs } = job;
  assert.deepEqual({ id: job.id, payload, attempt, headers, tags, timeoutMs }, {
    id,
    payload: { to: "ada" },
    attempt: 1,
    headers: { traceparent: "00-1" },
    tags: ["news"],
    timeoutMs: 60_000,
  });
  const { lease } = claimed.body;
  assert.equal(lease.worker, "remote:w1@default");
  const place = `${LEASES}/${lease.id}/jobs/${id}`;
  const extended = await site.call("PATCH", `${LEASES}/${lease.id}`, { as, body: {} });
  assert.deepEqual(extended.body.jobs, [{ id, status: "running" }]);
  const done = { body: { attempt: 1, result: 42 }, as } as const;
  const end = { jobId: id, attempt: 1, outcome: "completed", willRunAgain: false };
  for (let n = 0; n < 2; n++) {
    const { status, body } = await site.call("POST", `${place}/complete`, done);
    assert.deepEqual([status, body], [200, end]);
  }
  const late = await site.call("POST", `${place}/fail`, { as, body: { attempt: 1, error: "no" } });
  assert.deepEqual([late.status, late.body.code], [409, "lease_lost"]);
  const nothing = await site.call("POST", LEASES, { as, body: { worker: "w1" } });
  assert.deepEqual([nothing.status, nothing.body], [200, { lease: null, jobs: [] }]);
});

Deno.test("a token is for its queues and types: in claims, and in reports", async () => {
  await using site = await Site.open();
  const [mine, other] = await site.jobd.enqueueMany([
    { type: "mail", queue: "mails" },
    { type: "other", queue: "mails" },
  ]);
  assert.ok(mine && other);
  const narrow = await site.secret("work", { queues: ["mails"], types: ["mail"] });
  const whole = await site.secret("work");
  const body = { worker: "w1", limit: 10 };
  for (const wish of [{ queues: ["default"] }, { types: ["mail", "other"] }]) {
    const refused = await site.call("POST", LEASES, { secret: narrow, body: { ...body, ...wish } });
    assert.deepEqual([refused.status, refused.body.code], [403, "forbidden"]);
  }
  const claimed = await site.call("POST", LEASES, { secret: narrow, body });
  assert.deepEqual(claimed.body.jobs.map((job: { id: string }) => job.id), [mine.id]);
  const rest = await site.call("POST", LEASES, { secret: whole, body });
  assert.deepEqual(rest.body.jobs.map((job: { id: string }) => job.id), [other.id]);
  const place = `${LEASES}/${rest.body.lease.id}`;
  const report = { secret: narrow, body: { attempt: 1 } };
  const foreign = await site.call("POST", `${place}/jobs/${other.id}/complete`, report);
  assert.deepEqual([foreign.status, foreign.body.code], [409, "lease_lost"]);
  const renewal = await site.call("PATCH", place, { secret: narrow, body: {} });
  assert.deepEqual([renewal.status, renewal.body.code], [409, "lease_lost"]);
  assert.equal((await site.jobd.jobs.get(other.id)).state, "running");
  const good = await site.call("POST", `${place}/jobs/${other.id}/complete`, { ...report, secret: whole });
  assert.equal(good.status, 200);
});

Deno.test("bad requests of workers name what is wrong", async () => {
  await using site = await Site.open();
  const refusals: [unknown, RegExp][] = [
    [{}, /worker/],
    [{ worker: "a b" }, /worker/],
    [{ worker: "w", limit: 0 }, /limit/],
    [{ worker: "w", wait: "1h" }, /wait: "1h" is not at most 50 seconds/],
    [{ worker: "w", lease: "1ms" }, /lease: "1ms" is not from one second to one hour/],
    [{ worker: "w", queues: [] }, /list of queues/],
    [{ worker: "w", queue: "x" }, /Unknown field "queue"/],
  ];
  for (const [body, pattern] of refusals) {
    const { status, body: problem } = await site.call("POST", LEASES, { as: "work", body });
    assert.deepEqual([status, problem.code], [400, "invalid_request"], JSON.stringify(body));
    assert.match(problem.detail, pattern);
  }
  const run = `${LEASES}/1/jobs/${crypto.randomUUID()}`;
  for (
    const [what, body, pattern] of [
      ["complete", {}, /attempt/],
      ["fail", { attempt: 1 }, /error/],
      ["fail", { attempt: 1, error: { code: "x" } }, /error/],
      ["fail", { attempt: 1, error: "x", retryIn: "soon" }, /retryIn/],
      ["snooze", { attempt: 1 }, /either a delay or a time/],
      ["wait", { attempt: 1, name: "" }, /wait name/],
      ["logs", { attempt: 1, seq: -1, text: "" }, /seq/],
    ] as const
  ) {
    const { status, body: problem } = await site.call("POST", `${run}/${what}`, { as: "work", body });
    assert.deepEqual([status, problem.code], [400, "invalid_request"], `${what} ${JSON.stringify(body)}`);
    assert.match(problem.detail, pattern);
  }
});

Deno.test("a worker that hangs up while it waits gets no job", async () => {
  await using site = await Site.open();
  const { jobd } = site;
  const secret = await site.secret("work");
  const place = { host: "127.0.0.1", port: 0, hosts: [], version: "0.0.0" };
  const server = startServer({ jobd, ...place, clock: system, log: silentLogger });
  try {
    const claim = (signal?: AbortSignal) =>
      fetch(`${server.url}${LEASES}`, {
        method: "POST",
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        body: JSON.stringify({ worker: "w1", wait: "50s" }),
        ...(signal === undefined ? {} : { signal }),
      });
    const hangUp = new AbortController();
    // The answer begins once it is clear that there is nothing at once.
    const begun = await claim(hangUp.signal);
    hangUp.abort();
    await assert.rejects(begun.text());
    const staying = claim();
    const response = await staying;
    const { id } = await jobd.enqueue({ type: "a" });
    const { jobs } = await response.json();
    assert.deepEqual(jobs.map((job: { id: string }) => job.id), [id]);
    assert.deepEqual((await jobd.executions.of(id)).map(({ attempt }) => attempt), [1]);
  } finally {
    await server.stop();
  }
});

Deno.test("a server that stops ends the waits of workers with nothing", async () => {
  await using site = await Site.open();
  const { jobd } = site;
  const secret = await site.secret("work");
  const place = { host: "127.0.0.1", port: 0, hosts: [], version: "0.0.0" };
  const server = startServer({ jobd, ...place, clock: system, log: silentLogger });
  const response = await fetch(`${server.url}${LEASES}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ worker: "w1", wait: "50s" }),
  });
  await server.stop();
  assert.deepEqual(await response.json(), { lease: null, jobs: [] });
});
