import assert from "node:assert/strict";
import { MAX_INSTANT_MS } from "../../src/domain/instant.ts";
import { type JobRequest, newJob } from "../../src/domain/request.ts";
import { uniqueLock } from "../../src/domain/unique.ts";

const NOW = Date.UTC(2026, 0, 1);
const ID = "019b7000-0000-7000-8000-000000000001";
const make = (request: JobRequest): ReturnType<typeof newJob> =>
  newJob(request, { now: NOW, id: ID, maxAttempts: 5 });

Deno.test("the empty request is a job of the default type", () => {
  assert.deepEqual(make({}), {
    id: ID,
    namespace: "default",
    queue: "default",
    type: "claude",
    priority: 0,
    payload: {},
    maxAttempts: 5,
    createdAt: NOW,
    runAt: NOW,
    expireAt: null,
    options: {},
  });
});

Deno.test("everything that can be asked for", () => {
  const id = "019b7000-0000-7000-8000-0000000000ff";
  const job = make({
    type: "email.send",
    payload: { to: "a@b.c" },
    id,
    namespace: "team",
    queue: "mail",
    priority: "high",
    delay: "5m",
    maxAttempts: 7,
    timeout: "30s",
    ttl: "1h",
    backoff: { base: "1s", jitter: "none" },
    retention: "1d",
    uniqueKey: "a@b.c",
    tags: ["x", "y", "x"],
    origin: "web",
    meta: { user: 1 },
    headers: { "X-Request-Id": "4711", empty: "" },
  });
  assert.deepEqual(job, {
    id,
    namespace: "team",
    queue: "mail",
    type: "email.send",
    priority: 10,
    payload: { to: "a@b.c" },
    maxAttempts: 7,
    createdAt: NOW,
    runAt: NOW + 300_000,
    expireAt: NOW + 3_600_000,
    options: {
      timeoutMs: 30_000,
      backoff: { baseMs: 1_000, maxMs: 3_600_000, jitter: "none" },
      retentionMs: 86_400_000,
      ttlMs: 3_600_000,
      uniqueKey: "a@b.c",
      origin: "web",
      tags: ["x", "y"],
      meta: { user: 1 },
      headers: { "x-request-id": "4711", empty: "" },
    },
  });
  assert.equal(uniqueLock(job), "team\nemail.send\na@b.c");
  assert.equal(uniqueLock(make({})), null);
});

Deno.test("the type comes from the payload when the request names none", () => {
  assert.equal(make({ payload: { type: "email" } }).type, "email");
  assert.equal(make({ payload: { type: "email" }, type: "sms" }).type, "sms");
  assert.deepEqual([make({ payload: { type: "claude" } }).type, make({ type: "claude" }).type], [
    "claude",
    "claude",
  ]);
  for (const payload of [{ type: 5 }, { type: null }, [], "type", null]) {
    assert.equal(make({ payload }).type, "claude");
  }
});

Deno.test("any JSON is a payload, null included", () => {
  for (const payload of [null, 0, false, "", [], [1], "x"]) {
    assert.deepEqual(make({ payload }).payload, payload);
  }
});

Deno.test("the first start: now, after a delay, or at a time; also one that has passed", () => {
  assert.equal(make({ delay: 0 }).runAt, NOW);
  assert.equal(make({ runAt: "2026-06-01" }).runAt, Date.UTC(2026, 5, 1));
  assert.equal(make({ runAt: new Date(5) }).runAt, 5);
  const late = newJob({ delay: "36500d", ttl: "36500d" }, {
    now: MAX_INSTANT_MS - 5,
    id: ID,
    maxAttempts: 1,
  });
  assert.deepEqual([late.runAt, late.expireAt], [MAX_INSTANT_MS, MAX_INSTANT_MS]);
});

