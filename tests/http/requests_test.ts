import assert from "node:assert/strict";
import { Site } from "./site.ts";

Deno.test("requests under names that are not jobd's are refused before anything else", async () => {
  await using site = await Site.open({ hosts: ["jobs.example.com"] });
  const hosts = {
    "localhost": 401,
    "localhost:8080": 401,
    "LOCALHOST:1": 401,
    "127.0.0.1:8080": 401,
    "[::1]:8080": 401,
    "jobs.example.com": 401,
    "Jobs.Example.com:443": 401,
    "evil.example.com": 403,
    "localhost.": 403,
    "localhost.evil.com": 403,
    "127.0.0.1.evil.com": 403,
    "2130706433": 403,
    "0x7f.1": 403,
    "127.1": 403,
    "0.0.0.0": 403,
    "localhost:80:80": 403,
    "localhost@evil.com": 403,
    "evil.com#localhost": 403,
    "localhost, evil.com": 403,
    "[::ffff:127.0.0.1]": 403,
    "": 403,
  };
  for (const [host, status] of Object.entries(hosts)) {
    const answer = await site.call("GET", "/api/v1/jobs", { as: null, headers: { host } });
    assert.equal(answer.status, status, JSON.stringify(host));
    if (status === 403) assert.equal(answer.body.code, "forbidden_host");
  }
});

