import assert from "node:assert/strict";
import type { Json } from "../../src/domain/json.ts";
import { httpHandler, type HttpHandlerOptions } from "../../src/runtime/handlers/http.ts";
import type { HttpConfig } from "../../src/runtime/handlers/http/http_config.ts";
import { verifyWebhook } from "../../src/runtime/webhook.ts";
import { type Attempt, attempt, type AttemptOptions, failureOf, resultOf } from "../support/handler_bench.ts";
import { TEST_AUTHORITY, TEST_CERTIFICATE, TEST_KEY } from "../support/tls_identity.ts";

const SECRET = `whsec_${btoa("a secret of enough bytes for all")}`;
const OTHER = `whsec_${btoa("another secret of enough bytes..")}`;

/** A request as a server got it. */
interface Got {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

/** A server on this machine that answers as the test says and remembers what it got. */
class Site {
  readonly got: Got[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(
    answer: (got: Got) => Response | Promise<Response>,
    tls: { cert: string; key: string } | object = {},
  ) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls },
      async (request) => {
        const { pathname, search } = new URL(request.url);
        const { method, headers } = request;
        const got = { method, path: pathname + search, headers, body: await request.text() };
        this.got.push(got);
        return await answer(got);
      },
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** One attempt with a target `it`, on this machine. */
function toTarget(
  url: string,
  body: Json,
  { config = {}, target = {}, ...options }: AttemptOptions & {
    config?: HttpConfig;
    target?: Partial<NonNullable<HttpConfig["targets"]>[string]>;
  } = {},
): Promise<Attempt> {
  const handler = httpHandler({
    allowPrivate: ["127.0.0.1"],
    ...config,
    targets: { it: { url, ...target } },
  });
  return attempt(handler, { target: "it", body }, options);
}

function byUrl(
  url: string,
  config: HttpConfig = {},
  options: HttpHandlerOptions = {},
  rest: { [key: string]: Json } = {},
): Promise<Attempt> {
  return attempt(httpHandler({ hosts: ["*"], ...config }, options), { url, ...rest });
}

Deno.test("the body is sent, signed with each secret, and the answer is the result", async () => {
  await using site = new Site(() => Response.json({ ok: true }));
  const job = { id: crypto.randomUUID() };
  const ran = await toTarget(`${site.url}/hook?a=1`, { paid: true, name: "Ünïcode" }, {
    config: { secrets: [SECRET, OTHER] },
    target: { headers: { "X-Team": "blue" } },
    job,
  });
  assert.deepEqual(resultOf(ran), { status: 200, body: { ok: true } });
  const [got] = site.got;
  assert.ok(got);
  assert.deepEqual([got.method, got.path, got.body], ["POST", "/hook?a=1", '{"paid":true,"name":"Ünïcode"}']);
  assert.equal(got.headers.get("content-type"), "application/json");
  assert.equal(got.headers.get("x-team"), "blue");
  assert.equal(got.headers.get("user-agent"), "jobd");
  assert.equal(got.headers.get("host"), `127.0.0.1:${site.port}`);
  for (const secrets of [SECRET, OTHER]) {
    const { id } = await verifyWebhook({ body: got.body, headers: got.headers, secrets });
    assert.equal(id, job.id, "the same in all attempts");
  }
});

Deno.test("without secrets a request has an id and no signature", async () => {
  await using site = new Site(() => new Response("thanks\n"));
  const ran = await byUrl(
    `${site.url}/x`,
    { allowPrivate: ["127.0.0.0/8"], ports: [site.port], hosts: ["*"] },
    {},
    { method: "PUT", headers: { authorization: "Bearer abc" }, body: "text" },
  );
  assert.deepEqual(resultOf(ran), { status: 200, body: "thanks\n" });
  const [got] = site.got;
  assert.ok(got);
  assert.deepEqual([got.method, got.body], ["PUT", '"text"']);
  assert.equal(got.headers.get("authorization"), "Bearer abc");
  assert.equal(got.headers.get("webhook-signature"), null);
  assert.match(got.headers.get("webhook-id") ?? "", /^[0-9a-f-]{36}$/);
});

Deno.test("nothing is sent for nothing: GET, and DELETE without a body", async () => {
  await using site = new Site(() => new Response(null, { status: 204 }));
  for (const method of ["GET", "DELETE"] as const) {
    const ran = await attempt(
      httpHandler({ allowPrivate: ["127.0.0.1"], targets: { it: { url: site.url, method } } }),
      { target: "it" },
    );
    assert.deepEqual(resultOf(ran), { status: 204, body: null });
  }
  assert.deepEqual(site.got.map(({ method, body }) => [method, body]), [["GET", ""], ["DELETE", ""]]);
});

Deno.test("S12: addresses that are not public are refused before anything is sent, however they are written", async () => {
  await using site = new Site(() => new Response("secret of the inside"));
  const { port } = site;
  const forms = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.０.０.１",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "[::]",
    "169.254.169.254",
    "10.0.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "localhost",
    "LOCALHOST",
  ];
  for (const host of forms) {
    const failure = failureOf(await byUrl(`http://${host}:${port}/`, { ports: [port] }));
    assert.deepEqual([failure.code, failure.permanent], ["forbidden_address", true], host);
    assert.doesNotMatch(failure.message, /inside/);
  }
  assert.deepEqual(site.got, []);
});

Deno.test("S12: a name that also leads inside is refused; its addresses are not told", async () => {
  const resolve = () => Promise.resolve(["93.184.216.34", "10.11.12.13"]);
  const failure = failureOf(await byUrl("http://both.example/", {}, { resolve }));
  assert.equal(failure.code, "forbidden_address");
  assert.doesNotMatch(JSON.stringify(failure), /10\.11\.12\.13|93\.184/);
  const odd = failureOf(
    await byUrl("http://odd.example/", {}, { resolve: () => Promise.resolve(["0x7f.1"]) }),
  );
  assert.equal(odd.code, "forbidden_address", "an address that cannot be read is none that may be reached");
});

Deno.test("S12: the address that was checked is the one that is connected to, whatever the name says later", async () => {
  await using site = new Site(() => new Response("here"));
  let asked = 0;
  // The second answer would lead elsewhere.
  const resolve = () => Promise.resolve(asked++ === 0 ? ["127.0.0.1"] : ["127.0.0.2"]);
  const config = { allowPrivate: ["127.0.0.1"], ports: [site.port] };
  const ran = await byUrl(`http://rebind.example:${site.port}/`, config, { resolve });
  assert.deepEqual(resultOf(ran), { status: 200, body: "here" });
  assert.equal(asked, 1);
  assert.equal(site.got[0]?.headers.get("host"), `rebind.example:${site.port}`);
});

Deno.test("S12: proxies of the environment are not used", async () => {
  await using proxy = new Site(() => new Response("from the proxy"));
  await using site = new Site(() => new Response("from the site"));
  const names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"];
  for (const name of names) Deno.env.set(name, proxy.url);
  try {
    assert.equal(resultOf(await toTarget(site.url, {}))["body"], "from the site");
  } finally {
    for (const name of names) Deno.env.delete(name);
  }
  assert.deepEqual(proxy.got, []);
});

Deno.test("the next address of a name is tried when nobody listens at one", async () => {
  await using site = new Site(() => new Response("here"));
  const resolve = () => Promise.resolve(["127.0.0.9", "127.0.0.1"]);
  const config = { allowPrivate: ["127.0.0.0/8"], ports: [site.port] };
  assert.equal(
    resultOf(await byUrl(`http://two.example:${site.port}/`, config, { resolve }))["body"],
    "here",
  );
});

Deno.test("S12: schemes, ports, users and hosts that are not allowed are refused", async () => {
  const wrong: [string, HttpConfig, RegExp][] = [
    ["ftp://example.com/", {}, /https:\/\/ or http/],
    ["file:///etc/passwd", {}, /https:\/\/ or http/],
    ["http://user:hunter2@example.com/", {}, /user or a password/],
    ["http://example.com:22/", {}, /port 22 is not allowed; allowed: 80, 443/],
    ["http://example.com/", { hosts: ["example.org", "*.example.com"] }, /does not let payloads send/],
    ["http://badexample.com/", { hosts: ["*.example.com"] }, /does not let payloads send/],
    ["http://example.com/", { hosts: [] }, /does not let payloads send/],
    ["//example.com/", {}, /not an address/],
    [`http://example.com/${"x".repeat(9_000)}`, {}, /not an address/],
  ];
  for (const [url, config, message] of wrong) {
    const resolve = () => assert.fail("looked up");
    const failure = failureOf(await byUrl(url, config, { resolve }));
    assert.deepEqual([failure.code, failure.permanent], ["bad_payload", true], url);
    assert.match(failure.message, message, url);
    assert.doesNotMatch(failure.message, /hunter2/);
  }
});

Deno.test("payloads that make no request are refused for good", async () => {
  const handler = httpHandler({
    hosts: ["*"],
    targets: { one: { url: "http://a.example" }, two: { url: "http://b.example" } },
  });
  const wrong: [Json, RegExp][] = [
    [null, /not an object/],
    [[], /not an object/],
    [{}, /neither a target nor a url/],
    [{ target: "three" }, /Unknown target "three"; known: one, two/],
    [{ target: "__proto__" }, /Unknown target/],
    [{ target: "one", url: "http://c.example" }, /Unknown field "url"; known: target, body/],
    [{ target: "one", headers: {} }, /Unknown field "headers"/],
    [{ url: 5 }, /not an address/],
    [{ url: "http://a.example", method: "TRACE" }, /none of POST/],
    [{ url: "http://a.example", method: "GET", body: 1 }, /GET request has no body/],
    [{ url: "http://a.example", headers: { host: "b" } }, /header host cannot be set/],
    [
      { url: "http://a.example", headers: { "Webhook-Signature": "v1,x" } },
      /webhook-signature cannot be set/,
    ],
    [{ url: "http://a.example", headers: { "Transfer-Encoding": "chunked" } }, /cannot be set/],
    [{ url: "http://a.example", headers: { "x-a": "1\r\nx-b: 2" } }, /not printable ASCII/],
    [{ url: "http://a.example", headers: { "x a": "1" } }, /not the name of a header/],
    [{ url: "http://a.example", headers: { "x-a": 1 } }, /not printable ASCII/],
    [{ url: "http://a.example", headers: { "x-a": "1", "X-A": "2" } }, /there twice/],
  ];
  for (const [payload, message] of wrong) {
    const failure = failureOf(await attempt(handler, payload));
    assert.deepEqual([failure.code, failure.permanent], ["bad_payload", true], JSON.stringify(payload));
    assert.match(failure.message, message, JSON.stringify(payload));
  }
});

Deno.test("statuses: what passes is tried again, the rest is final", async () => {
  for (const status of [408, 425, 500, 502, 503, 504, 507]) {
    await using site = new Site(() => new Response("x", { status }));
    const failure = failureOf(await toTarget(site.url, {}));
    assert.deepEqual([failure.code, failure.permanent], [`http_${status}`, false]);
  }
  for (const status of [400, 401, 403, 404, 410, 422, 451]) {
    await using site = new Site(() => new Response("x", { status }));
    const failure = failureOf(await toTarget(site.url, {}));
    assert.deepEqual([failure.code, failure.permanent], [`http_${status}`, true]);
  }
});

Deno.test("Retry-After is obeyed, in seconds and as a date", async () => {
  const wait = async (status: number, retryAfter: string, job = {}): Promise<unknown> => {
    await using site = new Site(() => new Response("", { status, headers: { "retry-after": retryAfter } }));
    return (await toTarget(site.url, {}, { job })).outcome;
  };
  const failed = await wait(503, "7") as { retryInMs?: number };
  assert.equal(failed.retryInMs, 7_000);
  const far = await wait(503, "99999999") as { retryInMs?: number };
  assert.equal(far.retryInMs, 86_400_000, "a day at most");
  const nonsense = await wait(503, "soon") as { retryInMs?: number };
  assert.equal(nonsense.retryInMs, undefined, "the backoff holds");
  const date = await wait(503, new Date(Date.now() + 3_600_000).toUTCString()) as { retryInMs: number };
  assert.ok(date.retryInMs > 3_000_000 && date.retryInMs <= 3_600_000, String(date.retryInMs));
  const past = await wait(503, new Date(0).toUTCString()) as { retryInMs?: number };
  assert.equal(past.retryInMs, 0);
});

Deno.test("429 costs no attempt; with a limit key all jobs of it slow down", async () => {
  await using site = new Site(() => new Response("", { status: 429, headers: { "retry-after": "30" } }));
  const alone = (await toTarget(site.url, {})).outcome;
  assert.deepEqual(alone, { kind: "snoozed", delayMs: 30_000, reason: "The server asks to slow down (429)" });
  const keyed = (await toTarget(site.url, {}, { job: { options: { limitKey: "it" } } })).outcome;
  assert.deepEqual(keyed, {
    kind: "snoozed",
    delayMs: 30_000,
    coolDown: true,
    reason: "The server asks to slow down (429)",
  });
  await using mute = new Site(() => new Response("", { status: 429 }));
  const preset = await toTarget(mute.url, {}, { config: { rateLimitDelay: "5m" } });
  assert.equal((preset.outcome as { delayMs?: number }).delayMs, 300_000);
});

Deno.test("S12: redirects are not followed", async () => {
  await using inside = new Site(() => new Response("inside"));
  for (const status of [301, 302, 303, 307, 308]) {
    await using site = new Site(() => new Response(null, { status, headers: { location: inside.url } }));
    const failure = failureOf(await toTarget(site.url, {}));
    assert.deepEqual([failure.code, failure.permanent], [`http_${status}`, true]);
    assert.match(failure.message, /redirects are not followed/);
  }
  assert.deepEqual(inside.got, []);
});

Deno.test("failures tell nothing that services inside say", async () => {
  await using site = new Site(() => new Response("stack trace with a password", { status: 500 }));
  const { outcome, log } = await toTarget(site.url, {});
  assert.doesNotMatch(JSON.stringify([outcome, log]), /password/);
});

Deno.test("what an answer repeats of secrets is struck out", async () => {
  await using site = new Site(({ headers }) => Response.json(Object.fromEntries(headers)));
  const config = { secrets: [SECRET] };
  const target = { headers: { authorization: "Bearer topsecret-token", "x-team": "blue" } };
  const text = JSON.stringify((await toTarget(site.url, {}, { config, target })).outcome);
  assert.doesNotMatch(text, /topsecret/);
  assert.match(text, /"x-team":"blue"/);
});

Deno.test("of a long answer the beginning is kept, and the rest is not read", async () => {
  let sent = 0;
  let ended = false;
  await using site = new Site(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent++;
          controller.enqueue(new TextEncoder().encode("é".repeat(50_000)));
        },
        cancel() {
          ended = true;
        },
      }),
    )
  );
  const result = resultOf(await toTarget(site.url, {}, { config: { maxResponse: 1_001 } }));
  assert.deepEqual(result, { status: 200, body: "é".repeat(500), truncated: true });
  while (!ended) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(sent < 1_000, `${sent} pieces`);
});

