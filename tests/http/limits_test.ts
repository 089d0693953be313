import assert from "node:assert/strict";
import { Jobd } from "../../src/runtime/jobd.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { MemoryDriver } from "../../src/storage/memory/driver.ts";
import { system } from "../../src/storage/system.ts";
import { Crowd, REQUESTS_MAX, URL_MAX } from "../../src/surfaces/http/limits.ts";
import { startServer } from "../../src/surfaces/http/server.ts";
import { Site } from "./site.ts";

Deno.test("S17: a long address is refused, one that just fits is not", async () => {
  await using site = await Site.open();
  const path = (length: number): string => {
    const start = "/api/v1/jobs?search=";
    return start + "x".repeat(length - `http://localhost:8080${start}`.length);
  };
  assert.equal((await site.call("GET", path(URL_MAX))).status, 200);
  const long = await site.call("GET", path(URL_MAX + 1));
  assert.deepEqual([long.status, long.body.code], [414, "uri_too_long"]);
});

Deno.test("S17: so many requests at once and no more; a stream counts until it is over", async () => {
  const crowd = new Crowd();
  const answer = Promise.withResolvers<Response>();
  const waiting = Array.from({ length: REQUESTS_MAX - 1 }, () => crowd.answer(() => answer.promise));
  const stream = await crowd.answer(() =>
    Promise.resolve(
      new Response(new ReadableStream({ pull: (out) => out.enqueue(new Uint8Array(1)) }), {
        headers: { "content-type": "text/event-stream" },
      }),
    )
  );
  const refused = () => assert.rejects(crowd.answer(() => assert.fail("let in")), { code: "overloaded" });
  await refused();
  await stream.body?.cancel();
  await assert.rejects(crowd.answer(() => Promise.reject(new Error("broken"))), /broken/);
  assert.equal(await (await crowd.answer(() => Promise.resolve(new Response("in")))).text(), "in");
  answer.resolve(new Response());
  await Promise.all(waiting);
  const over = await crowd.answer(() =>
    Promise.resolve(new Response("data", { headers: { "content-type": "text/event-stream" } }))
  );
  assert.equal(await over.text(), "data");
});

Deno.test("over the wire: headers are bounded; long answers are compressed, short ones and streams are not", async () => {
  await using jobd = await Jobd.open(new MemoryDriver());
  const { secret } = await jobd.tokens.create("test", { role: "admin" });
  const server = startServer({
    jobd,
    host: "127.0.0.1",
    port: 0,
    version: "0",
    clock: system,
    log: silentLogger,
    hosts: [],
  });
  /** The head of an answer, as it goes over the wire. */
  const head = async (path: string, headers: Record<string, string>): Promise<string> => {
    const { hostname, port } = new URL(server.url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const all = { host: "localhost", authorization: `Bearer ${secret}`, connection: "close", ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${lines}\r\n`));
    let text = "";
    const buffer = new Uint8Array(65_536);
    while (!text.includes("\r\n\r\n")) {
      const read = await connection.read(buffer);
      if (read === null) break;
      text += new TextDecoder("latin1").decode(buffer.subarray(0, read));
    }
    return text.slice(0, text.indexOf("\r\n\r\n")).toLowerCase();
  };
  try {
    for (const path of ["/api/v1/openapi.json", "/api/docs", "/api/docs/script.js"]) {
      assert.match(await head(path, { "accept-encoding": "gzip" }), /content-encoding: gzip/, path);
      assert.doesNotMatch(await head(path, {}), /content-encoding/, path);
    }
    assert.doesNotMatch(await head("/api/v1/me", { "accept-encoding": "gzip" }), /content-encoding/);
    const accept = { accept: "text/event-stream", "accept-encoding": "gzip" };
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-${at}`, "1"]));
    assert.match(await head("/api/v1/me", many(125)), /200 ok/);
    assert.match(await head("/api/v1/me", many(126)), /400 bad request/);
    assert.match(await head("/api/v1/me", { "x-long": "y".repeat(60_000) }), /200 ok/);
    assert.match(await head("/api/v1/me", { "x-long": "y".repeat(66_000) }), /400 bad request/);
    const stream = await head("/api/v1/events", accept);
    assert.match(stream, /200 ok/);
    assert.doesNotMatch(stream, /content-encoding/);
  } finally {
    await server.stop();
  }
});