Deno.test("limits hold at n - 1, n and n + 1", () => {
  const accepts = (request: JobRequest): boolean => {
    try {
      make(request);
      return true;
    } catch {
      return false;
    }
  };
  const table: [string, number, (n: number) => JobRequest][] = [
    ["attempts", 1000, (n) => ({ maxAttempts: n })],
    ["unique key", 512, (n) => ({ uniqueKey: "k".repeat(n) })],
    ["origin", 256, (n) => ({ origin: "o".repeat(n) })],
    ["tags", 32, (n) => ({ tags: Array.from({ length: n }, (_, tag) => `t${tag}`) })],
    ["tag", 128, (n) => ({ tags: ["t".repeat(n)] })],
    ["meta", 16 * 1024, (n) => ({ meta: { a: "x".repeat(n - 8) } })],
    ["payload", 256 * 1024, (n) => ({ payload: "x".repeat(n - 2) })],
    ["queue", 127, (n) => ({ queue: "q".repeat(n) })],
    ["priority", 32_767, (n) => ({ priority: n })],
  ];
  for (const [what, limit, request] of table) {
    assert.deepEqual(
      [limit - 1, limit, limit + 1].map((n) => accepts(request(n))),
      [true, true, false],
      what,
    );
  }
});

Deno.test("every wrong field is refused with its name and value", () => {
  const table: [unknown, RegExp][] = [
    [null, /^Invalid job: null is not an object$/],
    [[], /^Invalid job: \[\]/],
    ["x", /^Invalid job: "x"/],
    [{ typ: "x" }, /^Unknown job field "typ"$/],
    [JSON.parse('{"__proto__":1}'), /^Unknown job field "__proto__"$/],
    [{ toString: 1 }, /^Unknown job field "toString"$/],
    [{ type: "a b" }, /^Invalid type: "a b"/],
    [{ type: 5 }, /^Invalid type: 5/],
    [{ payload: { type: "a b" } }, /^Invalid type: "a b"/],
    [{ payload: { a: 2 ** 53 } }, /^Invalid payload at "a": /],
    [{ payload: () => 1 }, /^Invalid payload: a function/],
    [{ id: "1" }, /^Invalid job id: "1" is not a UUID/],
    [{ id: ID.toUpperCase() }, /^Invalid job id: /],
    [{ id: 5 }, /^Invalid job id: 5/],
    [{ namespace: "" }, /^Invalid namespace: ""/],
    [{ queue: "a\nb" }, /^Invalid queue: "a\\nb"/],
    [{ priority: 1.5 }, /^Invalid priority: 1.5/],
    [{ delay: "soon" }, /^Invalid delay: "soon"/],
    [{ delay: null }, /^Invalid delay: null/],
    [{ runAt: "soon" }, /^Invalid start time: "soon"/],
    [{ runAt: null }, /^Invalid start time: null/],
    [{ delay: "1s", runAt: "2026-06-01" }, /both a delay and a start time/],
    [{ maxAttempts: 0 }, /^Invalid maxAttempts: 0 is not an integer from 1 to 1000$/],
    [{ maxAttempts: "5" }, /^Invalid maxAttempts: "5"/],
    [{ timeout: 0 }, /^Invalid timeout: 0 is not longer than 0$/],
    [{ timeout: "x" }, /^Invalid timeout: "x"/],
    [{ ttl: "0s" }, /^Invalid ttl: "0s" is not longer than 0$/],
    [{ backoff: "5s" }, /^Invalid backoff: "5s"/],
    [{ backoff: { base: "x" } }, /^Invalid backoff base: "x"/],
    [{ retention: -1 }, /^Invalid retention: -1/],
    [{ uniqueKey: "" }, /^Invalid unique key: ""/],
    [{ uniqueKey: 5 }, /^Invalid unique key: 5/],
    [{ uniqueKey: "a\u0000" }, /^Invalid unique key: "a\\u0000"/],
    [{ uniqueKey: "\ud800" }, /^Invalid unique key: /],
    [{ tags: "x" }, /^Invalid tags: "x"/],
    [{ tags: [1] }, /^Invalid tag: 1/],
    [{ tags: [""] }, /^Invalid tag: ""/],
    [{ origin: {} }, /^Invalid origin: \{\}/],
    [{ meta: "x" }, /^Invalid meta: "x" is not an object$/],
    [{ meta: [1] }, /^Invalid meta: \[1\]/],
    [{ meta: { a: "\u0000" } }, /^Invalid meta at "a": /],
  ];
  for (const [request, message] of table) {
    assert.throws(() => make(request as JobRequest), { name: "JobdError", code: "invalid_request", message });
  }
});