Deno.test("an answer that is no text is not kept", async () => {
  const bodies: [BodyInit, HeadersInit][] = [
    [new Uint8Array([0xff, 0xfe, 0]), {}],
    ["a\0b", {}],
    ["whatever", { "content-encoding": "x-own" }],
  ];
  for (const [body, headers] of bodies) {
    await using site = new Site(() => new Response(body, { headers }));
    const result = resultOf(await toTarget(site.url, {}));
    assert.deepEqual(result, { status: 200, body: null, omitted: "The body is not text" });
  }
});

Deno.test("a cancelled job gives its request up", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  await using site = new Site(() => {
    arrived.resolve();
    return answer.promise;
  });
  const stop = new AbortController();
  const ran = toTarget(site.url, {}, { signal: stop.signal });
  await arrived.promise;
  stop.abort("cancelled");
  const { outcome } = await ran;
  assert.deepEqual(outcome, { kind: "completed", result: null }, "what follows an abort is ignored");
  answer.resolve(new Response());
});

Deno.test("a server that does not answer in time is a failure that is tried again", async () => {
  const answer = Promise.withResolvers<Response>();
  await using site = new Site(() => answer.promise);
  const failure = failureOf(await toTarget(site.url, {}, { target: { timeout: 50 } }));
  assert.deepEqual([failure.code, failure.permanent], ["timeout", false]);
  answer.resolve(new Response());
});

