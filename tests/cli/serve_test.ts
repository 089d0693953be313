import assert from "node:assert/strict";
import { Daemon, ProgramFolder } from "./program.ts";

/** Calls the API of a daemon. */
async function call(
  daemon: Daemon,
  path: string,
  init: RequestInit & { secret?: string } = {},
): Promise<Response> {
  const { url } = await daemon.logged("API listens");
  const { secret, ...rest } = init;
  const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
  return await fetch(`${url}${path}`, {
    ...rest,
    headers: { ...headers, "content-type": "application/json" },
  });
}

async function secretOf(folder: ProgramFolder, role: string): Promise<string> {
  const made = await folder.run(["tokens", "create", "test", "--role", role]);
  assert.equal(made.code, 0, made.stderr);
  return made.stdout.trim();
}

Deno.test("jobd start serves the API: a job is made, runs, and its result is waited for", async () => {
  await using folder = await ProgramFolder.create();
  await folder.write(
    "sum.ts",
    `import { defineJob } from "@jobd/jobd";
export const sum = defineJob({ type: "sum", run: (job) => job.payload.reduce((a, b) => a + b) });`,
  );
  const daemon = new Daemon(folder.command(["start", "--handlers", "sum.ts"]).spawn());
  await daemon.logged("jobd started");
  const secret = await secretOf(folder, "admin");
  const made = await call(daemon, "/api/v1/jobs", {
    method: "POST",
    body: JSON.stringify({ type: "sum", payload: [40, 2] }),
    secret,
  });
  assert.equal(made.status, 201);
  const { id } = await made.json();
  const result = await call(daemon, `/api/v1/jobs/${id}/result?wait=30s`, { secret });
  assert.equal((await result.json()).result, 42);
  assert.equal((await (await call(daemon, "/livez")).json()).status, "ok");
  assert.equal((await (await call(daemon, "/health")).json()).code, "unauthorized");
  const health = await (await call(daemon, "/health", { secret })).json();
  assert.deepEqual(health.store, { status: "ok", backend: "sqlite" });
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
});

Deno.test("jobd serve serves a migrated store and runs nothing; SIGTERM ends it", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  const secret = await secretOf(folder, "operate");
  const daemon = new Daemon(folder.command(["serve"]).spawn());
  const made = await call(daemon, "/api/v1/jobs", { method: "POST", body: '{"type":"x"}', secret });
  const { id } = await made.json();
  assert.equal((await (await call(daemon, `/api/v1/jobs/${id}`, { secret })).json()).state, "available");
  assert.deepEqual((await (await call(daemon, "/api/v1/workers", { secret })).json()).items, []);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  const before = await folder.run(["jobs", "--json"]);
  assert.equal(JSON.parse(before.stdout).items.length, 1);
});

Deno.test("the API does not listen where other machines could read along, unless that is asked for", async () => {
  await using folder = await ProgramFolder.create();
  await folder.run(["migrate"]);
  for (const host of ["0.0.0.0", "::"]) {
    const refused = await folder.run(["serve", "--api-host", host]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /may not listen at .* without TLS[^]*API_PLAINTEXT=on/);
  }
  const half = await folder.run(["serve"], { env: { API_TLS_CERT: "cert.pem" } });
  assert.deepEqual([half.code, /belong together/.test(half.stderr)], [2, true]);
  const wide = new Daemon(
    folder.command(["serve", "--api-host", "0.0.0.0"], { env: { API_PORT: "0", API_PLAINTEXT: "on" } })
      .spawn(),
  );
  await wide.logged("API listens");
  wide.kill("SIGTERM");
  assert.equal(await wide.ended(), 0);
});

Deno.test("a daemon whose usual port is taken runs jobs without an API, and says so", async () => {
  await using folder = await ProgramFolder.create();
  // Whoever has it: this test, or somebody else on this machine.
  let own: Deno.Listener | undefined;
  try {
    own = Deno.listen({ hostname: "127.0.0.1", port: 8080 });
  } catch (error) {
    assert.ok(error instanceof Deno.errors.AddrInUse);
  }
  const daemon = new Daemon(folder.command(["start"], { env: { API_PORT: "" } }).spawn());
  const warning = await daemon.logged("This daemon serves no API: another program listens at its port");
  assert.equal(warning["level"], "warn");
  await daemon.logged("jobd started");
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
  own?.close();
});

Deno.test("a chosen port that is taken stops the start and says what to do; --no-http does without", async () => {
  await using folder = await ProgramFolder.create();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const env = { API_PORT: String(taken.addr.port) };
  const refused = await folder.run(["start"], { env });
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /Cannot listen at 127\.0\.0\.1:\d+[^]*--no-http/);
  const daemon = new Daemon(folder.command(["start", "--no-http"], { env }).spawn());
  await daemon.logged("jobd started");
  assert.ok(daemon.lines.every(({ message }) => message !== "API listens"));
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended(), 0);
});
