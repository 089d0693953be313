// Agents that reach a server: the official client over HTTP, and what keeps others out.
import assert from "node:assert/strict";
import { Jobd } from "../../src/mod.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { system } from "../../src/storage/system.ts";
import { startServer } from "../../src/surfaces/http/server.ts";
import { Site } from "../http/site.ts";
import { ask, callTool } from "./agent.ts";
import { call, ERAS, failure, httpClient } from "./clients.ts";

interface Running extends AsyncDisposable {
  jobd: Jobd;
  url: string;
  stop(): Promise<void>;
  /** A token, and with it a header. */
  bearer(options: Parameters<Jobd["tokens"]["create"]>[1]): Promise<Record<string, string>>;
}

async function running(): Promise<Running> {
  const jobd = await Jobd.open(new MemoryDriver());
  const server = startServer({
    jobd,
    host: "127.0.0.1",
    port: 0,
    hosts: [],
    version: "1",
    clock: system,
    log: silentLogger,
  });
  return {
    jobd,
    url: server.url,
    stop: () => server.stop(),
    async bearer(options) {
      const { secret } = await jobd.tokens.create("the agent", options);
      return { authorization: `Bearer ${secret}` };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await jobd.close();
    },
  };
}

for (const era of ERAS) {
  Deno.test(`the official client works with /mcp (${era})`, async () => {
    await using here = await running();
    const headers = await here.bearer({ role: "operate" });
    await using client = await httpClient(era, here.url, headers);
    const { id } = await call(client, "enqueue_job", { type: "greet", payload: { n: 1 } });
    const { options: { agent, origin } } = await here.jobd.jobs.get(id);
    assert.equal(agent?.tool, "enqueue_job");
    assert.match(agent?.token ?? "", /^\w{8}$/);
    assert.equal(origin, `agent:${agent?.client}`);
    // Before a generation of the protocol in which each request says who sends it, only the request itself does.
    assert.match(agent?.client ?? "", era === "modern" ? /^tester\/1\.2\.3$/ : /./);
    assert.equal((await call(client, "list_jobs")).items.length, 1);
    assert.match(await failure(client, "list_namespaces"), /^forbidden: .*admin is needed/);
    assert.deepEqual((await client.readResource({ uri: `jobd://jobs/${id}` })).contents.length, 1);
    assert.ok((await client.getPrompt({ name: "check_queues" })).messages.length > 1);
    const done = new Promise<void>((resolve) => {
      const worker = here.jobd.worker({ handlers: [{ type: "greet", run: () => "hello" }] });
      void worker.start().then(() => here.jobd.jobs.wait(id)).then(() => worker.stop()).then(resolve);
    });
    const { result } = await call(client, "wait_for_job", { id });
    assert.equal(result, "hello");
    await done;
  });
}

Deno.test("a token's namespace, role, queues and types hold for tools as they do for the API", async () => {
  await using here = await running();
  const tenant = await here.bearer({ role: "operate", namespace: "acme" });
  await using acme = await httpClient("legacy", here.url, tenant);
  const { id } = await call(acme, "enqueue_job", { type: "a" });
  const all = await here.bearer({ role: "admin" });
  await using admin = await httpClient("modern", here.url, all);
  assert.match(await failure(admin, "get_job", { id }), /^not_found/);
  await using visitor = await httpClient("modern", here.url, { ...all, "jobd-namespace": "acme" });
  assert.equal((await call(visitor, "get_job", { id })).namespace, "acme");
  const narrow = await here.bearer({ role: "enqueue", types: ["email.send"] });
  await using producer = await httpClient("legacy", here.url, narrow);
  assert.match(await failure(producer, "enqueue_job", { payload: { prompt: "x" } }), /not for jobs of type/);
  const { tools } = await producer.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), [
    "add_to_batch",
    "create_batch",
    "enqueue_job",
    "enqueue_jobs",
    "get_me",
    "seal_batch",
  ]);
});