Deno.test("a name that nobody answers for in time, or at all", async () => {
  const never = new Promise<string[]>(() => {});
  const slow = await byUrl("http://slow.example/", { timeout: 50 }, { resolve: () => never });
  assert.equal(failureOf(slow).code, "timeout");
  const unknown = Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
  const none = await byUrl("http://none.example/", {}, { resolve: () => Promise.reject(unknown) });
  const failure = failureOf(none);
  assert.deepEqual([failure.code, failure.permanent], ["unreachable", false]);
  assert.match(failure.message, /none\.example.*ENOTFOUND/);
  const empty = failureOf(await byUrl("http://empty.example/", {}, { resolve: () => Promise.resolve([]) }));
  assert.equal(empty.code, "unreachable");
});

Deno.test("a server that goes away is a failure that is tried again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const broken = toTarget(`http://127.0.0.1:${port}`, {});
  const connection = await listener.accept();
  await connection.read(new Uint8Array(1_024));
  await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
  connection.close();
  assert.equal(failureOf(await broken).code, "unreachable");
  listener.close();
  const refused = failureOf(await toTarget(`http://127.0.0.1:${port}`, {}));
  assert.deepEqual([refused.code, refused.permanent], ["unreachable", false]);
});

Deno.test("TLS: the certificate must be for the name, though the address is connected to", async () => {
  const tls = { cert: TEST_CERTIFICATE, key: TEST_KEY };
  await using site = new Site(() => new Response("encrypted"), tls);
  const config = { allowPrivate: ["127.0.0.1"], ports: [site.port] };
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const good = await byUrl(`https://hooks.test:${site.port}/`, config, { resolve, ca: TEST_AUTHORITY });
  assert.equal(resultOf(good)["body"], "encrypted");
  const name = await byUrl(`https://other.test:${site.port}/`, config, { resolve, ca: TEST_AUTHORITY });
  assert.equal(failureOf(name).code, "unreachable");
  const authority = await byUrl(`https://hooks.test:${site.port}/`, config, { resolve });
  assert.equal(failureOf(authority).code, "unreachable");
  assert.equal(site.got.length, 1);
});

