import assert from "node:assert/strict";
import { Site } from "./site.ts";

Deno.test("the audit log names token, role, address and request", async () => {
  await using site = await Site.open();
  const { token, secret } = await site.jobd.tokens.create("ada", { role: "operate" });
  const { id } = await site.jobd.enqueue({ type: "x" });
  await site.call("POST", `/api/v1/jobs/${id}/cancel`, { secret, headers: { "x-request-id": "my-request" } });
  const missing = await site.call("POST", "/api/v1/queues/none/pause", { secret });
  assert.equal(missing.status, 404);
  const { body } = await site.call("GET", `/api/v1/audit?actor=${token.id}`);
  const [failed, done, ...rest] = body.items;
  assert.deepEqual(rest, []);
  const { id: _, at, ...first } = done;
  assert.match(at, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(first, {
    namespace: "default",
    operation: "jobs.cancel",
    outcome: "done",
    surface: "http",
    token: token.id,
    name: "ada",
    role: "operate",
    address: "10.1.2.3",
    requestId: "my-request",
    input: { which: id },
    before: null,
    result: {},
    error: null,
  });
  assert.deepEqual([failed.operation, failed.outcome], ["queues.pause", "not_found"]);
  const byRequest = await site.call("GET", "/api/v1/audit?requestId=my-request&done=true&operation=jobs.*");
  assert.equal(byRequest.body.items.length, 1);
  const own = await site.call("GET", "/api/v1/audit", { secret });
  assert.equal(own.status, 403, "it is for admins");
});

Deno.test("tenants do not see each other's audit log", async () => {
  await using site = await Site.open();
  const headers = { "jobd-namespace": "acme" };
  await site.call("POST", "/api/v1/queues", { body: { name: "mail" }, headers });
  const bound = await site.secret("admin", { namespace: "shop" });
  assert.equal((await site.call("GET", "/api/v1/audit", { headers })).body.items.length, 1);
  const mine = await site.call("GET", "/api/v1/audit", { secret: bound });
  assert.deepEqual(mine.body.items, []);
  assert.equal((await site.call("GET", "/api/v1/audit", { secret: bound, headers })).status, 403);
});

Deno.test("producers leave nothing in the audit log", async () => {
  await using site = await Site.open();
  await site.call("POST", "/api/v1/jobs", { body: { type: "x" }, as: "enqueue" });
  const { body } = await site.call("GET", "/api/v1/audit?surface=http");
  assert.deepEqual(body.items, []);
});
