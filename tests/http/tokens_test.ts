import assert from "node:assert/strict";
import { Site } from "./site.ts";

Deno.test("a token that is unknown, malformed, revoked or expired is refused in the same words", async () => {
  await using site = await Site.open();
  const { secret, token } = await site.jobd.tokens.create("old", { role: "admin" });
  await site.jobd.tokens.revoke(token.id);
  const late = await site.jobd.tokens.create("late", { role: "admin", expiresAt: site.jobd.now() + 100 });
  while (site.jobd.now() <= (late.token.expiresAt ?? 0)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const wrong = `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`;
  const answers = [];
  for (const one of [secret, late.secret, wrong, "jobd_x", "x"]) {
    const { status, body: { requestId: _, ...body } } = await site.call("GET", "/api/v1/jobs", {
      secret: one,
    });
    answers.push(JSON.stringify({ status, body }));
  }
  assert.equal(new Set(answers).size, 1, answers.join("\n"));
  assert.match(answers[0] ?? "", /"status":401/);
});

Deno.test("a token that is revoked lets nobody in a second later", async () => {
  await using site = await Site.open();
  const { secret, token } = await site.jobd.tokens.create("x", { role: "read" });
  assert.equal((await site.call("GET", "/api/v1/jobs", { secret })).status, 200);
  await site.jobd.tokens.revoke(token.id);
  const revokedAt = site.jobd.now();
  while (site.jobd.now() <= revokedAt + 1_000) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await site.call("GET", "/api/v1/jobs", { secret })).status, 401);
});

Deno.test("a token of a namespace sees that one and no other", async () => {
  await using site = await Site.open();
  const secret = await site.secret("operate", { namespace: "acme" });
  const made = await site.call("POST", "/api/v1/jobs", { body: { type: "a" }, secret });
  const { id } = made.body;
  assert.equal((await site.call("GET", `/api/v1/jobs/${id}`, { secret })).body.namespace, "acme");
  assert.equal(
    (await site.call("GET", `/api/v1/jobs/${id}`)).status,
    404,
    "it is not in the default namespace",
  );
  const asked = await site.call("GET", `/api/v1/jobs/${id}`, { headers: { "jobd-namespace": "acme" } });
  assert.equal(asked.status, 200, "an admin of all may ask for any");
  const other = await site.call("GET", "/api/v1/jobs", { secret, headers: { "jobd-namespace": "default" } });
  assert.deepEqual([other.status, other.body.code], [403, "forbidden"]);
});

Deno.test("a producer's token is for its queues and types, also in bulk, and for nothing else", async () => {
  await using site = await Site.open();
  const secret = await site.secret("enqueue", { queues: ["emails"], types: ["email.send"] });
  const send = (body: unknown, path = "/api/v1/jobs") => site.call("POST", path, { body, secret });
  assert.equal((await send({ type: "email.send", queue: "emails" })).status, 201);
  assert.equal((await send({ payload: { type: "email.send" }, queue: "emails" })).status, 201);
  for (const body of [{ type: "email.send" }, { type: "exec", queue: "emails" }, { queue: "emails" }]) {
    assert.equal((await send(body)).body.code, "forbidden", JSON.stringify(body));
  }
  const bulk = { jobs: [{ type: "email.send", queue: "emails" }, { type: "claude", queue: "emails" }] };
  assert.equal((await send(bulk, "/api/v1/jobs/bulk")).status, 403);
  assert.equal((await site.call("GET", "/api/v1/jobs", { secret })).status, 403);
  assert.equal((await site.call("GET", "/api/v1/jobs")).body.items.length, 2);
});

Deno.test("what a token cannot be is refused when it is made", async () => {
  await using site = await Site.open();
  const { tokens } = site.jobd;
  await assert.rejects(tokens.create("x", { role: "root" as "admin" }), /one of read, enqueue, work/);
  await assert.rejects(tokens.create("x", { role: "read", queues: ["q"] }), /cannot be for some queues/);
  await assert.rejects(tokens.create("x", { role: "enqueue", queues: [] }), /one name or more/);
  await assert.rejects(tokens.create("", { role: "read" }), /token name/);
  await assert.rejects(tokens.create("x", { role: "read", expiresAt: 1 }), /in the future/);
  await assert.rejects(tokens.create("x", { role: "read", expiresAt: 1, expiresIn: "1d" }), /both/);
  await assert.rejects(tokens.revoke("nobody"), { code: "not_found" });
});