Deno.test("/mcp is shut to whoever the API is shut to", async () => {
  await using site = await Site.open();
  const body = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
  const accept = "application/json, text/event-stream";
  const post = (options: Parameters<Site["call"]>[2]) => site.call("POST", "/mcp", { body, ...options });
  const codeOf = async (options: Parameters<Site["call"]>[2]) => {
    const { status, body } = await post(options);
    return [status, body.code];
  };
  assert.deepEqual(await codeOf({ as: null }), [401, "unauthorized"]);
  assert.deepEqual(await codeOf({ secret: `jobd_${"a".repeat(8)}_${"b".repeat(43)}` }), [
    401,
    "unauthorized",
  ]);
  assert.deepEqual(await codeOf({ headers: { host: "evil.example" } }), [403, "forbidden_host"]);
  assert.deepEqual(await codeOf({ headers: { origin: "https://evil.example" } }), [403, "forbidden_origin"]);
  assert.deepEqual(await codeOf({ headers: { origin: "null" } }), [403, "forbidden_origin"]);
  assert.deepEqual(await codeOf({ headers: { "content-type": "text/plain" } }), [
    415,
    "unsupported_media_type",
  ]);
  assert.deepEqual(await codeOf({ body: { ...body, x: "y".repeat(1_100_000) } }), [413, "body_too_large"]);
  const acme = await site.secret("operate", { namespace: "acme" });
  assert.deepEqual(await codeOf({ secret: acme, headers: { "jobd-namespace": "other" } }), [
    403,
    "forbidden",
  ]);
  assert.deepEqual(await codeOf({ headers: { "jobd-attempt": "x" } }), [400, "invalid_request"]);
  for (const method of ["GET", "DELETE", "PUT"]) {
    assert.equal((await site.call(method, "/mcp", { headers: { accept } })).status, 405, method);
  }
  for (
    const bad of [
      "{",
      "[]",
      `[${JSON.stringify(body)}]`,
      '{"a":1,"a":2}',
      "7",
      '{"id":1}',
      '{"__proto__":{}}',
    ]
  ) {
    const { status, body: { jsonrpc, error } } = await post({ body: bad, headers: { accept } });
    assert.equal(status, 400, bad);
    assert.equal(jsonrpc, "2.0");
    assert.ok([-32700, -32600].includes(error.code), bad);
  }
  assert.deepEqual(site.faults, []);
});

Deno.test("no session is kept: an id of one that somebody else may have had is worth nothing", async () => {
  await using site = await Site.open();
  const headers = { "mcp-session-id": "stolen" };
  const { status, body } = await site.call("POST", "/mcp", {
    body: { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} },
    headers: { ...headers, accept: "application/json, text/event-stream" },
    as: null,
  });
  assert.deepEqual([status, body.code], [401, "unauthorized"]);
  const refused = await callTool(site, "list_jobs", {}, { as: "enqueue", headers });
  assert.equal(refused.code, "forbidden");
});

Deno.test("the audit log names the agent for what operators do", async () => {
  await using here = await running();
  const headers = await here.bearer({ role: "operate" });
  await using client = await httpClient("modern", here.url, headers);
  const { id } = await call(client, "enqueue_job", { type: "a" });
  await call(client, "cancel_job", { id });
  const { items } = await here.jobd.audit.page({ operation: "jobs.cancel", limit: 10 });
  assert.deepEqual(
    items.map(({ surface, name, role, outcome, address }) => ({ surface, name, role, outcome, address })),
    [{ surface: "mcp", name: "tester/1.2.3", role: "operate", outcome: "done", address: "127.0.0.1" }],
  );
  const { options: { agent } } = await here.jobd.jobs.get(id);
  assert.equal(items[0]?.token, agent?.token);
});

Deno.test("a server that stops lets nobody wait, and ends well", async () => {
  await using here = await running();
  const headers = await here.bearer({ role: "operate" });
  await using client = await httpClient("legacy", here.url, headers);
  const { id } = await call(client, "enqueue_job", { type: "nobody" });
  const waiting = call(client, "wait_for_job", { id, wait: "60s" }).then(
    ({ state }) => state,
    () => "cut off",
  );
  await call(client, "health_check");
  await here.stop();
  assert.ok(["available", "cut off"].includes(await waiting));
});

Deno.test("who waits for long is told that it goes on, when it wants to be", async () => {
  await using here = await running();
  const headers = await here.bearer({ role: "operate" });
  await using client = await httpClient("modern", here.url, headers);
  const { id } = await call(client, "enqueue_job", { type: "nobody" });
  const told: number[] = [];
  await client.callTool({ name: "wait_for_job", arguments: { id, wait: "6s" } }, {
    onprogress: ({ progress }) => void told.push(progress),
  });
  assert.deepEqual(told, [5]);
});

Deno.test("a fault of the program is in its log and not in the answer", async () => {
  await using site = await Site.open();
  site.jobd.jobs.get = () => Promise.reject(new TypeError("secret detail"));
  const { code, text } = await callTool(site, "get_job", { id: crypto.randomUUID() });
  assert.equal(code, "internal");
  assert.ok(!text.includes("secret"));
  assert.equal(site.faults.length, 1);
  const { error } = await ask(site, "resources/read", { uri: `jobd://jobs/${crypto.randomUUID()}` });
  assert.equal(error.code, -32603);
  assert.ok(!JSON.stringify(error).includes("secret"));
});