Deno.test("a configuration that cannot be meant is refused, without showing secrets", () => {
  const it = (target: object) => ({ targets: { it: { url: "https://a.example", ...target } } });
  const wrong: [HttpConfig, RegExp][] = [
    [it({ url: "a.example" }), /targets\.it\.url: "a\.example" is not an address/],
    [it({ url: "ftp://a.example" }), /targets\.it\.url/],
    [it({ url: "https://u:hunter2@a.example" }), /user or a password/],
    [it({ method: "BREW" }), /"BREW" is none of POST/],
    [it({ headers: { host: "b" } }), /header host cannot be set/],
    [it({ headers: { authorization: "env:MISSING" } }), /variable "MISSING" is not set/],
    [it({ secrets: ["hunter2"] }), /targets\.it\.secrets: The secret is not whsec_/],
    [it({ timeout: "0s" }), /timeout: it is 0/],
    [{ hosts: ["https://a.example"] }, /hosts: "https:\/\/a\.example" is not the name of a host/],
    [{ hosts: ["127.0.0.1"] }, /hosts/],
    [{ allowPrivate: ["10.1.2.3/8"] }, /allowPrivate: .*network such as/],
    [{ allowPrivate: ["*"] }, /allowPrivate/],
    [{ ports: [0] }, /ports: 0/],
    [{ secrets: ["env:MISSING"] }, /secrets: the variable "MISSING"/],
    [{ timeout: "soon" }, /timeout/],
    [{ maxResponse: 1e9 }, /maxResponse/],
    [{ rateLimitDelay: "0s" }, /rateLimitDelay/],
  ];
  for (const [config, message] of wrong) {
    assert.throws(
      () => httpHandler(config, { variable: () => undefined }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "invalid_config");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  }
});

Deno.test("secrets and headers come from variables", async () => {
  await using site = new Site(() => new Response());
  const variables: Record<string, string> = { SECRETS: `${SECRET} ${OTHER}`, TOKEN: "Bearer t" };
  const handler = httpHandler({
    allowPrivate: ["127.0.0.1"],
    secrets: ["env:SECRETS"],
    targets: { it: { url: site.url, headers: { authorization: "env:TOKEN" } } },
  }, { variable: (name) => variables[name] });
  resultOf(await attempt(handler, { target: "it", body: null }));
  const [got] = site.got;
  assert.ok(got);
  assert.equal(got.headers.get("authorization"), "Bearer t");
  assert.equal(got.headers.get("webhook-signature")?.split(" ").length, 2);
  await verifyWebhook({ body: got.body, headers: got.headers, secrets: OTHER });
});
