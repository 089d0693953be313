import assert from "node:assert/strict";
import { FakeWorld } from "./fake_host.ts";

Deno.test("tokens create shows the secret once, on stdout, so that a script can keep it", async () => {
  const world = new FakeWorld();
  const made = await world.run(["tokens", "create", "me", "--role", "admin"]);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.match(made.stdout, /^jobd_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}\n$/);
  assert.match(made.stderr, /Keep it: it cannot be shown again/);
  const jobd = await world.jobd();
  assert.equal((await jobd.tokens.find(made.stdout.trim()))?.name, "me");
  const listed = await world.run(["tokens", "list"]);
  assert.doesNotMatch(listed.stdout, new RegExp(made.stdout.trim().slice(14)));
  assert.match(listed.stdout, /me +admin +all +.* for ever/);
});

Deno.test("tokens create --json has all that was asked for", async () => {
  const world = new FakeWorld();
  const made = await world.run([
    ...["tokens", "create", "shop", "--role", "enqueue", "--only", "acme", "--queue", "a,b", "--type", "t"],
    ...["--expires", "1d", "--json"],
  ]);
  const { id, secret, createdAt, expiresAt, ...rest } = made.json();
  assert.ok(secret.startsWith(`jobd_${id}_`));
  assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 86_400_000);
  assert.deepEqual(rest, {
    name: "shop",
    role: "enqueue",
    namespace: "acme",
    queues: ["a", "b"],
    types: ["t"],
    revokedAt: null,
  });
});

Deno.test("tokens revoke takes several back and names those that do not exist", async () => {
  const world = new FakeWorld();
  const made = await world.run(["tokens", "create", "me", "--json"]);
  const { id, secret, role } = made.json();
  assert.equal(role, "operate");
  const revoked = await world.run(["tokens", "revoke", id, "nobody"]);
  assert.deepEqual([revoked.exitCode, revoked.stdout], [3, `${id} revoked\n`]);
  assert.match(revoked.stderr, /There is no token "nobody"/);
  assert.equal(await (await world.jobd()).tokens.find(secret), undefined);
  assert.match((await world.run(["tokens", "list"])).stdout, /revoked (now|\d+s ago)/);
});

Deno.test("a token that cannot be is refused with what is allowed", async () => {
  const world = new FakeWorld();
  for (
    const [args, error] of [
      [["--role", "root"], /--role: "root" is not one of read, enqueue, work, operate, admin/],
      [["--role", "read", "--queue", "q"], /cannot be for some queues or types only/],
      [["--expires", "soon"], /--expires: "soon" is not a duration/],
    ] as const
  ) {
    const refused = await world.run(["tokens", "create", "x", ...args]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, error);
  }
});