Deno.test("a browser page of somebody else is refused, one of jobd's own is not", async () => {
  await using site = await Site.open();
  const origins = {
    "http://localhost:8080": 200,
    "http://localhost:3000": 403,
    "http://localhost": 403,
    "https://evil.example.com": 403,
    "http://localhost:8080.evil.com": 403,
    "http://localhost:8080/": 403,
    "file://localhost:8080": 403,
    "null": 403,
    "x": 403,
  };
  for (const [origin, status] of Object.entries(origins)) {
    const answer = await site.call("GET", "/api/v1/jobs", { headers: { origin } });
    assert.equal(answer.status, status, origin);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("a body that is no JSON object, too long, too deep or of two minds is refused with the reason", async () => {
  await using site = await Site.open();
  const refusals: [string, number, RegExp][] = [
    ["{", 400, /Invalid body: /],
    ["[]", 400, /is not a JSON object/],
    ["null", 400, /is not a JSON object/],
    ['{"type":"a","type":"b"}', 400, /appears twice in one object/],
    ['{"type":"a","payload":{"x":1,"\\u0078":2}}', 400, /appears twice in one object/],
    [`{"payload":${"[".repeat(70)}${"]".repeat(70)}}`, 400, /payload/],
    [`{"payload":${"[".repeat(500_000)}${"]".repeat(500_000)}}`, 400, /payload/],
    [`{"tags":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400, /Invalid tags/],
    [`{"payload":"${"x".repeat(1024 * 1024)}"}`, 413, /longer than 1048576 bytes/],
    ['{"payload":12345678901234567890}', 400, /beyond 2\^53/],
    ['{"payload":{"__proto__":1}}', 400, /payload/],
    ['{"payload":"\\u0000"}', 400, /payload/],
    ['{"jobs":[]}', 400, /Unknown field "jobs"/],
    ['{"priority":"urgent"}', 400, /Invalid priority: "urgent": expected one of "critical"\|"high"/],
    ['{"delay":{}}', 400, /Invalid delay: \{\}: expected string, .* or expected number/],
    [
      '{"unique":{"key":"k","onConflict":"x"}}',
      400,
      /Invalid unique.onConflict: "x": expected one of "keep"/,
    ],
    ['{"maxAttempts":0}', 400, /maxAttempts/],
  ];
  for (const [body, status, detail] of refusals) {
    const answer = await site.call("POST", "/api/v1/jobs", { body });
    assert.equal(answer.status, status, body.slice(0, 60));
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.match(answer.body.detail, detail);
    assert.equal(answer.body.requestId, answer.headers.get("x-request-id"));
  }
  assert.deepEqual((await site.call("GET", "/api/v1/jobs")).body.items, [], "nothing was made");
});

Deno.test("a form of another page cannot send a body, nor can bytes that are no text", async () => {
  await using site = await Site.open();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
    const answer = await site.call("POST", "/api/v1/jobs", { body: "{}", headers: { "content-type": type } });
    assert.deepEqual([answer.status, answer.body.code], [415, "unsupported_media_type"], type);
  }
  const bytes = new Request("http://localhost:8080/api/v1/jobs", {
    method: "POST",
    headers: {
      "host": "localhost:8080",
      "authorization": `Bearer ${await site.secret("admin")}`,
      "content-type": "application/json; charset=utf-8",
    },
    body: new Uint8Array([0x7b, 0xff, 0x7d]),
  });
  const answer = await site.answer(bytes);
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).detail, /not UTF-8/);
});

Deno.test("unknown paths and methods are told from each other, and only to those who have a token", async () => {
  await using site = await Site.open();
  assert.equal((await site.call("GET", "/api/v1/nothing", { as: null })).status, 401);
  assert.deepEqual((await site.call("GET", "/api/v1/nothing")).body.code, "route_not_found");
  const wrong = await site.call("PUT", "/api/v1/jobs");
  assert.deepEqual([wrong.status, wrong.body.code], [405, "method_not_allowed"]);
  assert.deepEqual(wrong.headers.get("allow")?.split(", ").sort(), ["GET", "POST"]);
});

Deno.test("a job that does not exist is 404, one in the wrong state 409, each with its code", async () => {
  await using site = await Site.open();
  const missing = "01900000-0000-7000-8000-00000000dead";
  assert.deepEqual((await site.call("GET", `/api/v1/jobs/${missing}`)).body.code, "not_found");
  assert.deepEqual((await site.call("GET", "/api/v1/jobs/xyz")).status, 400);
  const { body: { id } } = await site.call("POST", "/api/v1/jobs", { body: { type: "a" } });
  const retried = await site.call("POST", `/api/v1/jobs/${id}/retry`);
  assert.deepEqual([retried.status, retried.body.code], [409, "conflict"]);
});

Deno.test("repeating a request with its Idempotency-Key makes no job twice", async () => {
  await using site = await Site.open();
  const headers = { "idempotency-key": "order-4711" };
  const body = { type: "a", payload: { n: 1 } };
  const first = await site.call("POST", "/api/v1/jobs", { body, headers });
  const again = await site.call("POST", "/api/v1/jobs", { body, headers });
  assert.deepEqual([first.body.outcome, again.body.outcome], ["created", "existing"]);
  assert.equal(again.body.id, first.body.id);
  const other = await site.call("POST", "/api/v1/jobs", {
    body,
    headers: { ...headers, "jobd-namespace": "b" },
  });
  assert.notEqual(other.body.id, first.body.id);
  const many = () => site.call("POST", "/api/v1/jobs/bulk", { body: { jobs: [body, body] }, headers });
  const [one, two] = [(await many()).body.items, (await many()).body.items];
  assert.deepEqual(one.map((item: { id: string }) => item.id), two.map((item: { id: string }) => item.id));
  assert.equal((await site.call("GET", "/api/v1/jobs")).body.items.length, 2);
});

Deno.test("a page goes on where the one before ended", async () => {
  await using site = await Site.open();
  await site.jobd.enqueueMany(Array.from({ length: 5 }, (_, n) => ({ type: "a", payload: { n } })));
  const seen: number[] = [];
  let cursor = "";
  do {
    const query = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await site.call("GET", `/api/v1/jobs?limit=2&state=available${query}`);
    seen.push(...body.items.map((job: { payload: { n: number } }) => job.payload.n));
    cursor = body.nextCursor ?? "";
  } while (cursor !== "");
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  assert.equal((await site.call("GET", "/api/v1/jobs?cursor=nonsense&state=available")).status, 400);
});
